"""What a scheduler tells of the broker with its heartbeat: how deep its queues are, or since when it is away; engine.

Pages show it, so that no web request ever has to ask the broker.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from .. import clock, queues
from . import broker

logger = logging.getLogger(__name__)


class Sounding:
    """The last look of this process at the broker."""

    def __init__(self) -> None:
        self._depths: dict[str, int] | None = None
        self._failed_at: datetime | None = None

    def take(self) -> bool:
        """Look how deep the queues are that runs wait in or workers listen on; tell whether the broker answered.

        Called on the outbox's thread, which may wait for the broker.
        """
        names = {*queues.waiting(), *queues.listening()}
        try:
            self._depths = broker.depths(names)
        except Exception as error:
            logger.info("The broker can't be asked: %s", error)
            self._depths, self._failed_at = None, self._failed_at or clock.now()
            return False
        self._failed_at = None
        return True

    def told(self, away_since: float | None) -> dict[str, Any]:
        """Return what goes into this process's row.

        :param away_since: when publishing began to fail (monotonic), or None
        """
        since = self._failed_at
        if away_since is not None:
            since = clock.now() - timedelta(seconds=time.monotonic() - away_since)
        return {"depths": None, "away_since": since.isoformat()} if since else {"depths": self._depths}
