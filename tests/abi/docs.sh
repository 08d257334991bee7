#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# docs.sh CC SOURCE_DIR: the files that docs/design.md names exist, and the C programs in
# docs/porting.md, docs/signals.md and docs/tap.md compile without a warning, each block marked "c"
# by itself. What a build generates (a skeleton) is stood in for.
set -eu

cc=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failed=0
for file in $(grep -oE '`[a-z_]+/[a-z_]+\.[ch]`' "$source/docs/design.md" | tr -d '`'); do
	[ -e "$source/src/$file" ] || { echo "docs: design.md names src/$file" >&2; failed=1; }
done
[ "$failed" -eq 0 ] || exit 1

cat >"$work/tracer.h" <<'END'
struct event {
	int pid;
	char comm[16];
};
END
cat >"$work/tracer.skel.h" <<'END'
#include <bpf/libbpf.h>
struct tracer_bpf {
	struct {
		struct bpf_map *rb;
	} maps;
};
struct tracer_bpf *tracer_bpf__open_and_load(void);
int tracer_bpf__attach(struct tracer_bpf *skel);
void tracer_bpf__destroy(struct tracer_bpf *skel);
END

compiled=0
for page in porting signals tap; do
	awk -v prefix="$work/$page" '
		/^```c$/ { file = prefix "_" ++n ".c"; next }
		/^```/ { file = "" }
		file { print >file }' "$source/docs/$page.md"
	for file in "$work/${page}"_*.c; do
		if grep -q '<systemd/' "$file" && ! pkg-config --exists libsystemd; then
			echo "docs: libsystemd is not there, so this is not compiled: ${file##*/}"
			continue
		fi
		if ! "$cc" -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -I"$source/include" \
			-I"$work" "$file"; then
			echo "docs: a block of docs/$page.md does not compile" >&2
			failed=1
		fi
		compiled=$((compiled + 1))
	done
done
[ "$compiled" -ge 4 ] || { echo "docs: only $compiled blocks found" >&2; failed=1; }
echo "docs: $compiled blocks compiled"
exit $failed
