"""What people must know about a keyring's chain: that its manifest ends soon, and what is to hold next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from kms.statements.chain import Chain

DAY: Final = 86400


def days_left(chain: Chain, now: int) -> int | None:
    """Whole days until the manifest in force expires, if that is within 30 days (-1: it has); else None."""
    left = chain.expires_soon(now)
    return None if left is None else left // DAY if left else -1


def notices(chain: Chain, now: int) -> list[str]:
    """One sentence each; none if nothing is to be done or waited for."""
    found = []
    sequence = chain.in_force(now).manifest.sequence
    days = days_left(chain, now)
    if days is not None and days < 0:
        found.append(f"manifest {sequence} has expired: custodians answer nothing until its admins renew it")
    elif days is not None:
        found.append(f"manifest {sequence} expires in {days} days: its admins must renew it")
    for link in chain.announced(now):
        since = chain.holds_from(link.manifest.sequence)
        at = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        found.append(f"manifest {link.manifest.sequence} is signed by all and holds from {at}")
    return found
