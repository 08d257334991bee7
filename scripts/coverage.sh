#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# coverage.sh [PERCENT]: line coverage of src/ and the public headers by the tests; fails below
# PERCENT (90). The report by line is in build/coverage/report.
set -eu

cd "$(dirname "$0")/.."
scripts/setup.sh libcmocka-dev binutils gcovr

cmake --preset coverage >/dev/null
cmake --build --preset coverage
find build/coverage -name '*.gcda' -delete
status=0
ctest --preset coverage -LE stress || status=$?
mkdir -p build/coverage/report
gcovr --root . --filter src/ --filter include/ --object-directory build/coverage \
	--html-details build/coverage/report/index.html --print-summary \
	--fail-under-line "${1:-90}" build/coverage
exit "$status"
