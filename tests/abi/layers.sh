#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# layers.sh SOURCE_DIR: a file in src/ includes headers of its own layer and of those beneath, and errno
# is looked at in sys.c and sys_*.c alone (log.c keeps it, since the application's printer may change it).
set -eu

cd "$1/src"
failed=0

# docs/design.md has the same list.
layer_of() # FILE
{
	case $1 in
	sys.* | sys_* | relax.h) echo 1 ;;
	log.* | error.c | version.c | options.*) echo 2 ;;
	map.* | mapping.* | claim.* | waiter.* | probe.* | probe_*) echo 3 ;;
	consumer.* | consumer_*.c | consume.c | snapshot.c) echo 4 ;;
	producer.* | producer_*.c | prod_lock.*) echo 4 ;;
	task_* | names*) echo 4 ;;
	pace.*) echo 5 ;;
	loop.* | loop_*.c) echo 6 ;;
	struct_ops*.* | json.*) echo 7 ;;
	*) echo 0 ;;
	esac
}

for file in *.c *.h; do
	layer=$(layer_of "$file")
	if [ "$layer" -eq 0 ]; then
		echo "layers: $file belongs to no layer: add it to this list" >&2
		failed=1
	fi
	# shellcheck disable=SC2013
	for header in $(sed -n 's/^#include "\(.*\)".*/\1/p' "$file"); do
		# Closing a consumer takes it out of its loop.
		[ "$file:$header" != consumer.c:loop.h ] || continue
		if [ "$(layer_of "$header")" -gt "$layer" ]; then
			echo "layers: $file includes $header from a higher layer" >&2
			failed=1
		fi
	done
done

if grep -nw errno ./*.c | grep -vE '^\./(sys[a-z_]*|log)\.c:' |
	grep -vE ':(#include <errno\.h>|[[:space:]]*(/?\*|//).*)$'; then
	echo "layers: errno belongs into sys.c or sys_*.c" >&2
	failed=1
fi
exit $failed
