#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# bpftrace.sh ROOT BPFRING_RUN PACED: scripts of bpftrace print the same with their rings taken
# over; it ends by itself, by Ctrl-C and by a time limit.
# shellcheck disable=SC2034,SC2154 # shared with run.sh
set -uo pipefail

root=$1 bpfring_run=$2 paced=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/run.sh"
export BPFTRACE_PERF_RB_PAGES=1024 # room enough that nothing is lost on a busy machine

bpftrace() # plain|taken ARGUMENT...
{
	local way=$1

	shift
	start "$way" usr/bin/bpftrace -q "$@"
}

# The script ends by itself.
by_itself() # NAME SCRIPT [COMMAND...]
{
	local name=$1 script=$2 way status

	shift 2
	for way in plain taken; do
		status=0
		(bpftrace "$way" -e "$script") >"$work/$way" 2>"$work/errors" || status=$?
		[[ $status == 0 ]] || fail "$name, $way: status $status: $(tail -2 "$work/errors")"
	done
	same "$name"
}

same() # NAME
{
	was_taken_over "$1"
	if cmp -s "$work/plain" "$work/taken" && [[ -s $work/plain ]]; then
		echo "bpftrace: $1: $(wc -l <"$work/taken") lines, the same"
	else
		fail "$1: another output: $(diff "$work/plain" "$work/taken" | head -5)"
	fi
}

# Until a signal; meanwhile a program is traced. "ready" is printed when all probes are attached.
by_signal() # NAME SIGNAL SCRIPT CALLS PERIOD_NS
{
	local name=$1 signal=$2 script=$3 calls=$4 period=$5 way status pid

	for way in plain taken; do
		: >"$work/$way"
		(bpftrace "$way" -e "$script") >"$work/$way" 2>"$work/errors" &
		pid=$!
		wait_for '^ready' "$work/$way" || tail -3 "$work/errors"
		"$paced" "$calls" "$period" >/dev/null
		sleep 0.5
		kill "-$signal" "$pid"
		status=0
		wait "$pid" || status=$?
		[[ $status == 0 ]] ||
			fail "$name, $way: status $status after SIG$signal:" \
				"$(tail -2 "$work/errors")"
	done
	same "$name"
}

# By timeout(1), in the middle of its waiting.
by_time() # NAME SCRIPT
{
	local way status

	for way in plain taken; do
		status=0
		export -f start bpftrace
		root=$root work=$work bpfring_run=$bpfring_run timeout -s INT 4 \
			bash -c 'bpftrace "$@"' - "$way" -e "$2" >"$work/$way" \
			2>"$work/errors" || status=$?
		[[ $status == 124 ]] || fail "$1, $way: status $status instead of the time limit's"
	done
	same "$1"
}

calls='rawtracepoint:sys_enter /comm == "paced" && arg1 == 110/'
ready='interval:ms:100 /!@ready/ { printf("ready\n"); @ready = 1; }'

by_itself "begin and end" 'BEGIN { printf("begin\n"); exit(); } END { printf("end\n"); }'
by_itself "intervals" \
	'interval:ms:5 { printf("tick %d\n", @n); @n++; if (@n == 60) { exit(); } }
	END { clear(@n); }'
by_itself "many lines" \
	'BEGIN { unroll(20) { printf("%s %d %s\n", comm, @n, "text"); @n++; } exit(); }
	END { clear(@n); }'
count="$ready $calls { printf(\"call %d\\n\", @n); @n++; } END { clear(@n); clear(@ready); }"
by_signal "every call" INT "$count" 20000 20000
by_signal "rare calls" INT "$count" 50 5000000
by_signal "bursts" TERM "$count" 20000 1
by_signal "maps" INT "$ready $calls { @calls[comm] = count(); } END { clear(@ready); }" 5000 10000
by_time "time limit" 'BEGIN { printf("begin\n"); } interval:s:60 { printf("late\n"); }'
exit $failed
