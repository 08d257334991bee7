#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Shows the scheduler of examples/scx_hints in a virtual machine: hinted threads first, commands,
# ejections, hints that survive them. docs/sched_ext.md explains what is to be seen.
set -euo pipefail

usage()
{
	cat <<-END
		usage: $0 [-b BUILD] [KERNEL] [-- OPTION...]
		  KERNEL    a name in tests/vm/kernels.txt, of one with sched_ext (default: newest)
		  -b BUILD  build directory, default build/dev; it is built first
		  OPTION    of scx_hints, besides --demo
	END
}

cd "$(dirname "$0")/.."
build=build/dev
while getopts b:h option; do
	case $option in
	b) build=$OPTARG ;;
	h) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
done
shift $((OPTIND - 1))
kernel=newest
if (($#)) && [[ $1 != -* ]]; then
	kernel=$1
	shift
fi
[[ ${1:-} != -- ]] || shift

scripts/setup.sh qemu-system-x86 busybox-static cpio
if [[ ! -e $build/CMakeCache.txt ]]; then
	scripts/setup.sh libcmocka-dev
	cmake --preset dev -B "$build" >/dev/null
fi
cmake --build "$build" --target scx_hints >/dev/null
image=$(tests/vm/fetch.sh qemu "$kernel" | sed -n "s/^$kernel //p")
echo "Linux ${image##*/vmlinuz-}, emulated:"
exec tests/vm/run.sh -k "$image" -b 60 -t 300 "$build/examples/scx_hints" --demo "$@"
