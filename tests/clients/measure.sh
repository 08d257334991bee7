#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# measure.sh ROOT BPFRING_RUN PACED [RUNS [PERIOD_NS [CALLS]]]: what bpftrace costs the program that
# it traces, with libbpf's rings and with ours, in alternating runs, and what it takes itself. Each
# call of a system call is printed.
# shellcheck disable=SC2034,SC2154 # shared with run.sh
set -uo pipefail

root=$1 bpfring_run=$2 paced=$3 runs=${4:-5} period=${5:-10000} calls=${6:-100000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/run.sh"

script='rawtracepoint:sys_enter /comm == "paced" && arg1 == 110/ { printf("call %d\n", pid); }'
ticks=$(getconf CLK_TCK)

cpu_ms() # PID: what it has used so far
{
	awk -v hz="$ticks" '{ sub(/.*\) /, ""); print ($12 + $13) * 1000 / hz }' "/proc/$1/stat"
}

session() # plain|taken: adds a line "mean median cpu_ms lines" to a file of that name
{
	local pid before after took i lines

	# Not where the program runs: what it costs to be preempted is another question.
	(taskset -cp 1 "$BASHPID" >/dev/null && start "$1" usr/bin/bpftrace -q -e "$script") \
		>"$work/out" 2>"$work/errors" &
	pid=$!
	for ((i = 0; i < 200; i++)); do # until it traces
		! grep -q call "$work/out" || break
		"$paced" 100 100000 >/dev/null
	done
	sleep 1
	lines=$(grep -c call "$work/out")
	before=$(cpu_ms $pid)
	took=$(taskset -c 0 "$paced" "$calls" "$period")
	sleep 1
	after=$(cpu_ms $pid)
	kill -INT $pid
	wait $pid || fail "$1: status $?"
	echo "$took $((after - before)) $(($(grep -c call "$work/out") - lines))" >>"$work/$1.runs"
}

median() # COLUMN FILE
{
	sort -n -k"$1,$1" "$2" |
		awk -v column="$1" '{ x[NR] = $column } END { print x[int((NR + 1) / 2)] }'
}

for ((run = 0; run < runs; run++)); do
	taskset -c 0 "$paced" "$calls" "$period" >>"$work/untraced.runs"
	session plain
	session taken
	was_taken_over "run $run"
done
untraced=$(median 1 "$work/untraced.runs")
echo "$calls calls, one every $period ns, medians of $runs runs; a call untraced: $untraced ns"
for way in plain taken; do
	mean=$(median 1 "$work/$way.runs")
	printf '%-6s call %6d ns, above untraced %6d ns (median call %5d ns); ' \
		$way "$mean" $((mean - untraced)) "$(median 2 "$work/$way.runs")"
	printf 'bpftrace %5d ms CPU; lines lost %s\n' "$(median 3 "$work/$way.runs")" \
		"$(awk -v calls="$calls" '{ lost += calls - $4 } END { print lost + 0 }' \
			"$work/$way.runs")"
done
exit $failed
