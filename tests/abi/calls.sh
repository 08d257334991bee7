#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# calls.sh FOLDERS MAP OBJECT...: calls among the files of src, read from their object files. A
# folder calls itself and the folders that FOLDERS allows, so files of different folders form no
# circle. Files of one folder form none either; KNOWN lists folders where they still do.
set -eu

KNOWN=""

folders=$1 map=$2
shift 2
for object; do
	file=${object##*/src/}
	LC_ALL=C nm "$object" | sed "s|^|${file%.c.o} |"
done | awk -v known="$KNOWN" -v folders="$folders" -v map="$map" '
function folder(file) { return substr(file, 1, index(file, "/") - 1) }

# Follows calls from FILE; what is on the path when it is met again closes a circle.
function walk(file, path,    i, n, callees)
{
	if (state[file] == "done")
		return
	if (state[file] == "open") {
		path = substr(path, index(path, " " file " ")) file
		if (index(" " known " ", " " folder(file) " "))
			print "calls: known circle:" path
		else {
			print "calls: circle:" path
			failed = 1
		}
		return
	}
	state[file] = "open"
	n = split(calls[file], callees, " ")
	for (i = 1; i <= n; i++)
		walk(callees[i], path file " ")
	state[file] = "done"
}

BEGIN {
	while ((getline line < folders) > 0)
		if (line !~ /^#/) {
			n = split(line, words, " ")
			for (i = 1; i <= n; i++)
				may[words[1], words[i]] = 1
		}
	while ((getline line < map) > 0)
		if (match(line, /bpfring_[a-z0-9_]+;/))
			public[substr(line, RSTART, RLENGTH - 1)] = 1
}

$(NF - 1) ~ /^[TDBRWV]$/ { defined[$NF] = $1; files[$1] = 1 }
$(NF - 1) == "U" { users[++uses] = $1; used[uses] = $NF }

END {
	for (i = 1; i <= uses; i++) {
		from = users[i]
		to = defined[used[i]]
		if (to == "" || to == from)
			continue
		a = folder(from)
		b = folder(to)
		if (a != b && !((a, b) in may) &&
		    !((a, "+" b) in may && used[i] in public)) {
			print "calls: " from " calls " used[i] "() of " to
			failed = 1
		}
		if (!((from, to) in seen)) {
			seen[from, to] = 1
			calls[from] = calls[from] " " to
			edges++
		}
	}
	for (file in files)
		walk(file, " ")
	if (!edges) {
		print "calls: no calls found"
		failed = 1
	}
	print "calls: " edges + 0 " pairs of files"
	exit failed
}' >&2
