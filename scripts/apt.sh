#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# apt.sh COMMAND...: runs apt-get or the like. While another program holds a lock of apt or dpkg,
# which apt itself waits for in some cases only, it tries again, for up to $APT_LOCK_TIMEOUT seconds
# (600).
set -eu

limit=${APT_LOCK_TIMEOUT:-600}
waited=0
said=$(mktemp)
trap 'rm -f "$said"' EXIT
export LC_ALL=C # the messages are looked at
export DEBIAN_FRONTEND=noninteractive

while :; do
	status=0
	"$@" 2>"$said" || status=$?
	if [ "$status" -eq 0 ] ||
		! grep -qE "Could not get lock|Unable to (lock|acquire)" "$said"; then
		cat "$said" >&2
		exit "$status"
	fi
	[ "$waited" -gt 0 ] ||
		echo "$(sed -n 's/^E: \(Could not get lock .*\)/\1/p' "$said");" \
			"waiting for up to $limit seconds" >&2
	if [ "$waited" -ge "$limit" ]; then
		cat "$said" >&2
		echo "apt.sh: gave up after $limit seconds" >&2
		exit "$status"
	fi
	sleep 2
	waited=$((waited + 2))
done
