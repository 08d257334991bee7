# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""A copy of the sources; the library and all tests built from it, with and without a fault."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass

import sandbox

# Without debug information the same code is the same object.
CONFIGURE = [
    "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O2",
    "-DCMAKE_C_FLAGS=-w",
    "-DBPFRING_WERROR=OFF",
    "-DCMAKE_C_COMPILER_LAUNCHER=ccache",
    *(f"-DBPFRING_BUILD_{part}=OFF" for part in ("SHARED", "COMPAT", "BENCH", "EXAMPLES", "TOOLS")),
]


def copy_tree(source, to):
    """What git knows or would add. Equal files keep their time and are not built again."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=source,
        check=True,
        capture_output=True,
        text=True,
    )
    wanted = {
        p for p in listing.stdout.split("\0") if p and os.path.isfile(os.path.join(source, p))
    }
    for folder, _, files in os.walk(to):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.relpath(path, to) not in wanted:
                os.remove(path)
    for path in wanted:
        old, new = os.path.join(source, path), os.path.join(to, path)
        if not os.path.exists(new) or sandbox.digest(old) != sandbox.digest(new):
            os.makedirs(os.path.dirname(new), exist_ok=True)
            shutil.copy(old, new)


@dataclass
class Test:
    name: str
    folder: str  # below tests/unit or tests/kernel, or the one below tests
    commands: list  # one, but for those in a virtual machine: each a program and its arguments
    labels: list
    limit: float
    alone: bool = False
    environment: tuple = ()
    targets: tuple = ()
    sound: tuple = ()  # the programs without a fault
    digest: str = ""  # of these
    threads: bool = False
    seconds: float = 0.0
    checked: bool = False
    in_vm: bool = False

    @property
    def on_kernel(self):
        return "kernel" in self.labels

    @property
    def stress(self):
        return "stress" in self.labels

    @property
    def slow(self):
        return self.stress and (self.on_kernel or self.limit > 300)

    def digest_now(self):
        return sandbox.digest_of(sandbox.digest(command[0]) for command in self.commands)


class Build:
    def __init__(self, preset, tree, out):
        self.preset, self.dir, self.tree = preset, os.path.join(out, preset), tree
        self.environment = {**os.environ, "CCACHE_BASEDIR": out, "CCACHE_NOHASHDIR": "1"}
        self.quiet(["cmake", "--preset", preset, "-S", tree, "-B", self.dir, *CONFIGURE])
        self.quiet(["ninja", "-C", self.dir])
        with open(os.path.join(self.dir, "compile_commands.json"), encoding="utf-8") as file:
            self.commands = {
                os.path.relpath(c["file"], tree): c["command"] for c in json.load(file)
            }
        self.tests = list(self.find_tests(os.path.join(out, preset + "-sound")))
        self.vm = []

    def quiet(self, command):
        done = subprocess.run(
            command, capture_output=True, text=True, env=self.environment, cwd=self.tree
        )
        if done.returncode:
            sys.exit(f"{shlex.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")

    def make(self, *targets):
        command = ["ninja", "-C", self.dir, *targets]
        return not subprocess.run(command, capture_output=True, env=self.environment).returncode

    def find_tests(self, sound):
        listing = subprocess.run(
            ["ctest", "--test-dir", self.dir, "--show-only=json-v1"],
            check=True,
            capture_output=True,
            text=True,
        )
        ctest = json.loads(listing.stdout)
        graph = ctest["backtraceGraph"]
        os.makedirs(sound, exist_ok=True)
        for entry in ctest["tests"]:
            command = entry.get("command", [""])
            if not command[0].startswith(self.dir):
                continue  # a script
            node, at = entry["backtrace"], ""
            while node is not None:  # the innermost CMakeLists.txt is that of the test's folder
                path = graph["files"][graph["nodes"][node]["file"]]
                if path.endswith("CMakeLists.txt") and not at:
                    at = os.path.basename(os.path.dirname(path))
                node = graph["nodes"][node].get("parent")
            properties = {p["name"]: p["value"] for p in entry["properties"]}
            if "abi" in properties.get("LABELS", []):
                continue
            test = Test(
                entry["name"],
                at,
                [command],
                properties.get("LABELS", []),
                properties.get("TIMEOUT", 60),
                properties.get("RUN_SERIAL", False),
                properties.get("ENVIRONMENT", ()),
            )
            test.targets = (os.path.relpath(command[0], self.dir),)
            test.sound = (os.path.join(sound, os.path.basename(command[0])),)
            shutil.copy(command[0], test.sound[0])
            test.digest = test.digest_now()
            with open(command[0], "rb") as file:
                test.threads = b"pthread_create" in file.read()
            yield test

    def in_vm(self, tests):
        """These as one, for one boot."""
        if tests and not self.vm:
            self.vm.append(
                Test("in the virtual machine", "", [t.commands[0] for t in tests], ["kernel"], 600)
            )
            self.vm[0].targets = tuple(t.targets[0] for t in tests)
            self.vm[0].sound = tuple(t.sound[0] for t in tests)
            self.vm[0].digest = self.vm[0].digest_now()
            self.vm[0].in_vm = True
        return self.vm if tests else []

    def code(self, path):
        """A digest of the code that a file gives; None: it does not compile; "": cannot be said."""
        command = self.commands.get(path)
        if command:
            target = shlex.split(command)[shlex.split(command).index("-o") + 1]
            return sandbox.digest(os.path.join(self.dir, target)) if self.make(target) else None
        # A header: as a file of its own, with all its inline functions. clang has no option for
        # that.
        words = shlex.split(self.commands["src/base/sys.c"])
        if not path.endswith(".h") or any("clang" in w for w in words[:2]):
            return ""
        done = subprocess.run(
            [
                *words[: words.index("-o")],
                "-fkeep-inline-functions",
                "-x",
                "c",
                "-c",
                "-o",
                "header.o",
                os.path.join(self.tree, path),
            ],
            cwd=self.dir,
            env=self.environment,
            capture_output=True,
        )
        return sandbox.digest(os.path.join(self.dir, "header.o")) if not done.returncode else ""
