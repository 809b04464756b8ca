"""No pool process is forked while the worker's main process is inside SQLite."""

from __future__ import annotations

import os
import threading

import pytest
from django.db import connection

from scheduler.worker import forking


def fork_and_tell(forked: threading.Event) -> None:
    child = os.fork()
    if child == 0:
        with forking._inside:  # the child can use it as well
            os._exit(0)
    os.waitpid(child, 0)
    forked.set()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite keeps its locks in the process")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_waits_until_nobody_is_inside() -> None:
    inside, leave, forked = threading.Event(), threading.Event(), threading.Event()

    def stay() -> None:
        with forking.held_off():
            inside.set()
            leave.wait(10)

    threads = [threading.Thread(target=stay), threading.Thread(target=fork_and_tell, args=(forked,))]
    threads[0].start()
    assert inside.wait(5)
    threads[1].start()
    assert not forked.wait(0.3)
    leave.set()
    assert forked.wait(5)
    for thread in threads:
        thread.join()


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite keeps its locks in the process")
def test_no_connection_is_open_afterwards() -> None:
    left: list[bool] = []

    def work() -> None:
        with forking.held_off(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        left.append(connection.connection is None)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert left == [True]
