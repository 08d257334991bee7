#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# test.sh EXAMPLE DIRECTORY: runs an example on the live kernel and looks at what it prints.
# EXAMPLE: one of the cases below.
set -eu

example=$1 dir=$2
work=$(mktemp -d)
tracer=""
trap 'test -z "$tracer" || kill "$tracer" 2>/dev/null || true; rm -rf "$work"' EXIT

if [ "$(id -u)" -ne 0 ] || [ ! -r /sys/kernel/btf/vmlinux ]; then
	echo "skipped: needs root and a kernel with BTF"
	exit 77
fi

fail()
{
	cat "$work/out"
	echo "examples: $*" >&2
	exit 1
}

need() # FEATURE, one of those that the probe knows
{
	"$dir/probe" >"$work/probe"
	! grep -q "^$1  *yes$" "$work/probe" || return 0
	echo "skipped: $(sed -n "s/^$1  *[a-z ]*: //p" "$work/probe")"
	exit 77
}

await() # PATTERN: until it is printed
{
	for _ in $(seq 100); do
		! grep -qE "$1" "$work/out" || return 0
		sleep 0.1
	done
	fail "did not print: $1"
}

start() # COMMAND...
{
	"$@" >"$work/out" 2>&1 &
	tracer=$!
	# It is ready when it sees a program start.
	for _ in $(seq 100); do
		env true
		! grep -q true "$work/out" || return 0
		kill -0 "$tracer" 2>/dev/null || fail "ended early"
		sleep 0.1
	done
	fail "saw no program start"
}

stop() # SIGNAL
{
	kill -s "$1" "$tracer"
	status=0
	wait "$tracer" || status=$?
	tracer=""
}

name=bpfring-$$
cp "$(command -v sleep)" "$work/$name"

case $example in
minimal)
	start stdbuf -oL "$dir/minimal"
	"$work/$name" 0
	await "^[0-9]+ +$name"
	stop TERM
	;;
python)
	if ! command -v python3 >/dev/null || ! mountpoint -q /sys/fs/bpf; then
		echo "skipped: needs python3 and a BPF file system at /sys/fs/bpf"
		exit 77
	fi
	pin=/sys/fs/bpf/$name
	"$dir/pin" "$pin" >"$work/pinned" &
	pinner=$!
	trap 'kill $pinner $tracer 2>/dev/null || true; rm -rf "$work" "$pin"' EXIT
	for _ in $(seq 100); do
		! grep -q pinned "$work/pinned" || break
		sleep 0.1
	done
	start "$(dirname "$0")/python/read_ring.py" "$pin"
	"$work/$name" 0
	await "^[0-9]+ +$name"
	stop TERM
	if "$(dirname "$0")/python/read_ring.py" "${pin}none" >"$work/out" 2>&1; then
		fail "no error without a pin"
	fi
	await "^read_ring.py: No such file or directory$"
	;;
embed_*)
	start "$dir/embed" "--$(echo "${example#embed_}" | tr _ -)"
	"$work/$name" 0
	await "^[0-9]+ +$name"
	stop INT
	[ "$status" -eq 0 ] || fail "ended with status $status"
	;;
exectrace | exectrace_per_cpu)
	if [ "$example" = exectrace ]; then
		start "$dir/exectrace"
	else
		start "$dir/exectrace" --per-cpu
	fi
	sh -c "exit 7" "$name" "a b" "$(printf 'q"\001\377\303\251')" || true
	args="sh -c \"exit 7\" $name \"a b\" \"q\\\\\"\\\\x01\\\\xff$(printf '\303\251')\""
	await "exec +[0-9]+ +[0-9]+ sh +$args$"
	# Not $!: in a container that is another number than the kernel's.
	pid=$(sed -n "s/.* exec  *\([0-9]*\) .*$name.*/\1/p" "$work/out")
	await "exit +$pid +[0-9]+ sh +status 7 after [0-9.]+ ms$"
	sh -c 'kill -9 $$' || true
	await "exit .*sh +signal 9 after"
	stop INT
	[ "$status" -eq 0 ] || fail "ended with status $status"
	await "^records [0-9]+, bytes [0-9]+, discarded 0, lost 0$"
	# Every attempt is accounted for.
	counts=$(sed -n 's/^attempts \([0-9]*\): shown \([0-9]*\),.*/\1 \2/p' "$work/out")
	[ -n "$counts" ] && [ "${counts% *}" = "${counts#* }" ] || fail "attempts, shown: $counts"
	;;
