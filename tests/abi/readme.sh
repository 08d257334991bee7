#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# readme.sh SOURCE_DIR: the program that README.md shows is examples/minimal, which is compiled.
set -eu

cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

block() # NUMBER: the so-manieth C block of README.md
{
	awk -v want="$1" '/^```c$/ { n++; inside = 1; next } /^```/ { inside = 0 }
		inside && n == want' README.md
}

code() # FILE: without the comments that open it
{
	sed '1,2{/^\/\//d; /^\/\*.*\*\/$/d}' "$1"
}

failed=0
number=1
for file in examples/minimal/minimal.c examples/minimal/minimal.bpf.c; do
	code "$file" >"$work/code"
	block $number >"$work/block"
	if ! diff -u "$work/code" "$work/block"; then
		echo "readme: README.md shows another program than $file" >&2
		failed=1
	fi
	number=$((number + 1))
done
exit $failed
