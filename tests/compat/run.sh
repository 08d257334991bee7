#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# run.sh BPFRING_RUN LIBRARY LINKED LOOKED_UP ARCHIVE: the launcher says what it does, and what it
# cannot do; programs that are preloaded, linked with the archive, or neither print the same.
set -euo pipefail

run=$1 library=$2 linked=$3 looked_up=$4 archive=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail()
{
	echo "run: $*" >&2
	failed=1
}

expect() # TEXT FILE
{
	grep -qF -- "$1" "$2" || {
		cat "$2"
		fail "expected \"$1\""
	}
}

expect_not() # TEXT FILE
{
	! grep -qF -- "$1" "$2" || {
		cat "$2"
		fail "did not expect \"$1\""
	}
}

says() # TEXT STATUS OPTION... PROGRAM: what bpfring-run -n makes of it
{
	local text=$1 status=$2 got=0

	shift 2
	"$run" -n "$@" >"$work/out" 2>&1 || got=$?
	expect "$text" "$work/out"
	[[ $got == "$status" ]] || fail "status $got of $*, expected $status"
}

# Before it is started.
says "calls libbpf's ring buffers: they are taken over" 0 "$linked"
says "looks libbpf's functions up with dlsym()" 1 "$looked_up"
says "has libbpf linked into it" 1 "$archive"
says "does not call libbpf's ring buffers" 0 /bin/sh
busybox=$(type -P busybox) && says "is linked statically" 1 "$busybox"
cp /bin/true "$work/setuid"
if chown 65534 "$work/setuid" 2>/dev/null && chmod 4755 "$work/setuid"; then
	says "is set-user-ID" 1 "$work/setuid"
fi
printf '#!/bin/sh\nexec "$1" "$2"\n' >"$work/script"
chmod +x "$work/script"
says "(/bin/sh)" 0 "$work/script"

# A program that has nothing to be taken over, and says so at its end only.
"$run" /bin/true 2>"$work/out"
expect "nothing was taken over" "$work/out"
"$run" -q -f "$work/file" /bin/true 2>"$work/out"
[[ ! -s $work/out ]] || fail "-f FILE, but stderr has something"
expect "nothing was taken over" "$work/file"
# Its exit status and that of programs that are not there.
status=0 && "$run" /bin/sh -c 'exit 7' 2>/dev/null || status=$?
[[ $status == 7 ]] || fail "exit status 7 became $status"
status=0 && "$run" "$work/nothing" 2>/dev/null || status=$?
[[ $status == 127 ]] || fail "no such program: status $status"
status=0 && "$run" /etc/passwd 2>/dev/null || status=$?
[[ $status == 126 ]] || fail "no program: status $status"

# Programs that read rings, which needs root.
status=0 && "$linked" >"$work/plain" || status=$?
if [[ $status == 77 ]]; then
	cat "$work/plain"
	exit $((failed ? 1 : 77))
fi
expect "record 71, 8 bytes" "$work/plain"
"$run" -v "$linked" >"$work/preloaded" 2>"$work/out"
cmp "$work/plain" "$work/preloaded" || fail "another output with the library preloaded"
expect "is taken over" "$work/out"
expect "ring 'test_ring'" "$work/out"
expect "5 records" "$work/out"
# shellcheck disable=SC1010 # arguments of the program
"$run" "$linked" and do not free it >"$work/preloaded" 2>"$work/out"
expect "5 records" "$work/out"
"$run" "$work/script" "$linked" >"$work/preloaded" 2>"$work/out"
cmp "$work/plain" "$work/preloaded" || fail "another output of what a script starts"
expect "5 records" "$work/out"
"$run" -q -v -w sleep -l 1ms "$linked" >"$work/preloaded" 2>"$work/out"
cmp "$work/plain" "$work/preloaded" || fail "another output with -w sleep"
expect_not "records" "$work/out"
LD_PRELOAD=$library BPFRING_COMPAT=off,verbose "$linked" >"$work/preloaded" 2>"$work/out"
cmp "$work/plain" "$work/preloaded" || fail "another output with BPFRING_COMPAT=off"
expect_not "taken over" "$work/out"
LD_PRELOAD=$library BPFRING_COMPAT=wait=never,latency=5years "$linked" \
	>"$work/preloaded" 2>"$work/out"
cmp "$work/plain" "$work/preloaded" || fail "another output with options that are none"
expect '"wait" is not understood' "$work/out"
BPFRING_COMPAT=verbose "$archive" >"$work/relinked" 2>"$work/out"
cmp "$work/plain" "$work/relinked" ||
	fail "another output of a program that is linked with the archive"
expect "is taken over" "$work/out"
BPFRING_COMPAT=verbose,off "$archive" >"$work/relinked" 2>"$work/out"
cmp "$work/plain" "$work/relinked" || fail "another output of that with BPFRING_COMPAT=off"
expect_not "taken over" "$work/out"
# It cannot be taken over, but must not be harmed: libbpf's own functions call each other through
# our names.
LD_PRELOAD=$library "$looked_up" 0.5 >/dev/null ||
	fail "a program that uses dlsym() fails with the library preloaded"

exit $failed
