"""Keeps Python's garbage collector from halting a firing; scheduler process and Celery worker, when they start.

Django, Celery and a project's code are some ten thousands of objects that stay for good. Once in a while the
collector looks through all of them, 30 to 50 ms in which a firing that is due, or a message that has come, waits.
docs/decisions/0042-what-is-loaded-is-not-collected.md
"""

from __future__ import annotations

import gc


def pass_over_what_is_loaded() -> None:
    """Have the collector look no more at what there is now; forked processes inherit that."""
    gc.collect()
    gc.freeze()
