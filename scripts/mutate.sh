#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# mutate.sh [OPTION...]: puts small faults into the sources, one at a time, runs the tests that fit,
# and reports the faults that no test noticed. It works on a copy in build/mutate. As root; without,
# faults that only tests on the live kernel notice survive. --help lists the options.
set -eu

cd "$(dirname "$0")/.."
scripts/setup.sh libcmocka-dev libclang-rt-19-dev ccache python3 git
exec nice -n 10 python3 scripts/mutate/mutate.py "$@"
