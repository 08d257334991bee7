#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Fetches the kernels of kernels.txt, and a newer QEMU, from the Debian mirror that this machine is
# set up with. Its package configuration is read, not changed: apt works in a directory of its own.
# Needs no privileges. What is there already is not fetched again; --update looks for newer ones.
set -euo pipefail

usage()
{
	cat <<-END
		usage: $0 [--update] [NAME]...
		Fetches kernels by their NAME in kernels.txt (default: all; "qemu": QEMU), prints
		"NAME PATH" for each.
		       $0 --packages SUITE ARCHITECTURE DIR PACKAGE...
		       $0 --programs SUITE ARCHITECTURE DIR PACKAGE...
		       $0 --depends SUITE ARCHITECTURE PACKAGE
		       $0 --source SUITE DIR PACKAGE
		Fetches packages of a suite, or packages with all that they depend on, or a
		package's source, and unpacks them in DIR; or names what a package depends on.
	END
}

die()
{
	echo "${0##*/}: $1" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/libbpfring/vm
state=$cache/apt
arch=amd64
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
qemu_suite=bookworm-backports # the libraries it needs are those of Debian 12

scratch=$state/scratch.$$
trap 'rm -rf "$scratch"' EXIT

# Any apt tool, on the private directory.
private()
{
	"$here/../../scripts/apt.sh" "$@" -o Dir::Etc::sourcelist="$state/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State="$state" -o Dir::State::status="$state/status" \
		-o Dir::Cache="$state" \
		-o Dir::Cache::pkgcache=packages.bin -o Dir::Cache::srcpkgcache=sources.bin \
		-o Dir::Etc::trusted="$keyring" -o APT::Architecture="$arch" \
		-o APT::Architectures="$arch" \
		-o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none
}

# The machine's own mirror: of Debian, or with argument -security of its security updates.
mirror()
{
	local uris

	# shellcheck disable=SC2016 # apt's own variables
	uris=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages')
	grep -m1 -E "/debian$1/?\$" <<<"$uris" && return
	# one mirror often has both
	sed -nE "s,/debian(-security)?/?\$,/debian$1/,p" <<<"$uris" | grep -m1 . ||
		die "no Debian mirror among this machine's apt sources"
}

# Reads the lists of packages (deb) or of sources (deb-src) of all these suites.
index() # KIND SUITE...
{
	local kind=$1 suite wanted=''

	shift
	for suite in "$@"; do
		case $suite in
		*-security)
			wanted+="$kind [signed-by=$keyring] $(mirror -security) $suite main"$'\n'
			;;
		*) wanted+="$kind [signed-by=$keyring] $(mirror '') $suite main"$'\n' ;;
		esac
	done
	mkdir -p "$state/lists/partial" "$state/archives/partial"
	: >"$state/status"
	wanted=$(sort -u <<<"$wanted" | grep .)
	printf '%s\n' "$wanted" >"$state/sources.list"
	private apt-get -qq update >&2 || die "cannot read the package lists"
}

# Downloads packages PACKAGE[=VERSION], or the source of one, into $scratch.
download() # [--source] PACKAGE...
{
	rm -rf "$scratch"
	mkdir -p "$scratch"
	(
		cd "$scratch"
		case $1 in
		--source) private apt-get -qq source --download-only --tar-only "$2" ;;
		*) private apt-get -qq download "$@" ;;
		esac
	) >&2 || die "cannot fetch $*"
}

# The newest version of each package in one suite, as PACKAGE=VERSION.
in_suite() # SUITE PACKAGE...
{
	local suite=$1 package version

	shift
	for package in "$@"; do
		version=$(private apt-cache madison "$package" |
			awk -F' *[|] *' -v suite=" $suite/" 'index($3, suite) { print $2; exit }')
		[[ $version ]] || die "no package $package in $suite"
		echo "$package=${version// /}"
	done
}

# Packages of one suite, unpacked.
fetch_packages() # SUITE DIRECTORY PACKAGE...
{
	local suite=$1 dir=$2 packages deb

	shift 2
	packages=$(in_suite "$suite" "$@")
	# shellcheck disable=SC2086 # one word per package
	download $packages
	rm -rf "$dir.new"
	mkdir -p "$dir.new"
	for deb in "$scratch"/*.deb; do
		dpkg-deb -x "$deb" "$dir.new"
	done
	rm -rf "$dir"
	mv "$dir.new" "$dir"
}

# Packages and what they depend on, so that their programs run from there.
fetch_programs() # SUITE DIRECTORY PACKAGE...
{
	local dir=$2 packages

	shift 2
	packages=$(private apt-get -qq install --no-install-recommends --print-uris -y \
		-o Debug::NoLocking=1 "$@" |
		sed -nE "s/^'[^']*' ([^_]*)_([^_]*)_.*/\1=\2/p" | sed 's/%3a/:/g') ||
		die "cannot tell what $* depends on"
	# shellcheck disable=SC2086 # one word per package
	download $packages
	rm -rf "$dir.new"
	mkdir -p "$dir.new"
	for deb in "$scratch"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dir.new" --keep-directory-symlink \
			--exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
			--exclude='./usr/share/locale/*'
	done
	rm -rf "$dir"
	mv "$dir.new" "$dir"
}

