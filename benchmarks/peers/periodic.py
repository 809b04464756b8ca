"""procrastinate's app; PERIODIC_JOBS jobs of one cron expression, PERIODIC_CRON."""

from __future__ import annotations

import os

import procrastinate

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(
        conninfo=os.environ["PEERS_DATABASE"].replace("postgres://", "postgresql://")
    )
)


def nothing(timestamp: int) -> None:
    """Do nothing."""


for _number in range(int(os.environ.get("PERIODIC_JOBS", "0"))):
    _task = app.task(name=f"job-{_number}", queue="peers")(nothing)
    app.periodic(cron=os.environ["PERIODIC_CRON"])(_task)
