#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Runs a command on another kernel, in QEMU, as root there and in the same directory. The guest has
# that kernel, busybox, and the files that are named here, each at the path that it has outside,
# with the shared libraries that it needs; no modules, network or disk. Needs no privileges outside.
set -euo pipefail

usage()
{
	cat <<-END
		usage: $0 -k IMAGE [-f FILE]... [-t SECONDS] [-b SECONDS] [-c CPUS]
		          [-a ARGUMENTS] [-l DIR]
		       [--] COMMAND [ARGUMENT...]
		  -k IMAGE    the kernel (fetch.sh gets some)
		  -f FILE     take this file or directory along; COMMAND itself is taken if it is
		              a file
		  -t SECONDS  time limit for the command (default 120)
		  -b SECONDS  time limit for booting (default 40); tried three times
		  -c CPUS     so many processors (default 2, with an old QEMU 1)
		  -a ARGUMENTS more for the kernel's command line
		  -l DIR      keep the guest's console there, as console; otherwise only after a
		              failure
		Exit status: the command's own, or 123 when the kernel complained (warning, oops,
		lockdep), 124 when time ran out, 125 when the guest could not be run. QEMU is
		\$QEMU, the one that fetch.sh unpacked, or the system's.
	END
}

fail()
{
	echo "${0##*/}: $1" >&2
	exit 125
}

here=$(cd "$(dirname "$0")" && pwd)
image='' limit=120 boot_limit=40 cpus='' arguments='' logs='' files=()
while getopts k:f:t:b:c:a:l:h option; do
	case $option in
	k) image=$OPTARG ;;
	f) files+=("$OPTARG") ;;
	t) limit=$OPTARG ;;
	b) boot_limit=$OPTARG ;;
	c) cpus=$OPTARG ;;
	a) arguments=$OPTARG ;;
	l) logs=$OPTARG ;;
	h) usage && exit 0 ;;
	*) usage >&2 && exit 125 ;;
	esac
done
shift $((OPTIND - 1))
[[ -r $image && $# -gt 0 ]] || { usage >&2 && exit 125; }

work=$(mktemp -d "${TMPDIR:-/tmp}/bpfring-vm.XXXXXX")
qemu_pid=''
trap '[[ -z $qemu_pid ]] || kill -KILL "$qemu_pid"; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Everything in one archive, libraries by the paths under which the programs look for them.
pack()
{
	local root=$work/root file busybox

	busybox=$(type -P busybox) || fail "install busybox-static"
	! ldd "$busybox" &>/dev/null || fail "busybox has to be static: install busybox-static"
	mkdir -p "$root"/{bin,root} "$root$PWD"
	cp "$busybox" "$root/bin/busybox"
	cp "$here/init" "$root/init"
	# busybox's own shell prefers its applets to programs
	files+=(/bin/sh)
	[[ ! -f $1 ]] || files+=("$1")
	for file in "${files[@]}"; do
		file=$(realpath -s "$file")
		cp -rL --parents "$file" "$root"
		# ldd complains of what is no program; every path that it names is a library
		{ find -L "$file" -type f -exec ldd {} + 2>/dev/null || true; } |
			awk '/\(0x/ { for (i = 1; i <= NF; i++) if ($i ~ /^\//) print $i }'
	done | sort -u | xargs -r cp -L --parents -t "$root"
	printf 'cd %q && exec %s\n' "$PWD" "${*@Q}" >"$root/command"
	(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initrd"
}

find_qemu()
{
	local unpacked=${XDG_CACHE_HOME:-$HOME/.cache}/libbpfring/vm/qemu major

	qemu=("${QEMU:-qemu-system-x86_64}")
	if [[ -z ${QEMU:-} && -x $unpacked/usr/bin/qemu-system-x86_64 ]]; then
		qemu=("$unpacked/usr/bin/qemu-system-x86_64" -L "$unpacked/usr/share/seabios"
			-L "$unpacked/usr/share/qemu")
	fi
	major=$("${qemu[0]}" --version | sed -nE '1s/.*version ([0-9]+).*/\1/p') || true
	[[ $major ]] || fail "cannot run ${qemu[0]}: install qemu-system-x86"
	# Before QEMU 8, guests with two emulated CPUs now and then die while they patch their code.
	[[ $cpus ]] || cpus=$((major >= 8 ? 2 : 1))
}

# One boot. Returns 1 if it did not come as far as the command, 2 if the command took too long.
boot()
{
	local end=$((SECONDS + boot_limit)) ready=''
	local parameters="console=ttyS0 panic=-1 oops=panic nokaslr mitigations=off audit=0"
	parameters+=" tsc=reliable loglevel=5"

	: >"$work/status"
	"${qemu[@]}" -accel tcg,thread=multi -M pc -cpu max,la57=off -smp "$cpus" -m 512 \
		-display none -monitor none -nodefaults -no-user-config -no-reboot \
		-serial "file:$work/console" -serial stdio -serial "file:$work/status" \
		-kernel "$image" -initrd "$work/initrd" \
		-append "$parameters $arguments" \
		</dev/null &
	qemu_pid=$!
	disown # or bash would report that it was killed
	while kill -0 "$qemu_pid" 2>/dev/null; do
		[[ $ready ]] || ! grep -q ready "$work/status" || ready=yes end=$((SECONDS + limit))
		((SECONDS < end)) || kill -KILL "$qemu_pid"
		sleep 0.1
	done
	qemu_pid=''
	grep -q ready "$work/status" || return 1
	grep -q tainted "$work/status" || return 2
}

failed()
{
	echo "${0##*/}: $2" >&2
	grep -nEf "$here/complaints.txt" "$work/console" >&2 || true
	if [[ -z $logs ]]; then
		logs=$(mktemp -d "${TMPDIR:-/tmp}/bpfring-console.XXXXXX")
		cp "$work/console" "$logs/console"
	fi
	echo "${0##*/}: the guest's console is in $logs/console" >&2
	exit "$1"
}

pack "$@"
find_qemu
for attempt in 1 2 3; do
	result=0
	boot || result=$?
	((result == 1)) || break
	echo "${0##*/}: the guest did not boot (attempt $attempt)" >&2
done
[[ -z $logs ]] || { mkdir -p "$logs" && cp "$work/console" "$logs/console"; }
status=$(sed -n 's/^status //p' "$work/status")
taint=$(sed -n 's/^tainted //p' "$work/status")
((result != 1)) || failed 125 "the guest does not boot"
# A panic ends the guest early too. Taint 512: warning, 128: died.
if grep -qEf "$here/complaints.txt" "$work/console" || ((${taint:-0} & (512 | 128))); then
	failed 123 "the kernel complained"
fi
((result == 0)) || failed 124 "the command did not end within $limit s"
((status == 0)) || failed "$status" "the command failed with status $status"
