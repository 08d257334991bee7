#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# archive.sh ARCHIVE MAP: all global names in the archive begin with bpfring_, so that they meet
# none of a program's own, and those that are not of the interface are hidden: a shared object that
# contains the archive does not export them.
set -eu

archive=$1 map=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

LC_ALL=C readelf -sW "$archive" |
	awk '($5 == "GLOBAL" || $5 == "WEAK") && $7 != "UND" { print $8, $6 }' |
	sort >"$work/global"
[ -s "$work/global" ] || { echo "archive: no symbols in $archive" >&2; exit 1; }

# DW.ref.*: of the compiler, hidden and merged by the linker, for code that exceptions pass through.
if grep -v -e '^bpfring_' -e '^DW\.ref\..* HIDDEN$' "$work/global"; then
	echo "archive: global names that do not begin with bpfring_" >&2
	failed=1
fi

sed -n 's/ DEFAULT$//p' "$work/global" >"$work/visible"
sed -n 's/^[[:space:]]*\(bpfring_[a-z0-9_]*\);$/\1/p' "$map" | sort >"$work/map"
if ! diff -u "$work/map" "$work/visible"; then
	echo "archive: what is visible and what the version script lists differ" >&2
	failed=1
fi

echo "archive: $(wc -l <"$work/visible") names visible, $(grep -c HIDDEN "$work/global") hidden"
exit $failed
