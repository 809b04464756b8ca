"""Sends a message of `peers.note` at each whole second: `python -m benchmarks.peers.on_time PATH SECONDS LOAD`.

`LOAD` messages of a no-op task are spread over each second as well.
"""

from __future__ import annotations

import sys
import time

from benchmarks.peers.celery import app, note, nothing


def main() -> None:
    path, seconds, load = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    first = int(time.time()) + 2
    with app.producer_pool.acquire(block=True) as producer:
        nothing.apply_async(producer=producer)  # opens the connection
        for second in range(first, first + seconds):
            for number in range(load + 1):
                due = second + number / (load + 1)
                time.sleep(max(0.0, due - time.time()))
                if number == 0:
                    note.apply_async((path, due), producer=producer)
                else:
                    nothing.apply_async(producer=producer)


if __name__ == "__main__":
    main()
