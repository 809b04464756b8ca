"""Sends messages of a no-op task: `python -m benchmarks.peers.send COUNT`."""

from __future__ import annotations

import sys

import django

from benchmarks.peers.celery import app, nothing


def main() -> None:
    django.setup()
    with app.producer_pool.acquire(block=True) as producer, producer.batch(max_size=500):
        for _ in range(int(sys.argv[1])):
            nothing.apply_async(producer=producer, ignore_result=not app.conf.task_track_started)


if __name__ == "__main__":
    main()
