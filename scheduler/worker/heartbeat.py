"""Says that this worker lives, and ends running tasks that somebody cancelled; Celery worker, in its main process."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celery import signals
from celery.concurrency.base import BasePool
from celery.worker import state as worker_state

from . import forking, stopping
from .orphans import Orphans

if TYPE_CHECKING:
    from uuid import UUID

    from ..processes import ThisProcess

logger = logging.getLogger(__name__)

CANCEL_POLL = 1.0
_this: ThisProcess | None = None
_thread: _Heartbeat | None = None


def this_process() -> ThisProcess:
    """Return this worker's identity; pool processes inherit it from their main process."""
    global _this
    if _this is None:
        from ..processes import ThisProcess

        _this = ThisProcess("worker", f"{os.getpid()}@{socket.gethostname()}")
    return _this


@signals.celeryd_init.connect
def _name_this_process(sender: str = "", **_: Any) -> None:
    global _this
    from ..processes import ThisProcess

    _this = ThisProcess("worker", sender)


@signals.worker_init.connect
def _adopt_tasks(sender: Any, **_: Any) -> None:
    # Loaded before the pool forks: a child that is forked while a thread imports would wait for that import for ever.
    from .. import clock, conf, db, garbage, processes, runs, secrets, signatures, texts  # noqa: F401
    from .connection import SturdyConnection
    from .tracking import adopt

    adopt(sender.app)
    sender.app.amqp.Connection = SturdyConnection
    garbage.pass_over_what_is_loaded()


@signals.worker_ready.connect
def _start(sender: Any, **_: Any) -> None:
    """Start (once; a broker reconnect sends the signal again) with what the consumer consumes."""
    global _thread
    from .. import signatures

    this = this_process()
    this.queues = sorted(sender.app.amqp.queues.consume_from)
    this.tasks = signatures.announcement(sender.app.tasks)
    this.info["concurrency"] = getattr(sender.pool, "num_processes", None) or getattr(sender.pool, "limit", None)
    if _thread is None:
        stopping.remember_what_is_handed_over(sender.pool)
        _thread = _Heartbeat(this, sender)
        _thread.start()
    else:
        _thread.consumer = sender


def stop() -> None:
    """Stop beating and say farewell."""
    if _thread is not None:
        _thread.stop()


class _Heartbeat(threading.Thread):
    def __init__(self, this: ThisProcess, consumer: Any) -> None:
        super().__init__(name="tickwork-heartbeat", daemon=True)
        self.this, self.consumer = this, consumer
        self._stopping = threading.Event()
        self._beyond_reach: set[UUID] = set()
        self._orphans = Orphans(this.id)

    def run(self) -> None:
        from django.db import connection

        from .. import conf, processes, reach
        from ..db import OUTAGE

        interval, since, failures = conf.get("HEARTBEAT_INTERVAL"), float("inf"), 0
        self._quietly(processes.bury_predecessors)
        while True:
            try:
                with forking.held_off(), reach.limited(connection):
                    if since >= interval:
                        processes.beat(self.this)
                        self._orphans.look()
                        since = 0.0
                    self._end_cancelled()
                failures = 0
                reach.over("heartbeat")
            except OUTAGE as error:
                self._close()
                failures += 1
                if failures == 1:
                    continue  # the connection may be one that an outage long past has left dead
                reach.lost("heartbeat", error, "the heartbeat waits")
            except Exception:
                logger.exception("Heartbeat failed and goes on")
            pause = min(CANCEL_POLL, interval)
            if self._stopping.wait(pause):
                break
            since += pause
        self._quietly(lambda: processes.farewell(self.this))
        self._close()

    def stop(self) -> None:
        """Stop beating and say farewell, within a few seconds."""
        self._stopping.set()
        self.join(timeout=3)

    def _quietly(self, work: Any) -> None:
        try:
            with forking.held_off():
                work()
        except Exception as error:
            logger.info("Not noted in the database: %s", error)

    def _close(self) -> None:
        from django.db import connection

        try:
            connection.close()
        except Exception:
            logger.debug("Connection failed to close", exc_info=True)

    def _end_cancelled(self) -> None:
        """Terminate running tasks that were asked to stop and did not do so in time, or that are to get no time.

        The database's word that the run is still in that process comes first: a process may have gone on to
        another task. Only the worker's own request object is told, never every worker over the broker.
        """
        from datetime import timedelta

        from django.db.models import Q

        from .. import clock, conf
        from ..models import State, TaskRun

        overdue = Q(cancel_requested_at__lt=clock.now() - timedelta(seconds=conf.get("CANCEL_GRACE")))
        at_once = Q(terminate_requested_at__isnull=False)
        doomed = TaskRun.objects.filter(overdue | at_once, process=self.this.id, state=State.RUNNING)
        places = dict(doomed.values_list("id", "pid"))
        if not _can_terminate(self.consumer.pool):
            self._say_it_once(set(places))
            return
        for run_id, pid in places.items():
            for request in list(worker_state.active_requests):
                if request.id == str(run_id) and request.worker_pid == pid:
                    logger.warning("Run %s is to end and did not stop by itself: terminating process %s", run_id, pid)
                    self._in_its_loop(_terminate, request, self.consumer.pool)

    def _say_it_once(self, doomed: set[UUID]) -> None:
        """Tell of each run that is to end and can't be ended from outside."""
        for run_id in doomed - self._beyond_reach:
            logger.warning(
                "Run %s is to end and did not stop by itself. This worker's pool can't terminate a task (prefork"
                " can): it goes on until its body ends, or the worker",
                run_id,
            )
        self._beyond_reach = doomed

    def _in_its_loop(self, work: Callable[..., None], *args: Any) -> None:
        """Have the worker's event loop do it: its pool is not made for other threads, and would lose slots."""
        hub = getattr(self.consumer, "hub", None)
        if hub is None:
            work(*args)
        else:
            hub.call_soon(work, *args)


def _can_terminate(pool: Any) -> bool:
    """Tell whether a pool can end a task alone: one in a thread of the worker's own process can't be killed."""
    # prefork takes its method from billiard when it starts, so its class has none
    return getattr(pool.terminate_job, "__func__", None) is not BasePool.terminate_job


def _terminate(request: Any, pool: Any) -> None:
    if request in worker_state.active_requests:  # else its process may be in another task by now
        request.terminate(pool, signal="KILL")
