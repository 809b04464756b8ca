"""Schedulers tell with their heartbeats what the broker holds, and that it is away."""

from __future__ import annotations

from scheduler import add_job, queues, run_job
from scheduler.health import check_health
from scheduler.models import ServiceProcess
from tests.cluster import Cluster
from tests.servers import Valkey
from tests.waiting import wait_for

NOTHING = "tests.app.tasks.do_nothing"


def test_a_scheduler_tells_how_deep_the_brokers_queues_are_and_when_it_is_away(
    cluster: Cluster, valkey: Valkey
) -> None:
    cluster.scheduler()
    for number in range(3):
        add_job(NOTHING, "interval", hours=1, id=f"job-{number}", queue="nobody", priority=4 * number)
        run_job(f"job-{number}")
    wait_for(lambda: queues.sounding().depths.get("nobody") == 3, what="the depth to be told", timeout=15)
    assert {"tickwork", "celery", "python", "broker"} <= set(ServiceProcess.objects.get().info)
    valkey.stop()
    wait_for(lambda: queues.sounding().away, what="the outage to be told", timeout=15)
    assert "broker" in {problem.code for problem in check_health(ask_broker=False)}
    assert queues.sounding().depths == {}
    valkey.start()
    wait_for(lambda: not queues.sounding().away, what="the end of the outage to be told", timeout=15)
