#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# lint.sh: clang-tidy over library, examples and tests, shellcheck over scripts. No finding is left.
set -eu

cd "$(dirname "$0")/.."
scripts/setup.sh clang-tidy shellcheck libcmocka-dev git

# Skeletons are generated headers: they have to be there.
cmake --preset dev >/dev/null
cmake --build --preset dev

git ls-files '*.sh' .ci/run | xargs shellcheck
# BPF programs are not in compile_commands.json.
git ls-files 'src/*.c' 'examples/*.c' 'bench/*.c' 'tests/*.c' | grep -v -e '\.bpf\.c$' -e '^tests/downstream/' |
	xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build/dev
