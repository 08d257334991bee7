#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# guest-pcp.sh ROOT BPFRING_RUN LIBRARY: in a virtual machine: modules of pcp's BPF agent, loaded by
# its debugger, see the same with the library preloaded. They decide at run time between a ring and
# perf buffers, and have been seen to take the latter; then there is nothing to take over.
set -u

root=$1 library=$3
agent=/var/lib/pcp/pmdas/bpf # where the agent looks
failed=0
mkdir -p "$root/var/lib/pcp/pmdas" "$root/var/lib/pcp/config/pmda" "$root/var/log/pcp"
cp -r "$root/usr/lib/pcp/pmdas/bpf" "$root$agent"

for dir in lib lib64 bin sbin; do
	[ -e "$root/$dir" ] || ln -s "usr/$dir" "$root/$dir"
done
for dir in proc sys dev; do
	mkdir -p "$root/$dir" && mount --rbind "/$dir" "$root/$dir"
done
mkdir -p "$root/tmp" "$root/run"
cp "$library" "$root/tmp/compat.so"
cp /bin/busybox "$root/usr/bin/sh" # it has its namespace preprocessed
printf '[exitsnoop.so]\nenabled = true\nprocess_count = 40\n' >"$root/$agent/bpf.conf"
printf 'root {\n\tbpf\t157:*:*\n}\n' >"$root/tmp/root_bpf"

commands()
{
	cat <<-END
		open dso $agent/pmda_bpf.so bpf_init 157
		wait 2
		fetch bpf.exitsnoop.comm
		wait 1
		fetch bpf.exitsnoop.comm
		close
	END
}

# A program whose end the module sees.
printf '#!/bin/sh\nexit 0\n' >/tmp/marker
chmod +x /tmp/marker

# What the agent's debugger is to do; the programs run in the middle of it.
commands() # LOG
{
	echo "open dso $agent/pmda_bpf.so bpf_init 157"
	for _ in $(seq 60); do
		grep -q "init complete" "$1" && break
		sleep 1
	done
	echo "fetch bpf.exitsnoop.comm" # the module begins to look
	sleep 1
	for _ in 1 2 3; do
		/tmp/marker
	done
	sleep 1
	echo "fetch bpf.exitsnoop.comm"
	sleep 1
	echo "fetch bpf.exitsnoop.comm"
	echo "close"
}

session() # NAME [VARIABLE=VALUE...]; busybox itself is static: nothing is preloaded into it
{
	name=$1
	shift
	: >"/tmp/pcp.$name"
	commands "/tmp/pcp.$name" |
		env "$@" chroot "$root" /usr/bin/dbpmda -n /tmp/root_bpf >"/tmp/pcp.$name" 2>&1
	count=$(grep -o marker "/tmp/pcp.$name" | wc -l)
	echo "pcp, $name: programs seen, $count times"
}

session plain
plain=$count
session taken LD_PRELOAD=/tmp/compat.so BPFRING_COMPAT=verbose,stats
grep "taken over" /tmp/pcp.taken || echo "pcp: it uses no ring here, so nothing is taken over"
if [ "$count" = 0 ] || [ "$count" != "$plain" ]; then
	cat /tmp/pcp.plain /tmp/pcp.taken
	failed=1
fi
exit $failed
