#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# check-format.sh [--fix]: every C file is as clang-format wants it.
set -eu

cd "$(dirname "$0")/.."
scripts/setup.sh clang-format git

mode="--dry-run --Werror"
[ "${1:-}" != --fix ] || mode=-i
# shellcheck disable=SC2086
git ls-files -z '*.c' '*.h' '*.cpp' | xargs -0 clang-format $mode
