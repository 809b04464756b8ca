"""`python -m benchmarks [NAME …] [--jobs N] [--rounds N] [--full]`: measures, judges, writes JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.measuring import show, write
from benchmarks.servers import servers

FOLDER = Path("var/benchmarks")
NAMES = ("burst",)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], help="all of them if none is named")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs that are due at once (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, each with every system (default %(default)s)")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    options = parser.parse_args()
    if options.jobs < 1 or options.rounds < 1:
        parser.error("--jobs and --rounds take whole numbers from 1")
    with servers() as where:
        from benchmarks import burst

        found = burst.measure(where, jobs=options.jobs, rounds=options.rounds, peers=not options.alone)
    write(found, FOLDER)
    print(show(found), file=sys.stdout)


if __name__ == "__main__":
    main()
