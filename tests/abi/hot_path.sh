#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# hot_path.sh CC SOURCE INCLUDE_DIR: peek and release are inline: a loop of them calls nothing but
# what is marked as cold, executes no barrier, and does not touch the shared consumer position
# before the release.
set -eu

cc=$1 source=$2 include=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $(uname -m) in
x86_64) ;;
*)
	echo "hot_path: skipped, it reads x86-64 assembly only"
	exit 77
	;;
esac

"$cc" -std=c11 -O2 -g0 -c "$source" -I"$include" -o "$work/hot_path.o"

disassemble() # FUNCTION
{
	objdump -dr --no-show-raw-insn --no-addresses --disassemble="$1" "$work/hot_path.o" |
		grep -P '^\t'
}

disassemble drain >"$work/drain"
disassemble peek_all >"$work/peek_all"

fail() # FUNCTION REASON
{
	cat "$work/$1"
	echo "hot_path: $1() $2" >&2
	exit 1
}

for function in drain peek_all; do
	if grep -A 1 -E '\bcall' "$work/$function" |
		grep -vE '\bcall|^--|R_X86_64.*\.text\.unlikely'; then
		fail "$function" "calls a function"
	fi
	if grep -E '\b(lock|mfence|xchg|syscall)\b' "$work/$function" |
		grep -v 'xchg *%ax,%ax'; then
		fail "$function" "executes a barrier"
	fi
done

# The shared position is reached through the pointer cons_word: peek never loads it, release does.
offset=$(printf '#include <bpfring/ring.h>\nchar o[offsetof(struct bpfring_ring, cons_word)];\n' |
	"$cc" -x c -O0 -S -I"$include" - -o - |
	sed -n 's/.*\.size[[:space:]]*o, *\([0-9]*\).*/\1/p')
cons_word=$(printf '\\b0x%x\\(%%r([^s]|s[^p])' "$offset")
grep -qE "$cons_word" "$work/drain" ||
	fail drain "does not load cons_word: this check is out of date"
if grep -E "$cons_word" "$work/peek_all"; then
	fail peek_all "touches the shared consumer position"
fi

echo "hot_path: $(grep -cv R_X86_64 "$work/drain") instructions, no call, no barrier, one release"
