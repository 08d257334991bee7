#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Runs the tests on other kernels, each in a virtual machine, all with the same binaries, and prints
# a table. A skip counts as a failure unless the kernel truly lacks what the test says it lacks.
set -euo pipefail

usage()
{
	cat <<-END
		usage: $0 [-1] [-b BUILD] [-j N] [-l LABELS] [-r TESTS] [-w] [KERNEL...]
		  KERNEL     names in tests/vm/kernels.txt (default: 5.10 6.1 6.12 6.18 newest),
		             or live: this machine's own, as root, alone and at full speed
		  -1         one processor in each machine, on which the kernel preempts itself
		  -b BUILD   build directory, default build/dev; it is built first
		  -j N       so many machines at a time, of two processors each (default 2)
		  -l LABELS  tests by label, a regular expression of ctest; default: $labels
		  -r TESTS   tests by name, a regular expression of ctest; default: all
		  -w         keep the table as docs/kernels.md
		What the tests print is kept in BUILD/kernels.
	END
}

cd "$(dirname "$0")/.."
build=build/dev labels='kernel' tests=. write='' jobs=2 machine=()
boot_limit=60 test_limit=200 run_limit=1500
while getopts 1b:j:l:r:wh option; do
	case $option in
	1) machine=(-c 1 -a preempt=full) ;;
	b) build=$OPTARG ;;
	j) jobs=$OPTARG ;;
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
mapfile -t files < <(cut -f2 "$out/tests" | tr -d '"' | tr ' ' '\n' | grep '^/' |
	sort -u | sed 's/^/-f\n/')

# Programs that the tests run and busybox cannot stand in for.
for program in env true sleep stdbuf bpftool; do
	files+=(-f "$(PATH=$PATH:/usr/sbin type -P "$program")")
done
files+=(-f /usr/libexec/coreutils/libstdbuf.so)
files+=(-f "$(gcc -print-file-name=libgcc_s.so.1)") # glibc loads it when a thread is cancelled

mapfile -t guests < <(printf '%s\n' "${kernels[@]}" | grep -vx live)
if ((${#guests[@]})); then
	tests/vm/fetch.sh qemu "${guests[@]}" >"$out/images"
fi
guest="$PWD/tests/vm/guest-tests.sh" features="$PWD/tests/vm/features.txt" list="$PWD/$out/tests"
probe="$PWD/$build/examples/probe"

in_guest() # KERNEL IMAGE
{
	local status=0 pid

	tests/vm/run.sh -k "$2" "${machine[@]}" -b "$boot_limit" -t "$run_limit" \
		-l "$out/$1" "${files[@]}" \
		-f "$guest" -f "$list" -f "$features" -f "$probe" -- \
		sh "$guest" "$list" "$features" "$probe" "$test_limit" &
	pid=$!
	trap 'kill "$pid"' TERM
	wait "$pid" || status=$?
	return "$status"
}

run() # KERNEL
{
	local image status=0 start=$SECONDS

	if pkg-config --atleast-version=1.4 libbpf; then
		echo "@has libbpf-1.4"
	fi
	if [[ $1 == live ]]; then
		image=$(uname -r)
		echo "@has disk"
		echo "begins: ${0##*/} $$" >/dev/kmsg
		TEST_SLOWNESS=1 sh "$guest" "$list" "$features" "$probe" "$test_limit" 2>&1 ||
			status=$?
		if dmesg | sed "1,/begins: ${0##*/} $$/d" | grep -Ef tests/vm/complaints.txt; then
			status=123
		fi
	else
		image=$(sed -n "s/^$1 //p" "$out/images")
		in_guest "$1" "$image" || status=$?
	fi
	echo "@run $status"
	echo "== $1: ${image##*/vmlinuz-}, $((SECONDS - start)) s" >&2
}

trap 'jobs -pr | xargs -r kill' EXIT
results=()
for kernel in "${kernels[@]}"; do
	while (($(jobs -pr | wc -l) >= jobs)); do
		wait -n
	done
	results+=("$out/$kernel.output")
	run "$kernel" >"${results[-1]}" &
	[[ $kernel != live ]] || wait # what it measures is not to be disturbed
done
wait

status=0
awk -f tests/vm/table.awk "$features" "$list" "${results[@]}" >"$out/table" || status=$?
# What the tests that failed had to say, and the end of what was under way when a machine ended.
awk -v last=60 '
	FNR == 1 { show() }
	$1 == "@begin" { show(); name = $2; next }
	$1 == "@end" && $2 == name { if ($3 != 0 && $3 != 77) show(); name = ""; n = 0; next }
	name != "" { line[++n] = $0; file = FILENAME }
	function show(i) {
		if (name != "") {
			sub(".*/", "", file)
			print "\n== " file ": " name
			for (i = n > last ? n - last + 1 : 1; i <= n; i++)
				print line[i]
		}
		name = ""
		n = 0
	}
	END { show() }' "${results[@]}" >&2
cat "$out/table"
if [[ $write ]]; then
	{ sed '/^<!-- table -->$/q' docs/kernels.md && echo && cat "$out/table"; } \
		>"$out/kernels.md"
	cp "$out/kernels.md" docs/kernels.md
fi
exit "$status"
