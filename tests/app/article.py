"""The article's program, as a reader would write it: `python -m tests.app.article blocking|background LEDGER`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

import django

django.setup()

from scheduler.engine.schedulers import BackgroundScheduler, BlockingScheduler  # noqa: E402
from tests.app.tasks import say_time as job  # noqa: E402

kind, ledger = sys.argv[1:3]
scheduler = BlockingScheduler() if kind == "blocking" else BackgroundScheduler()
scheduler.add_job(job, "interval", seconds=1, id="article", args=[ledger], next_run_time=datetime.now(UTC))
print("before start", flush=True)
scheduler.start()
print("after start", flush=True)
if kind == "background":
    time.sleep(4)
    scheduler.shutdown()
    print("after shutdown", flush=True)
