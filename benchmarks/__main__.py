"""`python -m benchmarks [--jobs N] [--rounds N]`: runs every measurement and writes var/benchmarks.json."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.servers import servers


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="jobs that are due at once (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, each with every system (default %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("var/benchmarks.json"))
    options = parser.parse_args()
    if options.jobs < 1 or options.rounds < 1:
        parser.error("--jobs and --rounds take whole numbers from 1")
    with servers() as where:
        from benchmarks import burst

        found = burst.measure(where, jobs=options.jobs, rounds=options.rounds)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=1) + "\n")
    burst.show(found, sys.stdout)


if __name__ == "__main__":
    main()
