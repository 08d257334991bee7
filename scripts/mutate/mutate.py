# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Runs the fitting tests against faults of faults.py, and reports those that no test noticed."""

import argparse
import collections
import fnmatch
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import sandbox
from builds import Build, copy_tree
from faults import SWAPS, faults_of

EQUIVALENT = "tests/mutants-equivalent.txt"

# The tests of a source are those of its folder. A header's folder, and what of base other folders
# use:
FOLDERS = [
    ("include/bpfring/*/task_storage*", ["task_storage"]),
    ("include/bpfring/*/names*", ["task_storage"]),
    ("include/bpfring/*/*", ["ring", "producer"]),
    ("include/bpfring/task_storage*", ["task_storage"]),
    ("include/bpfring/names*", ["task_storage"]),
    ("include/bpfring/struct_ops*", ["struct_ops"]),
    ("include/bpfring/user_ring*", ["producer"]),
    ("include/bpfring/producer*", ["producer"]),
    ("include/bpfring/recovery*", ["producer"]),
    ("include/bpfring/probe*", ["base"]),
    ("include/bpfring/common.h", ["base", "ring"]),
    ("include/bpfring/*", ["ring"]),
    ("src/base/sys_struct_ops*", ["base", "struct_ops"]),
    ("src/base/sys_bpf*", ["base", "task_storage"]),
    ("src/base/probe*", ["base"]),
    ("src/base/*", ["base", "ring", "producer", "task_storage"]),
]

# They call every public function.
EVERYWHERE = ("kernel-null", "kernel-descriptors", "kernel-reasons")

# Faults there could call BPF_LINK_UPDATE with the map that is already in the link, which panics
# kernels up to now: they never run on the live kernel. guard.c stops what other faults may come to.
NEVER_LIVE = [
    ("src/struct_ops/register.c", "*"),
    ("src/struct_ops/release.c", "*"),
    ("src/struct_ops/replace*", "*"),
    ("src/struct_ops/*", "*replace*"),
    ("src/struct_ops/*", "*swap*"),
    ("src/struct_ops/*", "*update*"),
    ("src/base/sys_struct_ops.c", "*link_update"),
]
# Descriptors 0 to 2 are never ours (base/fd.h): 0 may stand on either side of a comparison. Not so
# those of callers, which are in options and in files that see any.
ANY_FD = ("src/base/fd.c", "src/base/sys*")
OWN_FD = re.compile(r"(?<![\w>.])(?!opts\b|known\b|ret\b)(?:\w+(?:->|\.))*\w*fd (<|>=) 0\b")

NEVER_LIVE_REASON = (
    "could update a link with the map that it has, which panics the kernel; unit tests only"
)


def options():
    p = argparse.ArgumentParser(
        prog="mutate.sh", description="Small faults, and whether tests notice them."
    )
    p.add_argument(
        "--count",
        type=int,
        default=200,
        metavar="N",
        help="faults to judge (200), spread over all files",
    )
    p.add_argument("--seed", default="1", help="chooses which (1)")
    p.add_argument(
        "--files", default=["*"], nargs="+", metavar="GLOB", help="only faults in these files"
    )
    p.add_argument(
        "--kinds", default=["*"], nargs="+", metavar="GLOB", help="only faults of these kinds"
    )
    p.add_argument(
        "--fresh",
        action="store_true",
        help="forget earlier runs; otherwise what was noticed then counts, "
        "and what survived is judged again if the tests have changed",
    )
    p.add_argument(
        "--list", action="store_true", help="print the faults that would be judged, and stop"
    )
    p.add_argument(
        "--asan", action="store_true", help="what survives runs under AddressSanitizer too"
    )
    p.add_argument("--unit", action="store_true", help="no tests on the live kernel")
    p.add_argument(
        "--vm",
        metavar="KERNEL",
        help="faults that are too dangerous for the live kernel run in a "
        "virtual machine with this one, see tests/vm/kernels.txt",
    )
    p.add_argument(
        "--lock",
        metavar="FILE",
        help="is locked while a test runs that must run alone on the machine",
    )
    p.add_argument("--out", default="build/mutate", help="copy, builds and log (build/mutate)")
    return p.parse_args()


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, p) for p in patterns)


def folders_of(path):
    for pattern, folders in FOLDERS:
        if fnmatch.fnmatchcase(path, pattern):
            return folders
    return [path.split("/")[1]]


def never_live(fault):
    return any(matches(fault.path, [p]) and matches(fault.function, [f]) for p, f in NEVER_LIVE)


def read_equivalent():
    """Paragraphs: "path: function()", "- line", "+ line with the fault", and why it is none."""
    known = {}
    if os.path.exists(EQUIVALENT):
        with open(EQUIVALENT, encoding="utf-8") as file:
            for paragraph in file.read().split("\n\n"):
                lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
                if len(lines) < 4 or lines[1][:2] != "- " or lines[2][:2] != "+ ":
                    if lines:
                        sys.exit(f"{EQUIVALENT}: cannot read: {lines[0]}")
                    continue
                known[lines[0].strip(), lines[1][2:].strip(), lines[2][2:].strip()] = " ".join(
                    lines[3:]
                )
    return known


