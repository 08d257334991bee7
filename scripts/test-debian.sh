#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# test-debian.sh [SUITE [CTEST-OPTION...]]: what README.md tells newcomers, on a Debian that has
# nothing installed yet (default: bookworm): its commands, scripts/demo.sh, and scripts/test.sh with
# these options of ctest (default: -L "unit|abi|downstream"). As root; the kernel is this machine's.
set -euo pipefail

cd "$(dirname "$0")/.."
suite=${1:-bookworm}
shift $(($# > 0))
(($#)) || set -- -L 'unit|abi|downstream'
((UID == 0)) || { echo "${0##*/}: needs root" >&2 && exit 1; }
scripts/setup.sh debootstrap

root=$(mktemp -d "${TMPDIR:-/var/tmp}/libbpfring-$suite.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
# shellcheck disable=SC2016 # apt's own variables
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
	grep -m1 -E '/debian/?$')
debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" ||
	{ cat "$root.log" && exit 1; }
rm "$root.log"
cp /etc/resolv.conf "$root/etc/"
echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/90yes"
mkdir "$root/root/libbpfring"
git ls-files -z | tar --null -T - -c | tar -C "$root/root/libbpfring" -x

# sudo is not there, and root does not need it. The example runs until it is interrupted.
cat >"$root/usr/local/bin/sudo" <<'END'
#!/bin/sh
[ "$1" = ./minimal ] || exec "$@"
(sleep 1 && uname -a) &
timeout 5 stdbuf -oL ./minimal >out || true
grep -m1 ' uname$' out
END
chmod +x "$root/usr/local/bin/sudo"
awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' README.md >"$root/root/commands"

inside() # COMMAND...: in a mount namespace, which takes its mounts with it
{
	unshare -m sh -ec '
		root=$1 && shift
		mount --make-rprivate /
		mount --bind /dev "$root/dev"
		mount --bind /dev/pts "$root/dev/pts"
		mount -t proc proc "$root/proc"
		mount --rbind /sys "$root/sys"
		exec chroot "$root" env -i HOME=/root TERM=dumb \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"' \
		sh "$root" "$@"
}

echo "== README.md on $suite"
inside sh -exc 'apt-get -qq update && cd ~/libbpfring && . ~/commands'
echo "== scripts/demo.sh on $suite"
inside sh -ec 'cd ~/libbpfring && scripts/demo.sh 3'
echo "== scripts/test.sh on $suite"
inside sh -ec 'cd ~/libbpfring && scripts/test.sh "$@"' sh "$@"
