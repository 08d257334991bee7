#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# apt.sh SOURCE_DIR: scripts/apt.sh waits while apt's lock is held, not for ever, and for nothing
# else.
set -eu

apt=$1/scripts/apt.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail()
{
	cat "$work/out" "$work/err"
	echo "apt: $*" >&2
	exit 1
}

# Stands for apt-get: says what that says, as many times as the file "locked" has lines.
cat >"$work/apt-get" <<'END'
#!/bin/sh
echo "installing $*"
[ -s "$(dirname "$0")/locked" ] || exit "$(cat "$(dirname "$0")/status")"
sed -i 1d "$(dirname "$0")/locked"
echo "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1 (apt)" >&2
echo "E: Unable to acquire the dpkg frontend lock" >&2
exit 100
END
chmod +x "$work/apt-get"

run() # LOCKED STATUS LIMIT
{
	seq "$1" >"$work/locked"
	echo "$2" >"$work/status"
	status=0
	APT_LOCK_TIMEOUT=$3 "$apt" "$work/apt-get" install x >"$work/out" 2>"$work/err" || status=$?
}

run 0 0 60
[ "$status" -eq 0 ] || fail "does not run what need not wait"
[ ! -s "$work/err" ] || fail "says something without need"
run 2 0 60
[ "$status" -eq 0 ] || fail "does not wait"
grep -q "held by process 1 (apt); waiting" "$work/err" || fail "does not say for what it waits"
[ "$(grep -c waiting "$work/err")" -eq 1 ] || fail "says it again and again"
run 100 0 2
[ "$status" -eq 100 ] || fail "waits for ever"
grep -q "gave up after 2 seconds" "$work/err" || fail "does not say that it gave up"
run 0 3 60
[ "$status" -eq 3 ] || fail "does not pass on what it was not waiting for"
[ "$(grep -c installing "$work/out")" -eq 1 ] || fail "tries other errors again"
echo "apt: waits for locks"
