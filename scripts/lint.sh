#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# lint.sh: codespell over all text, shellcheck over scripts, clang-tidy over library, examples and
# tests. No finding is left.
set -eu

cd "$(dirname "$0")/.."
scripts/setup.sh clang-tidy codespell shellcheck libcmocka-dev git

git ls-files -z ':!LICENSE' ':!tests/fuzz/corpus' | xargs -0 codespell --ignore-words-list=readd

# Skeletons are generated headers: they have to be there.
cmake --preset dev >/dev/null
cmake --build --preset dev

git ls-files '*.sh' .ci/run | xargs shellcheck --severity=warning

tidy() # CHECKS PATTERN...; BPF programs are not in compile_commands.json
{
	checks=$1
	shift
	git ls-files "$@" | grep -v '\.bpf\.c$' |
		xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build/dev --checks="$checks"
}

tidy '' 'src/*.c'
# The analyzer looks into generated skeletons, and misses that bpf_object__destroy_skeleton() frees.
tidy '-clang-analyzer-unix.Malloc,-clang-analyzer-valist.*,-clang-analyzer-optin.*,-cert-err34-c' \
	'examples/*.c' 'bench/*.c'
# The analyzer does not know that CMocka's assertions do not return.
tidy '-clang-analyzer-*,-cert-err34-c,-cert-env33-c' 'tests/*.c' ':!tests/downstream' ':!tests/abi'
