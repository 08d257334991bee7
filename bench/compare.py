#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Compares two release builds of libbpfring with their own benchmarks.

	sudo bench/compare.py OLD_BUILD NEW_BUILD [--rounds N] [--seconds S] [--row ROW]
		[--impl IMPL]

The builds take turns, and each run uses a copy of the library in new pages of memory: where these
lie changes the hot rows by tens of per cent. For each row and implementation it prints the medians
of both, and the median of the ratios of the rounds. libbpf is the control: its ratios are noise.
"""
import argparse
import collections
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

# Which figure counts in a family of rows: less is better, except of records_per_s.
FIGURES = {
    "keepup": "producer_ns",
    "cpu": "cpu_pct",
    "latency": "p50_ns",
    "hot": "consumer_ns",
    "parallel": "records_per_s",
    "sampled": "records_per_s",
    "multi": "records_per_s",
    "same-cpu": "records_per_s",
    "b2b": "records_per_s",
    "many-rings": "cpu_pct",
    "burst": "lost",
    "producer": "producer_ns",
}


def figure_of(row, sample):
    for family, figure in FIGURES.items():
        if row.startswith(family) and sample.get(figure) is not None:
            return figure
    return next(
        (f for f in ("producer_ns", "consumer_ns", "records_per_s", "p50_ns") if sample.get(f)),
        None,
    )


def run(build, args):
    """One repetition of the rows. Returns {(row, impl): figure}, less is better."""
    with tempfile.TemporaryDirectory() as place:
        for name in os.listdir(build):
            if ".so" in name:
                shutil.copy(os.path.join(build, name), place, follow_symlinks=False)
        command = [
            os.path.join(build, "bench", "bpfring-bench"),
            "--json",
            "-n",
            "1",
            "-s",
            str(args.seconds),
        ]
        for row in args.row:
            command += ["-r", row]
        for impl in args.impl:
            command += ["-i", impl]
        out = subprocess.run(
            command,
            env=dict(os.environ, LD_LIBRARY_PATH=place),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        ).stdout
    values = {}
    for line in out.splitlines():
        sample = json.loads(line)
        figure = figure_of(sample["row"], sample)
        if figure:
            value = sample[figure]
            values[sample["row"], sample["impl"]] = (
                1e9 / value if figure == "records_per_s" and value else value
            )
    return values


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.25)
    parser.add_argument("--row", action="append", default=[])
    parser.add_argument("--impl", action="append", default=[])
    args = parser.parse_args()
    for build in (args.old, args.new):
        if not os.access(os.path.join(build, "bench", "bpfring-bench"), os.X_OK):
            parser.error("%s has no bench/bpfring-bench: build the release preset there" % build)

    found = {args.old: collections.defaultdict(list), args.new: collections.defaultdict(list)}
    for number in range(args.rounds):
        for build in (args.old, args.new) if number % 2 == 0 else (args.new, args.old):
            for key, value in run(build, args).items():
                found[build][key].append(value)
    if not found[args.old] or not found[args.new]:
        parser.error(
            "no figures: run bench/bpfring-bench of both builds alone, as root, to see why"
        )
    print(
        "%-22s %-22s %11s %11s %8s %7s %7s"
        % ("row", "implementation", "old", "new", "new/old", "from", "to")
    )
    for key in found[args.new]:
        old, new = found[args.old].get(key), found[args.new][key]
        if not old:
            continue
        ratios = sorted(n / o for o, n in zip(old, new) if o)
        if not ratios:
            continue
        print(
            "%-22s %-22s %11.4g %11.4g %8.3f %7.2f %7.2f"
            % (
                *key,
                statistics.median(old),
                statistics.median(new),
                statistics.median(ratios),
                ratios[0],
                ratios[-1],
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
