"""What the worker's main process makes of a message and of a pool process's answer; Celery worker, main process."""

from __future__ import annotations

import logging
from typing import Any

from billiard.einfo import ExceptionInfo, ExceptionWithTraceback
from celery.worker.request import Request
from kombu.transport.virtual import QoS

from . import outcomes

logger = logging.getLogger(__name__)


class TrackedRequest(Request):
    """A Celery request that takes over outcomes which its pool process could not tell, and survives a failed ack."""

    def on_failure(self, exc_info: ExceptionInfo, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        """Take the outcome over, and go on with the answer that Celery would have got."""
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        if isinstance(error, outcomes.UntoldOutcome):
            outcomes.take_over(error.run_id, error.number, error.outcome)
            return self.on_success(error.answer)
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)

    def maybe_expire(self) -> bool | None:
        """Leave a run's expiry to its claim: it is the database that says when a run expires, not the message."""
        return False if outcomes.HEADER in self._request_dict else super().maybe_expire()

    def acknowledge(self) -> None:
        """Acknowledge the message, and let go of it where that fails.

        kombu's Redis transport keeps the place in the prefetch window of a message whose acknowledgement failed
        (virtual/base.py: QoS.ack comes after the command that fails). With every place taken, the worker would never
        read from the broker again, and not notice that its connection is gone.
        """
        super().acknowledge()
        message = self._message
        if not message.acknowledged and isinstance(qos := getattr(message.channel, "qos", None), QoS):
            QoS.ack(qos, message.delivery_tag)
