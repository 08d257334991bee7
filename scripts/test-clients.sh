#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Runs programs of Debian 13 that use libbpf's ring buffers, unchanged, with and without
# libbpfring-compat.so, and compares what they print. They are unpacked below the cache, without
# privileges, and run as root.
set -euo pipefail

usage()
{
	cat <<-END
		usage: $0 [-b BUILD] [-k KERNEL] [CLIENT...]
		  CLIENT     bpftrace, newest-bpftrace, bcc: on this machine;
		             bpftune, pcp: in a virtual machine
		             (default: all); measure: what bpftrace costs the program that it traces
		  -b BUILD   build directory, default build/dev; it is built first
		  -k KERNEL  the virtual machine's, a name in tests/vm/kernels.txt (default 6.12)
	END
}

cd "$(dirname "$0")/.."
build=build/dev kernel=6.12
while getopts b:k:h option; do
	case $option in
	b) build=$OPTARG ;;
	k) kernel=$OPTARG ;;
	h) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
done
shift $((OPTIND - 1))
(($#)) || set -- bpftrace newest-bpftrace bcc bpftune pcp

cache=${XDG_CACHE_HOME:-$HOME/.cache}/libbpfring/clients
mkdir -p "$cache"
[[ -e $build/CMakeCache.txt ]] || cmake --preset dev -B "$build" >/dev/null
cmake --build "$build" --target bpfring-run bpfring_preload bpfring-paced >/dev/null
build=$(realpath "$build")
run=$build/compat/run/bpfring-run
paced=$build/tests/clients/paced
library=$build/compat/libbpfring-compat.so
failed=0

# A package with all that it needs, unpacked; prints where.
unpacked() # NAME PACKAGE
{
	[[ -e $cache/$1/usr ]] || tests/vm/fetch.sh --programs trixie amd64 "$cache/$1" "$2" >&2
	echo "$cache/$1"
}

# Kernel headers in one tree, as bcc wants them. They need not be those of the running kernel for
# what it compiles.
headers()
{
	local dir=$cache/headers version

	if [[ ! -e $dir/include ]]; then
		version=$(tests/vm/fetch.sh --depends trixie amd64 linux-headers-cloud-amd64 |
			sed -nE 's/^(linux-headers-.*)-cloud-amd64$/\1/p' | head -1)
		tests/vm/fetch.sh --packages trixie amd64 "$dir.parts" \
			"$version-cloud-amd64" "$version-common" >&2
		rm -rf "$dir"
		cp -a "$dir.parts/usr/src/$version-common" "$dir"
		# Some are links to absolute paths.
		cp -a "$dir.parts/usr/src/$version-cloud-amd64/." "$dir" 2>/dev/null || true
		rm -rf "$dir.parts"
	fi
	echo "$dir"
}

bpftrace()
{
	tests/clients/bpftrace.sh "$(unpacked bpftrace bpftrace)" "$run" "$paced"
}

measure()
{
	tests/clients/measure.sh "$(unpacked bpftrace bpftrace)" "$run" "$paced"
}

# Of sid. From 0.24 on Debian's bpftrace has libbpf linked into it.
newest-bpftrace()
{
	local dir=$cache/newest-bpftrace said

	[[ -e $dir/usr ]] || tests/vm/fetch.sh --packages sid amd64 "$dir" bpftrace >&2
	said=$("$run" -n "$dir/usr/bin/bpftrace" 2>&1) || true
	echo "newest-bpftrace: $said"
	[[ $said == *"has libbpf linked into it"* || $said == *"they are taken over"* ]]
}

bcc()
{
	tests/clients/bcc.sh "$(unpacked bcc python3-bpfcc)" "$run" "$paced" "$(headers)"
}

# Only what a program needs goes into the guest: libraries, and the files that are named. Links are
# followed.
trimmed() # ROOT FILE...
{
	local root=$1 dir=$1.guest file

	rm -rf "$dir"
	mkdir -p "$dir/usr/lib/x86_64-linux-gnu"
	cp -a "$root/usr/lib64" "$dir/usr/"
	find "$root/usr/lib/x86_64-linux-gnu" "$root/usr/lib" -maxdepth 1 \
		-name '*.so*' ! -name 'lib*LLVM*' \
		-exec cp -a -t "$dir/usr/lib/x86_64-linux-gnu" {} +
	for file in "${@:2}"; do
		mkdir -p "$dir/$(dirname "$file")"
		cp -rL "$root/$file" "$dir/$file"
	done
	echo "$dir"
}

in_guest() # SECONDS ROOT SCRIPT ARGUMENT...
{
	local limit=$1 root=$2 image

	shift 2
	image=$(tests/vm/fetch.sh qemu "$kernel" | awk -v name="$kernel" '$1 == name { print $2 }')
	tests/vm/run.sh -k "$image" -t "$limit" -f "$root" -f "$run" -f "$library" "$@"
}

# It wants CAP_SYS_RESOURCE, changes settings of the system, and needs kprobes.
bpftune()
{
	local root

	root=$(trimmed "$(unpacked bpftune bpftune)" usr/sbin/bpftune \
		usr/lib/x86_64-linux-gnu/bpftune)
	in_guest 400 "$root" "$PWD/tests/clients/guest-bpftune.sh" "$root" "$run"
}

# Its agent needs tracefs, and kprobes.
pcp()
{
	local root

	root=$(trimmed "$(unpacked pcp pcp)" usr/bin/dbpmda etc/pcp.conf etc/pcp.env \
		usr/lib/pcp/pmdas/bpf usr/lib/pcp/bin/pmcpp)
	in_guest 400 "$root" "$PWD/tests/clients/guest-pcp.sh" "$root" "$run" "$library"
}

for client in "$@"; do
	declare -F "$client" >/dev/null || { usage >&2 && exit 2; }
	"$client" || { echo "$client: FAILED" >&2 && failed=1; }
done
exit $failed
