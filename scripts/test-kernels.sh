#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Runs the tests on other kernels, each in a virtual machine, all with the same binaries, and prints a
# table. A skip counts as a failure unless the kernel truly lacks what the test says it lacks.
set -euo pipefail

usage()
{
	cat <<-END
		usage: $0 [-b BUILD] [-l LABELS] [-r TESTS] [-w] [KERNEL...]
		  KERNEL     names in tests/vm/kernels.txt (default: 5.10 6.1 6.12 6.18 newest)
		  -b BUILD   build directory, default build/dev; it is built first
		  -l LABELS  tests by label, a regular expression of ctest; default: $labels
		  -r TESTS   tests by name, a regular expression of ctest; default: all
		  -w         keep the table as docs/kernels.md
		What the tests print is kept in BUILD/kernels.
	END
}

cd "$(dirname "$0")/.."
build=build/dev labels='kernel' tests=. write=''
boot_limit=60 test_limit=100 run_limit=900
while getopts b:l:r:wh option; do
	case $option in
	b) build=$OPTARG ;;
	l) labels=$OPTARG ;;
	r) tests=$OPTARG ;;
	w) write=yes ;;
	h) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
done
shift $((OPTIND - 1))
kernels=("$@")
(($#)) || kernels=(5.10 6.1 6.12 6.18 newest)

scripts/setup.sh libcmocka-dev qemu-system-x86 busybox-static cpio
if [[ ! -e $build/CMakeCache.txt ]]; then
	cmake --preset dev -B "$build" >/dev/null
fi
cmake --build "$build" >/dev/null
out=$build/kernels
rm -rf "$out"
mkdir -p "$out"
ctest --test-dir "$build" -N -V -L "$labels" -R "$tests" | awk '
	sub(/^[0-9]+: Test command: /, "") { command = $0 }
	sub(/^ *Test +#[0-9]+: /, "") { print $0 "\t" command }' >"$out/tests"
[[ -s $out/tests ]] || { echo "${0##*/}: no tests" >&2 && exit 1; }
# The programs, and the files among their arguments.
mapfile -t files < <(cut -f2 "$out/tests" | tr -d '"' | tr ' ' '\n' | grep '^/' | sort -u | sed 's/^/-f\n/')

# Programs that the tests run and busybox cannot stand in for.
for program in env true sleep stdbuf; do
	files+=(-f "$(type -P "$program")")
done
files+=(-f /usr/libexec/coreutils/libstdbuf.so)

tests/vm/fetch.sh qemu "${kernels[@]}" >"$out/images"
guest="$PWD/tests/vm/guest-tests.sh" features="$PWD/tests/vm/features.txt" list="$PWD/$out/tests"
results=()
for kernel in "${kernels[@]}"; do
	image=$(sed -n "s/^$kernel //p" "$out/images")
	results+=("$out/$kernel.output")
	echo "== $kernel: ${image##*/vmlinuz-}" >&2
	status=0
	tests/vm/run.sh -k "$image" -b "$boot_limit" -t "$run_limit" -l "$out/$kernel" "${files[@]}" \
		-f "$guest" -f "$list" -f "$features" -- \
		sh "$guest" "$list" "$features" "$test_limit" >"${results[-1]}" || status=$?
	echo "@run $status" >>"${results[-1]}"
done

status=0
awk -f tests/vm/table.awk "$features" "$list" "${results[@]}" >"$out/table" || status=$?
cat "$out/table"
if [[ $write ]]; then
	{ sed '/^<!-- table -->$/q' docs/kernels.md && echo && cat "$out/table"; } >"$out/kernels.md"
	cp "$out/kernels.md" docs/kernels.md
fi
exit "$status"