def equivalent_by_rule(fault):
    if matches(fault.path, ANY_FD):
        return ""
    for m in OWN_FD.finditer(fault.before):
        if fault.before[: m.start(1)] + SWAPS[m[1]] + fault.before[m.end(1) :] == fault.after:
            return "no descriptor of ours is 0"
    return ""


class Runner:
    def __init__(self, opts):
        self.opts, self.out = opts, os.path.abspath(opts.out)
        self.tree = os.path.join(self.out, "tree")
        self.builds, self.kills = {}, collections.defaultdict(collections.Counter)
        self.unreliable, self.results = {}, []
        self.log_path = os.path.join(self.out, "log")
        os.makedirs(self.out, exist_ok=True)
        if opts.fresh and os.path.exists(self.log_path):
            os.remove(self.log_path)
        self.logged = {}
        if os.path.exists(self.log_path):
            with open(self.log_path, encoding="utf-8") as file:
                for entry in map(json.loads, file):
                    self.logged[entry["id"]] = entry

    def build(self, preset):
        if preset not in self.builds:
            print(f"building the tests ({preset})", file=sys.stderr)
            self.builds[preset] = Build(preset, self.tree, self.out)
        return self.builds[preset]

    def fits(self, test, fault, build):
        folders = folders_of(fault.path)
        if test.name in EVERYWHERE:
            return not (self.opts.unit or never_live(fault)) and fault.kind != "order"
        # What of tests/stress is about which folder is in its name.
        at = (
            test.folder
            if test.folder != "stress"
            else "producer"
            if "prod" in test.name
            else "ring"
        )
        if at == "fuzz":
            fits = not {"task_storage", "struct_ops"} & set(folders)
        else:
            fits = (
                at in folders
                or at == "kernel"
                and "base" in folders
                or at == "sim"
                and "ring" in folders
            )
        if test.on_kernel and (self.opts.unit or never_live(fault) and not self.opts.vm):
            return False
        if test.on_kernel and test.alone and build.preset != "dev":
            return False  # sanitizers leave no room for guard.c
        if fault.kind == "order" and not (
            test.threads and (not test.on_kernel or "thread" in test.name)
        ):
            return False  # no threads, or minutes under TSan with hardly any of them in the library
        return fits and not test.slow

    def tests(self, fault, build):
        """Ordered: what needs no privileges, what has noticed faults here, what is fast."""
        kills = self.kills[fault.path]
        wanted = [t for t in build.tests if self.fits(t, fault, build)]
        if never_live(fault):
            on_kernel = [t for t in wanted if t.on_kernel]
            wanted = [t for t in wanted if not t.on_kernel] + build.in_vm(on_kernel)
        wanted = [t for t in wanted if t.name not in self.unreliable]
        return sorted(
            wanted, key=lambda t: (t.on_kernel, t.stress, -kills[t.name], t.seconds or 0, t.name)
        )

    def state(self, fault):
        """Changes with the tests that fit, and with what they test."""
        presets = [self.build(p) for p in self.presets(fault)]
        return sandbox.digest_of(
            t.name + t.digest for b in presets for t in b.tests if self.fits(t, fault, b)
        )

    def presets(self, fault):
        return ["tsan"] if fault.kind == "order" else ["dev", "asan"] if self.opts.asan else ["dev"]

    def run_test(self, test, build, sound):
        return sandbox.run(test, build, sound, self.out, lock=self.opts.lock, vm=self.opts.vm)

    def notices(self, test, build):
        """Whether the test fails with the fault, and passes without."""
        if not test.checked:
            test.checked = True
            result, test.seconds = self.run_test(test, build, True)
            if result != "pass":
                self.unreliable[test.name] = f"{result} without a fault"
                return False
        result, _ = self.run_test(test, build, False)
        if result in ("pass", "skip"):
            return False
        if self.run_test(test, build, True)[0] != "pass":
            self.unreliable[test.name] = "fails now and then without a fault"
            return False
        again = [self.run_test(test, build, False)[0] not in ("pass", "skip") for _ in range(2)]
        return any(again)

    def judge(self, fault):
        """What becomes of it, and which test noticed it or why it was not judged."""
        judged = ""
        for preset in self.presets(fault):
            build = self.build(preset)
            path = os.path.join(self.tree, fault.path)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            code = build.code(fault.path)
            try:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(fault.apply(text))
                faulty = build.code(fault.path)
                if faulty is None:
                    return "no code", "does not compile"
                if faulty and faulty == code:
                    return "equivalent", "the same code"
                for test in self.tests(fault, build):
                    if not build.make(*test.targets):
                        return "no code", f"does not compile for {test.name}"
                    if test.digest_now() == test.digest:
                        continue
                    judged = preset
                    if self.notices(test, build):
                        self.kills[fault.path][test.name] += 1
                        return "noticed", test.name + (" under ASan" if preset == "asan" else "")
            finally:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
        if fault.kind == "order":
            return "order", "TSan saw nothing wrong" if judged else "no test under TSan has it"
        if never_live(fault) and not self.opts.vm:
            return "not judged", NEVER_LIVE_REASON
        return "survived", "" if judged else "no test has it in its program"

    def one(self, fault, known):
        name = "\n".join([*fault.key, str(fault.nth)])
        entry = self.logged.get(name)
        reason = known.get(fault.key) or equivalent_by_rule(fault)
        if reason:
            entry = {
                "id": name,
                "result": "equivalent",
                "by": "listed: " + reason,
                "seconds": 0,
            }
        elif (
            not entry
            or entry["result"] not in ("noticed", "no code")
            and entry.get("state") != self.state(fault)
        ):
            start = time.monotonic()
            result, by = self.judge(fault)
            took = round(time.monotonic() - start, 1)
            entry = {
                "id": name,
                "result": result,
                "by": by,
                "seconds": took,
                "state": self.state(fault),
            }
            with open(self.log_path, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        elif entry["result"] == "noticed":
            self.kills[fault.path][entry["by"].split()[0]] += 1
        self.results.append((fault, entry["result"], entry["by"]))
        print(
            f"{fault.path}:{fault.line}: {fault.kind}: {entry['result']}"
            f"{': ' + entry['by'] if entry['by'] else ''} ({entry['seconds']} s)",
            file=sys.stderr,
        )
        return entry["result"]

    def run(self, queues, known):
        """Takes from each file's queue in turn until so many were judged."""
        left = self.opts.count
        while left > 0 and any(queues.values()):
            share, taken = collections.Counter(), 0
            while taken < left:
                before = taken
                for path in queues:
                    if taken < left and share[path] < len(queues[path]):
                        share[path] += 1
                        taken += 1
                if taken == before:
                    break
            for path, queue in queues.items():
                while share[path] > 0 and queue:
                    result = self.one(queue.pop(0), known)
                    share[path] -= result in ("noticed", "survived", "not judged", "order")
                    left -= result in ("noticed", "survived")


def report(results, unreliable):
    per_file = collections.defaultdict(collections.Counter)
    for fault, result, _ in results:
        per_file[fault.path][result] += 1
    total = sum(per_file.values(), collections.Counter())
    columns = ["noticed", "survived", "equivalent", "no code", "not judged", "order"]
    width = max(map(len, per_file), default=5)
    print(f"{'file':{width}}  {'':>7}" + "".join(f"  {c}" for c in columns))
    for path, counts in [*sorted(per_file.items()), ("total", total)]:
        counted = counts["noticed"] + counts["survived"]
        share = f"{100 * counts['noticed'] / counted:.0f} %" if counted else "-"
        print(
            f"{path:{width}}  {share:>7}"
            + "".join(f"  {counts[c] or '.':>{len(c)}}" for c in columns)
        )
    for title, wanted in [
        ("Nobody noticed", "survived"),
        ("Not judged; no part of the percentages", "not judged"),
        ("Orders of memory that TSan does not miss; no part of the percentages", "order"),
    ]:
        some = [(f, by) for f, result, by in results if result == wanted]
        if some:
            print(f"\n{title}: {len(some)}")
        for fault, by in some:
            print(f"\n{fault.path}:{fault.line}: {fault.kind}{', ' + by if by else ''}")
            print(f"{fault.key[0]}\n- {fault.before}\n+ {fault.after}")
    seen = sum(f.kind == "order" and result == "noticed" for f, result, _ in results)
    print(
        f"\nOrders of memory: {seen} noticed by TSan, {total['order']} not; nothing else judges."
    )
    for name, why in unreliable.items():
        print(f"Left out: {name}: {why}")


def main():
    opts = options()
    copy_tree(".", os.path.join(opts.out, "tree"))
    runner = Runner(opts)
    known, queues, keys = read_equivalent(), {}, set()
    paths = subprocess.run(
        ["git", "ls-files", "src/*.[ch]", "include/*.h"], check=True, capture_output=True, text=True
    )
    for path in paths.stdout.split():
        with open(path, encoding="utf-8") as file:
            faults = faults_of(path, file.read())
        keys.update(f.key for f in faults)
        random.Random(f"{opts.seed} {path}").shuffle(faults)
        faults = [f for f in faults if matches(f.kind, opts.kinds)]
        if faults and matches(path, opts.files):
            queues[path] = faults
    for key in known.keys() - keys:
        print(f"{EQUIVALENT}: fits nothing any more: {' | '.join(key)}", file=sys.stderr)
    names = sorted(queues)
    random.Random(opts.seed).shuffle(names)
    queues = {name: queues[name] for name in names}
    if opts.list:
        for fault in (f for queue in queues.values() for f in queue):
            print(f"{fault.path}:{fault.line}: {fault.kind}\n- {fault.before}\n+ {fault.after}")
        return 0
    guard = os.path.join(runner.out, "guard.so")
    subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", "-o", guard, "scripts/mutate/guard.c"], check=True
    )
    sandbox.adopt_orphans()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        runner.run(queues, known)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
    report(runner.results, runner.unreliable)
    return 0


if __name__ == "__main__":
    sys.exit(main())
