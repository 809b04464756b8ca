"""`python -m benchmarks [NAME …] [--jobs N] [--rounds N] [--full]`: measures, judges, writes JSON."""

from __future__ import annotations

import argparse
import inspect
import os
import subprocess
import sys
from importlib import import_module
from typing import Any

from benchmarks.charts import FOUND
from benchmarks.measuring import show, write
from benchmarks.servers import servers

QUICK: dict[str, dict[str, Any]] = {
    "burst": {"jobs": 1000, "rounds": 3},
    "scale_out": {"jobs": 3000, "rounds": 2},
    "steady": {"seconds": 20, "rounds": 1},
    "precision": {"seconds": 20, "rounds": 2},
    "idle": {"jobs": (1_000, 100_000), "seconds": 15, "rounds": 1},
    "change": {"jobs": 10_000, "edits": 15, "rounds": 1},
    "tracking": {"tasks": 2000, "rounds": 2},
    "end_to_end": {"seconds": 15, "rounds": 1},
    "history": {"runs": 100_000, "jobs": 1000, "rounds": 1},
    "pages": {"jobs": 2_000, "runs": 50_000, "rounds": 3},
    "sqlite": {"jobs": 300, "tasks": 500, "rounds": 1},
}
"""What `make bench` does, in about a quarter of an hour."""
FULL: dict[str, dict[str, Any]] = {
    "burst": {"jobs": 10_000, "rounds": 3},
    "scale_out": {"jobs": 10_000, "rounds": 3},
    "steady": {"seconds": 300, "rounds": 1},
    "precision": {"seconds": 240, "rounds": 3},
    "idle": {"jobs": (1_000, 100_000, 1_000_000), "seconds": 60, "rounds": 1},
    "change": {"jobs": 100_000, "edits": 50, "rounds": 3},
    "tracking": {"tasks": 10_000, "rounds": 3},
    "end_to_end": {"seconds": 100, "rounds": 3},
    "history": {"runs": 5_000_000, "jobs": 10_000, "rounds": 3},
    "pages": {"jobs": 100_000, "runs": 5_000_000, "rounds": 5},
    "sqlite": {"jobs": 1000, "tasks": 2000, "rounds": 3},
}
"""What the figures in docs/performance.md come from; hours."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(QUICK)}; all if none is named")
    parser.add_argument("--jobs", type=int, help="jobs, where a benchmark takes a number of them")
    parser.add_argument("--rounds", type=int, help="rounds, each with every system")
    parser.add_argument("--full", action="store_true", help="as large and long as the figures in the docs")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    options = parser.parse_args()
    if unknown := set(options.names) - set(QUICK):
        parser.error(f"{', '.join(sorted(unknown))}: not known. There are {', '.join(QUICK)}.")
    if min(options.jobs or 1, options.rounds or 1) < 1:
        parser.error("--jobs and --rounds take whole numbers from 1")
    names = options.names or list(QUICK)
    if len(names) > 1:  # one process for each: Django can be set up on one database
        each = [[sys.executable, "-m", "benchmarks", name, *_again(options)] for name in names]
        sys.exit(max(subprocess.run(command, check=False).returncode for command in each))
    _measure(names[0], options)


def _again(options: argparse.Namespace) -> list[str]:
    told = [f"--{name}={value}" for name in ("jobs", "rounds") if (value := getattr(options, name))]
    return [*told, *(f"--{name}" for name in ("full", "alone") if getattr(options, name))]


def _measure(name: str, options: argparse.Namespace) -> None:
    size = dict((FULL if options.full else QUICK)[name])
    size |= {key: getattr(options, key) for key in ("jobs", "rounds") if getattr(options, key) and key in size}
    with servers("sqlite" if name == "sqlite" else "postgres") as where:
        module = import_module(f"benchmarks.{name}")
        if "peers" in inspect.signature(module.measure).parameters:
            size["peers"] = not options.alone
        before = os.getloadavg()[0]
        found = module.measure(where, **size)
        found.machine["load_before"] = before
    write(found, FOUND)
    print(show(found), flush=True)


if __name__ == "__main__":
    main()
