#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# guest-bpftune.sh ROOT BPFRING_RUN: in a virtual machine: bpftune reports the same changes of a
# setting with its ring taken over, and ends by SIGINT and SIGTERM, which set a flag that it looks
# at after ring_buffer__poll().
set -u

root=$1 bpfring_run=$2
lib=$root/usr/lib/x86_64-linux-gnu
tuners=/usr/lib/x86_64-linux-gnu/bpftune # where it looks for them
setting=/proc/sys/net/ipv4/ipfrag_high_thresh
failed=0

mkdir -p /run /var/run "$tuners"
ln -sf "$lib/bpftune/sysctl_tuner.so" "$lib/bpftune/ip_frag_tuner.so" "$tuners"

programs() # of the process, loaded so far
{
	cat /proc/"$1"/fdinfo/* 2>/dev/null | grep -c prog_type
}

# It says nothing when it is ready: no program more for some seconds.
wait_until_loaded() # PID
{
	before=0 quiet=0
	for _ in $(seq 90); do
		now=$(programs "$1")
		if [ "$now" -gt 0 ] && [ "$now" = "$before" ]; then
			quiet=$((quiet + 1))
		else
			quiet=0
		fi
		[ "$quiet" -lt 5 ] || return 0
		before=$now
		sleep 1
	done
	return 1
}

session() # NAME SIGNAL [COMMAND...]
{
	name=$1 signal=$2
	shift 2
	"$@" "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$lib" \
		"$root/usr/sbin/bpftune" -s \
		>"/tmp/$name" 2>&1 &
	pid=$!
	wait_until_loaded $pid || echo "$name: does not get ready"
	for value in 5000000 6000000 7000000; do
		echo $value >$setting
		sleep 1
	done
	kill "-$signal" $pid
	status=0
	wait $pid || status=$?
	sed 's/pid [0-9]*/pid N/' "/tmp/$name" | grep modified | sort | uniq >"/tmp/$name.lines"
	echo "bpftune, $name: status $status after SIG$signal," \
		"$(grep -c modified "/tmp/$name") lines"
	if [ $status != 0 ] || [ ! -s "/tmp/$name.lines" ]; then
		cat "/tmp/$name"
		failed=1
	fi
}

session plain INT
session taken INT "$bpfring_run" -v -f /tmp/report
if ! cmp "/tmp/plain.lines" "/tmp/taken.lines" ||
	[ "$(grep -c modified /tmp/plain)" != "$(grep -c modified /tmp/taken)" ]; then
	echo "bpftune: another output"
	failed=1
fi
grep "taken over" /tmp/report || failed=1
exit $failed
