#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# bcc.sh ROOT BPFRING_RUN PACED HEADERS: a Python tool of bcc prints the same with its ring taken
# over. HEADERS are those of a kernel: bcc compiles its program with them, although it needs nothing
# of them here.
# shellcheck disable=SC2034,SC2154 # shared with run.sh
set -uo pipefail

root=$1 bpfring_run=$2 paced=$3
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$here/run.sh"
export PYTHONHOME=$root/usr PYTHONPATH=$root/usr/lib/python3/dist-packages BCC_KERNEL_SOURCE=$4
python=$(cd "$root" && ls usr/bin/python3.[0-9]* | head -1)

for way in plain taken; do
	(start "$way" "$python" "$here/ring_tool.py" 5000) >"$work/$way" 2>"$work/errors" &
	pid=$!
	wait_for '^ready' "$work/$way" || tail -3 "$work/errors"
	"$paced" 5000 20000 >/dev/null
	status=0
	wait "$pid" || status=$?
	[[ $status == 0 ]] || fail "bcc, $way: status $status: $(tail -3 "$work/errors")"
done
was_taken_over bcc
if cmp -s "$work/plain" "$work/taken" && [[ $(wc -l <"$work/taken") == 5001 ]]; then
	echo "bcc: 5000 calls, the same"
else
	fail "bcc: another output: $(diff "$work/plain" "$work/taken" | head -5)"
fi
exit $failed
