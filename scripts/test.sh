#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# test.sh [CTEST-OPTION...]: builds everything and runs all tests. As root; without, the tests on
# the live kernel are skipped.
set -eu

cd "$(dirname "$0")/.."

scripts/setup.sh libcmocka-dev binutils
cmake --preset dev >/dev/null
cmake --build --preset dev
ctest --preset dev "$@"
