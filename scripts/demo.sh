#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# demo.sh [SECONDS]: shows programs that start and end on this machine, read with libbpfring.
set -eu

cd "$(dirname "$0")/.."
seconds=${1:-5}

scripts/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target exectrace

as_root=""
[ "$(id -u)" -eq 0 ] || as_root=sudo

# Something to see: programs that end well, end badly, and are killed.
(
	sleep 1
	for i in 1 2 3; do
		uname -sr >/dev/null
		sh -c "exit $i" || true
		sleep 0.5
	done
	sleep 60 &
	sleep 0.2
	kill "$!"
) 2>/dev/null &

echo "exectrace for $seconds seconds:"
$as_root build/release/examples/exectrace --duration "$seconds"
