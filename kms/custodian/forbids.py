"""A custodian's own `forbid` rules: one file, read again when it changes, never able to allow anything.

A file that cannot be read, does not fit the schema, or holds anything but `forbid` changes nothing: the last rules that
were good go on, and everybody is told. Whoever would rather stand still says so (`forbids_fail_closed`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from kms.crypto import labels
from kms.crypto.hashing import H
from kms.custodian.context import NodeContext
from kms.errors import ConfigError
from kms.policy.engine import PolicyEngine
from kms.statements.audit import LogKind
from kms.statements.manifest import Keyring

Source = Callable[[], bytes]
"""The file's bytes now; OSError if it cannot be read."""


@dataclass(frozen=True, slots=True)
class Forbids:
    """The rules in force, and the bytes that were taken last (None: unreadable) with what is wrong with them."""

    text: str = ""
    seen: bytes | None = b""
    problem: str = ""
    settling: bytes | None = None
    """What one look found and the next has yet to confirm."""


def file_source(path: Path) -> Source:
    return path.read_bytes


def engine_of(keyring: Keyring, forbids: str) -> PolicyEngine:
    """The manifest's policy with these rules; ConfigError unless they fit its schema and only forbid."""
    return _engine(keyring.manifest.policy, keyring.manifest.policy_schema, forbids)


@lru_cache(maxsize=16)  # manifests come and go, and most have their predecessor's policy
def _engine(policy: str, schema: str, forbids: str) -> PolicyEngine:
    return PolicyEngine(policy, schema, forbids)


def first(source: Source | None, keyring: Keyring) -> Forbids:
    """What a node starts with; ConfigError if its file is not good: there are no last good rules yet."""
    if source is None:
        return Forbids()
    try:
        seen = source()
    except OSError as error:
        raise ConfigError(f"the custodian's own rules cannot be read: {error.strerror}") from None
    text = _text(seen)
    engine_of(keyring, text)
    return Forbids(text, seen)


def look(source: Source | None, now: Forbids, keyring: Keyring) -> Forbids:
    """What holds after another look at the file; `now` itself if nothing changed.

    A change counts when two looks agree on it: an editor empties a file before it writes it, and one look in between
    would find that nothing is forbidden.
    """
    if source is None:
        return now
    try:
        seen = source()
    except OSError as error:
        return now if now.problem else Forbids(now.text, None, f"cannot be read: {error.strerror}")
    if seen == now.seen:
        return now if now.settling is None else replace(now, settling=None)
    if seen != now.settling:
        return replace(now, settling=seen)
    try:
        text = _text(seen)
        engine_of(keyring, text)
    except ConfigError as error:
        return Forbids(now.text, seen, error.message)
    return Forbids(text, seen)


def log(node: NodeContext, forbids: Forbids) -> None:
    """Inside a transaction: which rules are in force from now on, or were refused, by hash."""
    rules = (forbids.seen or b"") if forbids.problem else forbids.text.encode()
    node.ledger.append(
        LogKind.FORBIDS,
        node.now(),
        H(labels.FORBIDS, node.keyring.policy_hash, rules),
        outcome="REFUSED" if forbids.problem else "IN_FORCE" if forbids.text else "NONE",
    )


def _text(seen: bytes) -> str:
    try:
        text = seen.decode()
    except UnicodeDecodeError:
        raise ConfigError("the custodian's own rules are not UTF-8") from None
    return text if text.strip() else ""
