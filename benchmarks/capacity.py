"""Capacity: `python -m benchmarks.capacity --jobs 1000000 --workers 20 --task-seconds 0.5`: how late, how big?

A simulation of one day, second by second, fed with what `python -m benchmarks burst` and `… tracking` have measured
on this machine (var/benchmarks/). It knows three queues, one behind the other: schedulers, the database, workers.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from benchmarks.charts import FOUND
from benchmarks.measuring import read

DAY = 86_400
RUN_BYTES = 1_000
"""A run with its execution row and all their index entries, where `history` has not measured it."""
MIX = {
    "minutely": 0.01,
    "five-minutely": 0.09,
    "hourly": 0.3,
    "hourly-spread": 0.2,
    "midnight": 0.2,
    "daily-spread": 0.2,
}
"""Shares of the jobs; what is not spread is due in the same second."""


@dataclass(frozen=True)
class Costs:
    """What this machine was measured to do."""

    firings_per_second: float
    """One scheduler, until the message is in the broker."""
    gain: float
    """What each doubling of the schedulers multiplies that by; the database is shared."""
    tasks_per_second: float
    """A worker with two processes, on tasks that do nothing."""
    run_bytes: float
    """A run in the database, with its execution row and their entries in all indexes."""


@dataclass
class Day:
    """What the simulation finds."""

    firings: int = 0
    latest_sent: int = 0
    """Seconds that the last of a second's firings waited for its message to be sent, at worst."""
    latest_started: int = 0
    """The same until its body started."""
    busiest: dict[str, int] = field(default_factory=dict)


def due_in(second: int, jobs: int, mix: dict[str, float]) -> float:
    """Return how many firings are due in a second of the day."""
    counts = {name: jobs * share for name, share in mix.items()}
    due = counts.get("hourly-spread", 0) / 3600 + counts.get("daily-spread", 0) / DAY
    for name, every in (("minutely", 60), ("five-minutely", 300), ("hourly", 3600), ("midnight", DAY)):
        due += counts.get(name, 0) if second % every == 0 else 0
    return due


def simulate(jobs: int, mix: dict[str, float], sending: float, working: float) -> Day:
    """Let a day pass.

    :param sending: firings a second that all schedulers together hand to the broker
    :param working: tasks a second that all workers together do
    """
    day, unsent, unstarted, carry = Day(), 0.0, 0.0, 0.0
    for second in range(DAY):
        carry += due_in(second, jobs, mix)
        due, carry = int(carry), carry % 1
        day.firings += due
        unsent += due
        day.latest_sent = max(day.latest_sent, round(unsent / sending))
        day.latest_started = max(day.latest_started, round(max(unsent / sending, (unsent + unstarted) / working)))
        sent = min(unsent, sending)
        unsent, unstarted = unsent - sent, unstarted + sent
        unstarted -= min(unstarted, working)
    day.busiest = {"unsent at midnight": round(unsent), "unstarted at midnight": round(unstarted)}
    return day


def measured(folder: Path = FOUND) -> Costs:
    """Read this machine's figures. :raises FileNotFoundError: if they were not measured yet"""
    burst, tracking = read(folder / "burst.json"), read(folder / "tracking.json")
    seconds = _median(burst.systems["Tickwork, mix"]["seconds"])
    gain = 1.6
    if (folder / "scale_out.json").exists():
        each = [_median(m["seconds"]) for m in read(folder / "scale_out.json").systems.values()]
        gain = max(1.0, min(one / two for one, two in pairwise(each)))
    size = float(RUN_BYTES)
    if (folder / "history.json").exists():
        size = _median(read(folder / "history.json").systems["pruning"]["bytes_of_a_run"])
    return Costs(burst.size["jobs"] / seconds, gain, _median(tracking.systems["Tickwork"]["per_second"]), size)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000, help="up to 10,000,000 (default %(default)s)")
    parser.add_argument("--schedulers", type=int, default=2, help="default %(default)s")
    parser.add_argument("--workers", type=int, default=10, help="worker processes of a pool (default %(default)s)")
    parser.add_argument("--task-seconds", type=float, default=0.5, help="what a task takes (default %(default)s)")
    parser.add_argument("--days", type=float, default=30, help="how long runs are kept (default %(default)s)")
    parser.add_argument("--mix", default="", help=f"shares such as hourly=0.5,midnight=0.5; else {MIX}")
    options = parser.parse_args()
    mix = {name: float(share) for name, share in (part.split("=") for part in options.mix.split(",") if part)} or MIX
    if unknown := set(mix) - set(MIX):
        parser.error(f"{', '.join(unknown)}: not known. There are {', '.join(MIX)}.")
    if min(options.jobs, options.schedulers, options.workers, options.days, options.task_seconds + 1e-9) <= 0:
        parser.error("all numbers must be above 0")
    try:
        costs = measured()
    except FileNotFoundError as error:
        parser.error(f"{error.filename} is missing. Measure first: python -m benchmarks burst tracking")
    sending = costs.firings_per_second * costs.gain ** (options.schedulers.bit_length() - 1)
    working = options.workers / (2 / costs.tasks_per_second + options.task_seconds)
    day = simulate(options.jobs, mix, sending, working)
    print(
        f"{options.jobs:,} jobs, {options.schedulers} schedulers: {sending:,.0f} firings/s; workers: {working:,.0f}/s"
    )
    print(f"firings a day                {day.firings:,}")
    print(f"sent late by at most         {day.latest_sent:,} s")
    print(f"started late by at most      {day.latest_started:,} s")
    print(f"runs kept for {options.days:g} days        {day.firings * options.days:,.0f}")
    print(f"their size in the database   {day.firings * options.days * costs.run_bytes / 1e9:,.1f} GB")
    for name, count in day.busiest.items():
        print(f"{name:<28} {count:,}" + ("   it never catches up" if count > day.firings / 100 else ""))


if __name__ == "__main__":
    main()
