# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Runs a test that may do anything: hang, fork, eat memory, leave struct_ops in the kernel."""

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import resource
import shlex
import signal
import subprocess
import time

GIB = 1 << 30
PR_SET_CHILD_SUBREAPER = 36
BPFTOOL = next((p for p in ("/usr/sbin/bpftool", "/sbin/bpftool") if os.path.exists(p)), "bpftool")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def digest_of(texts):
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def adopt_orphans():
    """Processes whose parent has ended become ours, so that none is left over."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_children():
    for _ in range(100):
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            children = file.read().split()
        if not children:
            return
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(pid), 0)


def limit():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 * GIB, 8 * GIB))


def limit_memory():
    limit()
    resource.setrlimit(resource.RLIMIT_AS, (64 * GIB, 64 * GIB))
    resource.setrlimit(resource.RLIMIT_DATA, (3 * GIB, 3 * GIB))


def registered():
    """Ids of the struct_ops maps in the kernel."""
    done = subprocess.run([BPFTOOL, "-j", "struct_ops", "show"], capture_output=True, text=True)
    with contextlib.suppress(ValueError, AttributeError):
        return {entry["id"] for entry in json.loads(done.stdout)}
    return set()


@contextlib.contextmanager
def alone(lock):
    """Nobody else on the machine who takes the lock; and what is left in the kernel goes."""
    with open(lock or os.devnull, "a", encoding="ascii") as file:
        if lock:
            fcntl.flock(file, fcntl.LOCK_EX)
        before = registered()
        try:
            yield
        finally:
            for left in registered() - before:
                subprocess.run(
                    [BPFTOOL, "struct_ops", "unregister", "id", str(left)], capture_output=True
                )


def in_vm(commands, tree, out, kernel):
    """The command that runs these on another kernel, until one fails."""
    images = subprocess.run(
        [f"{tree}/tests/vm/fetch.sh", "qemu", kernel], check=True, capture_output=True, text=True
    )
    image = next(
        line.split()[1] for line in images.stdout.splitlines() if line.startswith(kernel + " ")
    )
    script = os.path.join(out, "vm.sh")
    with open(script, "w", encoding="ascii") as file:
        file.write("export TEST_SLOWNESS=10\n")
        for command in commands:
            file.write(f"{shlex.join(command)} || [ $? = 77 ] || exit 1\n")
    files = [word for path in (script, BPFTOOL, *{c[0] for c in commands}) for word in ("-f", path)]
    return [f"{tree}/tests/vm/run.sh", "-k", image, "-t", "550", *files, "--", "sh", script]


def run(test, build, sound, out, lock=None, vm=None):
    """pass, skip, fail or time-out, and the seconds. @sound: the program without a fault."""
    commands = [[s, *c[1:]] for s, c in zip(test.sound, test.commands)] if sound else test.commands
    command = in_vm(commands, build.tree, out, vm) if test.in_vm else commands[0]
    seconds = min(test.limit, max(15, 10 * test.seconds)) if test.seconds else test.limit
    environment = {
        **os.environ,
        "LD_PRELOAD": os.path.join(out, "guard.so"),
        "TSAN_OPTIONS": "hard_rss_limit_mb=2000",
        "ASAN_OPTIONS": "hard_rss_limit_mb=2000",
    }
    environment.update(word.split("=", 1) for word in test.environment)
    sanitized = build.preset != "dev"
    if test.in_vm or sanitized:
        del environment["LD_PRELOAD"]
    start = time.monotonic()
    with alone(lock) if test.alone else contextlib.nullcontext():
        with open(os.path.join(out, "output"), "w", encoding="utf-8") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=build.dir,
                start_new_session=True,
                preexec_fn=limit if test.in_vm or sanitized else limit_memory,
            )
            try:
                status = process.wait(seconds)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                kill_children()
    took = time.monotonic() - start
    if status is None:
        return "time-out", took
    return {0: "pass", 77: "skip"}.get(status, "fail"), took
