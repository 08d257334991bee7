#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# symbols.sh LIBRARY ARCHIVE LIST: the preloaded library exports libbpf's ring calls, each under
# libbpf's own node, and nothing else; the archive has no other global name; neither brings libbpf
# along. LIST has the calls.
set -eu

library=$1 archive=$2 list=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

complain() # TEXT
{
	echo "symbols: $1" >&2
	failed=1
}

# X("LIBBPF_0.0.9", int, return, ring_buffer__poll, ...), in one line or two
tr '\n\\\t' '   ' <"$list" | grep -oE 'X\("LIBBPF_[0-9.]+", [^,]*, [^,]*, *[a-z_]+,' |
	sed -E 's/X\("([^"]*)".* ([a-z_]+),/\2@@\1/' | sort >"$work/wanted"
[ "$(wc -l <"$work/wanted")" -ge 21 ] || complain "$list was not understood"

nm -D --defined-only --with-symbol-versions "$library" |
	awk '$2 != "A" { print $3 }' | sort >"$work/library"
diff -u "$work/wanted" "$work/library" || complain "the library does not export what $list has"

sed 's/@@.*//' "$work/wanted" >"$work/names"
nm --defined-only --extern-only "$archive" | awk 'NF == 3 { print $3 }' | sort >"$work/archive"
diff -u "$work/names" "$work/archive" || complain "the archive has other global names"

if LC_ALL=C readelf -d "$library" | grep -E 'NEEDED.*lib(bpf|elf|z)\b'; then
	complain "the library brings libbpf into every program"
fi
echo "symbols: $(wc -l <"$work/wanted") calls"
exit $failed
