#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# labels.sh SOURCE_DIR: every ordered access that docs/memory-model.md lists stands, with its label,
# in the file named there; every label in the sources is listed.
set -eu

cd "$1"
failed=0
table=docs/memory-model.md

listed=$(sed -n 's/^| \([A-Z][0-9]*\) | `\([^`]*\)`.*/\1 \2/p' "$table")
[ -n "$listed" ] || { echo "labels: $table has no table" >&2; exit 1; }

while read -r label file; do
	found=$(find include src -name "$file" -exec grep -lw "$label:" {} +) || true
	if [ -z "$found" ]; then
		echo "labels: $table lists $label in $file, where no comment begins with" \
			"$label:" >&2
		failed=1
	fi
done <<END
$listed
END

for label in $(grep -rhoE '/\* [A-Z][0-9]+:' include src | grep -oE '[A-Z][0-9]+' | sort -u); do
	if ! echo "$listed" | grep -q "^$label "; then
		echo "labels: $label is in the sources, but not in $table" >&2
		failed=1
	fi
done

# Nothing is ordered without a label nearby.
ordered='__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)|memory_order_(acquire|release|acq_rel)'
unlabelled=$(grep -rnE "$ordered" \
	-B 8 include src | awk '
	/[A-Z][0-9]+:|\/\* [A-Z][0-9]+ \*\// { label = NR }
	/^--/ { label = 0 }
	/__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)|memory_order_(acquire|release|acq_rel)/ {
		if (!label || NR - label > 16) print
	}')
if [ -n "$unlabelled" ]; then
	echo "labels: ordered accesses without a label:" >&2
	echo "$unlabelled" >&2
	failed=1
fi
exit $failed
