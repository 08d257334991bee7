# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# To be sourced: runs programs of an unpacked distribution, as they are and with
# libbpfring-compat.so in front of their libbpf. Nothing of them is changed or installed.
#
# Set before: root (where the distribution is unpacked), bpfring_run, work (a directory for files).

# shellcheck shell=bash disable=SC2034,SC2154
failed=0

fail()
{
	echo "clients: $*" >&2
	failed=1
}

# Its own dynamic linker and libraries; "plain" or "taken" says who reads its rings.
start() # plain|taken PROGRAM [ARGUMENT...]
{
	local way=$1 program=$2 lib=$root/usr/lib/x86_64-linux-gnu
	local command=("$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$lib:$lib/libbpf"
		--argv0 "$program" "$root/$program")

	shift 2
	if [[ $way == taken ]]; then
		rm -f "$work/report"
		exec "$bpfring_run" -v -f "$work/report" "${command[@]}" "$@"
	fi
	exec "${command[@]}" "$@"
}

# After a run that was taken over: did that happen at all?
was_taken_over()
{
	grep -q "is taken over" "$work/report" 2>/dev/null || fail "$*: nothing was taken over"
}

# Waits until a file has a line that matches, for at most a minute.
wait_for() # PATTERN FILE
{
	local i

	for ((i = 0; i < 600; i++)); do
		! grep -qE "$1" "$2" 2>/dev/null || return 0
		sleep 0.1
	done
	fail "\"$1\" never came: $(tail -3 "$2")"
	return 1
}
