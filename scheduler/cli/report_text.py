"""What the health check and the sync found, as documents and as text; runs in the process of a person's shell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..health import Problem
from ..syncing import SyncReport


def health_text(problems: Sequence[Problem]) -> str:
    """Return the problems, each with the command that mends it."""
    lines = [] if any(problem.serious for problem in problems) else ["Healthy."]
    for problem in problems:
        lines.append(f"{problem.code}: {problem.text}")
        if problem.command:
            lines.append(f"    {problem.command}")
    return "\n".join(lines)


def sync_document(report: SyncReport) -> dict[str, Any]:
    """Return a sync's report as JSON values."""
    overridden = [{"id": job_id, "field": name} for job_id, name in report.overridden]
    return {
        **asdict(report),
        "overridden": overridden,
        "refused": [{"id": job_id, "error": message} for job_id, message in report.refused],
        "unloaded": [{"module": module, "error": message} for module, message in report.unloaded],
        "warnings": [{"id": job_id, "warning": text} for job_id, text in report.warnings],
    }


def sync_text(report: SyncReport, *, plan: bool, prune: bool) -> str:
    """Return one line for each job that is not as it was, and a sum.

    :param plan: nothing was changed
    :param prune: jobs whose declaration has gone are removed, or would be
    """
    would = "would be " if plan else ""
    lines = [f"{job_id}: {would}added{_schedule(job_id, report)}" for job_id in report.added]
    lines += [f"{job_id}: {would}changed{_schedule(job_id, report)}" for job_id in report.changed]
    lines += [f"{job_id}: Warning: {text}" for job_id, text in report.warnings]
    lines += [f"{job_id}: {name} was changed by a person and stays" for job_id, name in report.overridden]
    for job_id in report.gone:
        mend = f"{would}removed" if prune else "no longer declared in code; --prune removes it"
        lines.append(f"{job_id}: {mend}")
    lines.append(f"{len(report.unchanged)} unchanged.")
    return "\n".join(lines)


def _schedule(job_id: str, report: SyncReport) -> str:
    words = report.schedules.get(job_id)
    return f", {words[0].lower()}{words[1:]}" if words else ""
