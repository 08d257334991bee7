# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# shellcheck shell=sh
#
# guest-tests.sh TESTS FEATURES PROBE SECONDS: in the guest, or on this machine's own kernel, says
# which features the kernel has, by its BTF and by the program PROBE, and runs tests one after
# another. TESTS has lines "NAME<tab>COMMAND". Lines that begin with @ are for
# scripts/test-kernels.sh.

echo "@kernel $(uname -r)"
"$3" | tee /tmp/probe
while read -r feature symbol probe _; do
	case $feature in
	'' | '#'*) continue ;;
	esac
	# BTF holds its names as strings that end with NUL
	grep -qzxF "$symbol" /sys/kernel/btf/vmlinux && echo "@has $feature"
	[ "$probe" = - ] || sed -n "s/^$probe  *\([a-z]*\).*/@probe $feature \1/p" /tmp/probe
done <"$2"

export TEST_SLOWNESS="${TEST_SLOWNESS-10}" # what emulation may cost
tab=$(printf '\t')
while IFS=$tab read -r name command; do
	echo "begins: $name" >/dev/kmsg || true
	echo "@begin $name"
	start=$(cut -d. -f1 /proc/uptime)
	timeout -k 5 "$4" sh -c "$command" </dev/null
	status=$?
	# a last line without its end would hide this one
	echo
	echo "@end $name $status $(($(cut -d. -f1 /proc/uptime) - start)) s"
done <"$1"
