"""On what releases rested: the certificates that are kept for who audits, and how many of one request there may be.

A coordinator and one custodian make as many certificates for a request as they like: the one signs another decision
each time, the other builds them. Each would be kept, logged and told to owners. And if only the newest were shown, an
honest releaser could not show the older one that an auditor asks for, and would be taken for the liar.
"""

from __future__ import annotations

from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H
from kms.custodian.context import NodeContext
from kms.errors import Exhausted
from kms.statements.ids import RequestHash
from kms.statements.release import Certificate

MAX_CERTIFICATES: Final = 64
"""Of one request: all of them are kept, and all are shown. An honest coordinator builds as many as it gets allows."""
MAX_BYTES: Final = 8 << 20
"""Of them together, unless the first alone is larger: they go into one answer."""
AGAIN_AN_HOUR: Final = 256
"""How often what went out already goes out again for one request."""
_HOUR: Final = 3600


def keep_ground(
    node: NodeContext, request: RequestHash, certificate: Certificate, now: int, *, fresh: bool
) -> None:
    """Keep what a release rests on, inside its transaction; Exhausted if there are too many of this request.

    `fresh` if some key goes out for the first time.
    """
    kept = node.store.certificates.of(request, MAX_CERTIFICATES)
    if certificate.payload not in kept:
        size = sum(map(len, kept)) + len(certificate.payload)
        if kept and (len(kept) >= MAX_CERTIFICATES or size > MAX_BYTES):
            raise Exhausted("too many certificates for one request", reason="TOO_MANY_CERTIFICATES")
        node.store.certificates.add(request, now, certificate.payload)
    if not fresh:
        name = H(labels.PRINCIPAL, b"released again", request)
        if node.counters.total(name, now, _HOUR) >= AGAIN_AN_HOUR:
            raise Exhausted("this went out too often: make a new request", reason="RELEASED_TOO_OFTEN")
        node.counters.add(name, now, 1)
