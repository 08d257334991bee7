#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# layers.sh SOURCE_DIR: a file in src/ includes headers of its own folder and of those beneath it,
# and errno is looked at in src/base/sys*.c and src/observe/sys.c alone (log.c keeps it, since the
# application's printer may change it).
set -eu

folders=$1/tests/abi/folders.txt
cd "$1/src"
failed=0

complain() # TEXT
{
	echo "layers: $1" >&2
	failed=1
}

# What a folder may include.
beneath() # FOLDER
{
	line=$(grep "^$1\( \|$\)" "$folders") || return 1
	echo "$line" | sed 's/ +[a-z_]*//g'
}

for folder in */; do
	folder=${folder%/}
	allowed=$(beneath "$folder") || {
		complain "no rule for src/$folder: add one to tests/abi/folders.txt"
		continue
	}
	for file in "$folder"/*.[ch]; do
		# shellcheck disable=SC2013
		for header in $(sed -n 's/^#include "\(.*\)".*/\1/p' "$file"); do
			case " $allowed " in
			*" ${header%%/*} "*) ;;
			*) complain "$file includes $header; src/$folder may use: $allowed" ;;
			esac
		done
	done
done
for file in *.[ch]; do
	[ ! -e "$file" ] || complain "src/$file belongs into a folder"
done

if grep -rnw errno . --include='*.c' | grep -vE '^\./(base/(sys[a-z_]*|log)|observe/sys)\.c:' |
	grep -vE ':(#include <errno\.h>|[[:space:]]*(/?\*|//).*)$'; then
	complain "errno belongs into base/sys.c or base/sys_*.c"
fi
exit $failed
