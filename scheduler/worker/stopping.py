"""Keeps a worker that is told to end from forgetting what its processes have just been handed; Celery worker.

Told to end, Celery forgets each task of which no process has said yet that it begins, even where the task is already
in that process's pipe (Celery 5.7: AsynPool.flush). The process works on it all the same, nobody reads its answer, and
it waits half a minute for that before it ends (billiard 4.3: Worker._ensure_messages_consumed).
"""

from __future__ import annotations

from typing import Any

from celery.concurrency.prefork import TaskPool
from celery.worker import state as worker_state


def remember_what_is_handed_over(pool: Any) -> None:
    """Have a prefork pool flush with the tasks in mind that are in its processes' pipes. Other pools are left alone."""
    if not isinstance(pool, TaskPool) or pool.flush is None:
        return
    flush = pool.flush

    def flush_the_rest() -> None:
        cache = pool._pool._cache
        handed_over = {key: job for key, job in cache.items() if _is_handed_over(job)}
        flush()
        if worker_state.should_stop is not None and worker_state.should_stop is not False:
            cache.update(handed_over)

    pool.flush = flush_the_rest


def _is_handed_over(job: Any) -> bool:
    return not job.ready() and job._write_to is not None and job._write_to._is_alive()
