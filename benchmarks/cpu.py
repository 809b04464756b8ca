"""CPU seconds of programs: the figure that stays true where others use the same machine."""

from __future__ import annotations

from collections.abc import Iterable

import psutil


def spent(pids: Iterable[int]) -> float:
    """Return the CPU seconds, user and system, that processes and all their children have used up to now."""
    return sum(_tree(pid) for pid in pids)


def _tree(pid: int) -> float:
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    return sum(_one(process) for process in family)


def _one(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def memory(pid: int) -> float:
    """Return a process's resident memory in MB."""
    return float(psutil.Process(pid).memory_info().rss / 1e6)
