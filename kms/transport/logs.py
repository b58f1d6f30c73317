"""Structured logs: one JSON object a line on standard error, with the request id on each.

Hashes, counts, codes and durations only: no context, no credential, no justification, no key.
"""

from __future__ import annotations

import logging
import secrets
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

# Imported where the first line is written: it brings much along, and most commands of a person write none.
if TYPE_CHECKING:
    import structlog

request_id: ContextVar[str] = ContextVar("request_id", default="")


def new_request_id() -> str:
    return secrets.token_hex(8)


def configure(level: str = "info", *, node: str = "") -> None:
    """Call once per process, before the first line."""
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_request_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(node=node)
    logging.getLogger("grpc").setLevel(logging.ERROR)


def _add_request_id(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    current = request_id.get()
    if current:
        event["request_id"] = current
    return event


def logger() -> Any:
    import structlog

    return structlog.get_logger()
