#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# readme.sh SOURCE_DIR WORK_DIR CLANG: runs the commands of README.md, all blocks marked "sh" in
# their order, as a newcomer would, in a copy of the sources. Nothing outside of WORK_DIR is
# changed: programs in front of the PATH stand for sudo, apt, ldconfig, and for cmake where it
# installs.
set -eu

source=$1 work=$2/readme clang=$3
rm -rf "$work"
mkdir -p "$work/bin" "$work/home" "$work/source" "$work/prefix"
tar -C "$source" --exclude ./build --exclude ./.git -c . | tar -C "$work/source" -x
cmake=$(command -v cmake)

shim() # NAME: its text is on stdin
{
	{ echo "#!/bin/sh" && cat; } >"$work/bin/$1"
	chmod +x "$work/bin/$1"
}

shim sudo <<'END'
[ "$1" = ./minimal ] || exec "$@"
# It runs until it is interrupted: until it has printed a program that was started.
if [ "$(id -u)" -ne 0 ] || [ ! -r /sys/kernel/btf/vmlinux ]; then
	echo "readme: ./minimal is not run: that needs root and a kernel with BTF"
	exit 0
fi
stdbuf -oL ./minimal >out 2>&1 &
for i in $(seq 300); do
	env true
	grep -q ' true$' out && break
	sleep 0.1
done
kill $!
grep -m1 '^[0-9]* *true$' out || { cat out; exit 1; }
END

# Packages are not installed, but have to be there.
shim apt <<'END'
[ "$1" = install ] || exit 2
shift
command -v dpkg-query >/dev/null || exit 0
for package; do
	case $package in
	cmake | make | clang) # maybe of another origin
		command -v "$package" >/dev/null && continue
		;;
	esac
	dpkg-query --show --showformat='${db:Status-Status}' "$package" | grep -qx installed ||
		{ echo "readme: package $package is not installed"; exit 1; }
done
END
shim ldconfig </dev/null
ln -s "$clang" "$work/bin/clang" # which may be there as clang-19 only
shim cmake <<END
[ "\$1" != --install ] || exec "$cmake" "\$@" --prefix "$work/prefix"
exec "$cmake" "\$@"
END

awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$source/README.md" \
	>"$work/commands"
[ "$(grep -c . "$work/commands")" -ge 10 ] ||
	{ echo "readme: README.md has no commands" >&2; exit 1; }

cd "$work/source"
export HOME="$work/home" PATH="$work/bin:$PATH"
export PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig:$work/prefix/lib64/pkgconfig"
export LD_LIBRARY_PATH="$work/prefix/lib:$work/prefix/lib64"
unset CFLAGS CPPFLAGS LDFLAGS CMAKE_GENERATOR MAKEFLAGS
sh -ex "$work/commands"
[ -x "$HOME/minimal/minimal" ] || { echo "readme: no program came out of it" >&2; exit 1; }