fetch_source() # DIRECTORY PACKAGE
{
	download --source "$2"
	rm -rf "$1"
	mkdir -p "$1"
	tar -x -f "$scratch"/*.orig.tar.* -C "$1" --strip-components=1
}

fetch_kernel() # NAME
{
	local dir=$cache/kernels/$1 patterns pattern package='' image

	read -ra patterns <<<"$(awk -v name="$1" '$1 == name { $1 = $2 = ""; print }' \
		"$here/kernels.txt")"
	for pattern in "${patterns[@]}"; do
		package=$(private apt-cache pkgnames linux- | { grep -xE "$pattern" || true; } |
			sed -E 's/^linux-(image|binary)-/& /' | sort -k2V | tail -1 | tr -d ' ')
		[[ -z $package ]] || break
	done
	[[ $package ]] || die "the mirror has no package for kernel $1: ${patterns[*]}"
	image=$dir/vmlinuz-${package#linux-*-}
	[[ ! -e $image ]] || return 0
	download "$package"
	mkdir -p "$dir"
	# in /boot, or in the directory of the modules
	dpkg-deb --fsys-tarfile "$scratch"/*.deb | tar -xO --wildcards '*/vmlinuz*' >"$dir/new"
	rm -f "$dir"/vmlinuz-*
	mv "$dir/new" "$image"
}

# Where the thing called NAME is, if it has been fetched.
have() # NAME
{
	if [[ $1 == qemu ]]; then
		ls "$cache/qemu/usr/bin/qemu-system-x86_64"
	else
		ls "$cache/kernels/$1"/vmlinuz-*
	fi 2>/dev/null
}

# Two at a time would change each other's lists of packages.
lock()
{
	mkdir -p "$cache"
	exec {lock_fd}>"$cache/lock"
	flock -n "$lock_fd" && return
	echo "${0##*/}: waiting for another one, up to ten minutes" >&2
	flock -w 600 "$lock_fd" || die "another one is still at work after ten minutes"
}

suites_of() # NAME...
{
	local name

	for name in "$@"; do
		awk -v name="$name" '$1 == name { print $2 }' "$here/kernels.txt" | tr , '\n'
	done
}

case ${1:-} in
-h | --help) usage && exit 0 ;;
--packages)
	suite=$2 arch=$3 dir=$4
	shift 4
	lock
	index deb "$suite"
	fetch_packages "$suite" "$dir" "$@"
	exit
	;;
--programs)
	suite=$2 arch=$3 dir=$4
	shift 4
	index deb "$suite"
	fetch_programs "$suite" "$dir" "$@"
	exit
	;;
--depends)
	suite=$2 arch=$3
	index deb "$suite"
	private apt-cache depends "$4" | sed -n 's/^ *|\?Depends: //p'
	exit
	;;
--source)
	lock
	index deb-src "$2"
	fetch_source "$3" "$4"
	exit
	;;
esac
update=''
[[ ${1:-} != --update ]] || { update=yes && shift; }
names=("$@")
(($#)) || mapfile -t names < <(echo qemu && grep -oE '^[^# ]+' "$here/kernels.txt")

find_missing()
{
	missing=()
	for name in "${names[@]}"; do
		[[ $name == qemu || $(suites_of "$name") ]] || die "no kernel $name in kernels.txt"
		[[ -z $update ]] && have "$name" >/dev/null || missing+=("$name")
	done
}

find_missing
if ((${#missing[@]})); then
	lock
	find_missing # the one that we waited for may have fetched it
fi
if ((${#missing[@]})); then
	mapfile -t suites < <(suites_of "${missing[@]}")
	[[ " ${missing[*]} " != *' qemu '* ]] || suites+=("$qemu_suite")
	index deb "${suites[@]}"
	for name in "${missing[@]}"; do
		if [[ $name == qemu ]]; then
			fetch_packages "$qemu_suite" "$cache/qemu" \
				qemu-system-x86 qemu-system-data seabios
		else
			fetch_kernel "$name"
		fi
	done
fi
for name in "${names[@]}"; do
	echo "$name $(have "$name")"
done