exectrace_json)
	start "$dir/exectrace" --json
	sh -c "exit 7" "$name" "$(printf 'q"\001\377\303\251')" || true
	args="\"sh\",\"-c\",\"exit 7\",\"$name\",\"q\\\\\"\\\\u0001\\\\ufffd$(printf '\303\251')\""
	event="\"event\":\"exec\",\"time\":[0-9.]+,\"pid\":[0-9]+,\"ppid\":[0-9]+,\"comm\":\"sh\""
	await "^\{$event,\"args\":\[$args\],\"args_truncated\":false\}$"
	pid=$(sed -n "s/.*\"pid\":\([0-9]*\),.*$name.*/\1/p" "$work/out")
	await "^\{\"event\":\"exit\",.*\"pid\":$pid,.*\"duration_ns\":[0-9]+,\"exit_code\":7\}$"
	# More arguments than a record takes.
	sh -c : "$(head -c 9000 /dev/zero | tr '\0' x)"
	await "xxx\"\],\"args_truncated\":true\}$"
	stop INT
	[ "$status" -eq 0 ] || fail "ended with status $status"
	;;
commands)
	need user_ringbuf
	printf 'set 3 40\nadd 3 2\nget 3\nget 99\nadd 3\njump 3\n' |
		"$dir/commands" >"$work/out" 2>&1 || fail "ended with status $?"
	await "^0: 40$"
	await "^2: 42$"
	await "^3: No such file or directory$"
	await "^4: not a command: add 3$"
	await "^5: not a command: jump 3$"
	;;
roundtrip)
	need user_ringbuf
	"$dir/roundtrip" >"$work/out" 2>&1 || fail "ended with status $?"
	await "^200000 replies, 0 wrong, 0 questions unanswered"
	;;
hints | hints_fallback)
	need task_storage
	path="fall-back" option=""
	[ "$example" = hints ] || option=--fallback
	[ "$option" ] || ! "$dir/probe" | grep -q "^uptr  *yes$" || path="pinned by the kernel"
	"$dir/hints" -d 1 -t 2 $option >"$work/out" 2>&1 || fail "ended with status $?"
	await "^path: .*$path"
	# What BPF accounted and what the threads' own clocks say, in ms: three phases of two
	# threads.
	awk '$2 ~ /^(mutator|gc|locked)$/ && $3 > 0 {
			error = $3 > $4 ? $3 - $4 : $4 - $3
			good += error < 20 + $4 / 4
		}
		END { exit good != 6 }' "$work/out" || fail "the times do not agree"
	;;
probe)
	"$dir/probe" >"$work/out" || fail "ended with status $?"
	await "^ringbuf +yes$"
	[ "$(grep -cE "^[a-z_]+ +(yes|no: .+|not permitted: .+)$" "$work/out")" -ge 11 ] ||
		fail "says too little"
	! grep unknown "$work/out" || fail "does not know"
	;;
tcpcc)
	if ! grep -qzx bpf_kfunc_desc_tab /sys/kernel/btf/vmlinux; then
		echo "skipped: this kernel has no functions that BPF programs may call (Linux 5.13)"
		exit 77
	fi
	"$dir/tcpcc" >"$work/out" 2>&1 || fail "ended with status $?"
	await "^Done\.$"
	await "on offer: .*bpfring_cc"
	await "old connection: bpfring_cc, cwnd [0-9]+"
	await "before: still in use"
	await "the last: map [0-9]+ is (ready|tobefree), refcnt 0"
	! grep -q bpfring_cc /proc/sys/net/ipv4/tcp_available_congestion_control ||
		fail "left behind"
	# Its word and that of ss have to agree: congestion control and window of each connection.
	if ! grep -q "ss: not to be had" "$work/out"; then
		sed -n 's/.* connection: bpfring_cc, cwnd //p' "$work/out" >"$work/own"
		sed -n 's/^[[:space:]]*bpfring_cc.* cwnd:\([0-9]*\) .*/\1/p' "$work/out" >"$work/ss"
		cmp "$work/own" "$work/ss" || fail "ss says otherwise"
	fi
	;;
scx_hints)
	status=0
	"$dir/scx_hints" --demo >"$work/out" 2>&1 || status=$?
	if [ "$status" -eq 77 ]; then
		cat "$work/out"
		exit 77
	fi
	[ "$status" -eq 0 ] || fail "ended with status $status"
	await "^Done\.$"
	# More commands than the ring takes, then some for the next scheduler.
	mkfifo "$work/in"
	"$dir/scx_hints" <"$work/in" >"$work/out" 2>&1 &
	tracer=$!
	exec 3>"$work/in"
	yes counts | head -n 1000 >&3
	printf 'slice 20000\nslice 5\neject\n' >&3
	await "^answer 1001: slice: done$"
	await "^answer 1002: slice: Numerical result out of range$"
	await "^exit: kind 1025, .*asked for by command 1003"
	await "^scheduler 2 is loaded, 2 threads bound to it anew$"
	echo "policy 0" >&3
	await "^answer 1004: policy: done$"
	stop INT
	[ "$status" -eq 0 ] || fail "ended with status $status"
	await "^exit: kind 64,"
	;;
esac
