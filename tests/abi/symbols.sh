#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# symbols.sh LIBRARY INCLUDE_DIR MAP [NAME]: the library exports exactly the functions that the
# headers mark BPFRING_API or BPFRING_INLINE and that the version script lists, each in the node
# where the script has it. NAME: of a library beside libbpfring, whose headers say "Part of NAME".
set -eu

library=$1 include=$2 map=$3 name=${4-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Functions begin with BPFRING_API, or BPFRING_INLINE if they are inline as well, and have their
# name before the first parenthesis, on the same line or the next.
if [ "$name" ]; then
	headers=$(grep -lE "^ \* Part of $name\b" "$include"/bpfring/*.h)
else
	headers=$(grep -LE '^ \* Part of ' "$include"/bpfring/*.h)
fi
# shellcheck disable=SC2086
cat $headers |
	sed -nE '/^BPFRING_(API|INLINE(_HOT)?) / { /\(/! { N; s/\n/ /; }; p; }' |
	sed 's/^[^(]*[ *]\(bpfring_[a-z0-9_]*\)(.*/\1/' | sort >"$work/headers"
if grep -vx 'bpfring_[a-z0-9_]*' "$work/headers"; then
	echo "symbols: this prototype was not understood" >&2
	exit 1
fi

awk '/^BPFRING_/ { node = $1 } /^[ \t]*bpfring_.*;/ { sub(";", "", $1); print $1 "@@" node }' \
	"$map" |
	sort >"$work/map_versions"
sed 's/@.*//' "$work/map_versions" >"$work/map"

nm -D --defined-only --with-symbol-versions "$library" |
	awk '$2 != "A" { print $3 }' | sort >"$work/library_versions"
sed 's/@.*//' "$work/library_versions" >"$work/library"

failed=0
compare() # A B TEXT
{
	if ! diff -u "$work/$1" "$work/$2"; then
		echo "symbols: $3" >&2
		failed=1
	fi
}
compare headers map "headers and version script differ"
compare headers library "headers and library differ"
compare map_versions library_versions "version script and library differ"

echo "symbols: $(wc -l <"$work/library") exported"
[ -s "$work/library" ] || failed=1
exit $failed
