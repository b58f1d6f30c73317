"""Who is signed in, and the tickets with which strangers begin: nothing of a stranger is kept.

A session lives in this process's memory under the hash of a random id; a restart signs everybody out. A ticket is
a cookie that carries its own proof, so that whoever asks for ten million of them costs nobody a seat.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from kms.crypto.hashing import equal

IDLE_SECONDS: Final = 15 * 60
ABSOLUTE_SECONDS: Final = 8 * 3600
TICKET_SECONDS: Final = 3600
MAX_SESSIONS: Final = 1000


@dataclass(slots=True)
class Session:
    """One sign-in of an approver, by the name under which the node knows them. Times are monotonic seconds."""

    approver: bytes
    token: str = field(repr=False)
    started: float
    seen: float

    def left(self, now: float) -> float:
        """Seconds until it ends by itself."""
        return min(self.seen + IDLE_SECONDS, self.started + ABSOLUTE_SECONDS) - now


class Sessions:
    """Sessions by secret id. The id is new at each sign-in: one that an attacker planted is nobody's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def start(self, approver: bytes) -> str:
        """The new session's id, for the cookie."""
        now = self._clock()
        name = secrets.token_urlsafe(32)
        for key in [key for key, session in self._sessions.items() if session.left(now) <= 0]:
            del self._sessions[key]
        while len(self._sessions) >= MAX_SESSIONS:
            self._sessions.popitem(last=False)
        self._sessions[_key(name)] = Session(approver, secrets.token_urlsafe(32), now, now)
        return name

    def find(self, name: str, *, touch: bool = True) -> Session | None:
        """The session of this id, if it still runs. A page that asks by itself does not `touch` it."""
        session = self._sessions.get(_key(name))
        now = self._clock()
        if session is None or session.left(now) <= 0:
            self._sessions.pop(_key(name), None)
            return None
        if touch:
            session.seen = now
        return session

    def end(self, name: str) -> None:
        self._sessions.pop(_key(name), None)


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "replace")).digest()


class Tickets:
    """Cookies of visitors who are not signed in: each gives one challenge to a passkey and one token to forms."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._used: dict[str, float] = {}

    def issue(self) -> str:
        nonce, until = secrets.token_hex(16), int(self._clock()) + TICKET_SECONDS
        return f"{nonce}.{until}.{self._mac('ticket', nonce, until).hex()}"

    def valid(self, ticket: str) -> bool:
        """Whether it is one of ours, not over, and nobody has signed in with it."""
        nonce, until, proof = _parts(ticket)
        ours = equal(self._mac("ticket", nonce, until), proof)
        return ours and self._clock() < until and nonce not in self._used

    def challenge(self, ticket: str) -> bytes:
        """The 32 bytes that a passkey answers to."""
        nonce, until, _ = _parts(ticket)
        return self._mac("challenge", nonce, until)

    def token(self, ticket: str) -> str:
        """What forms of this visitor carry."""
        nonce, until, _ = _parts(ticket)
        return self._mac("form", nonce, until).hex()

    def use(self, ticket: str) -> None:
        """Nobody signs in with it again. Only passkeys that answered come here, so few are remembered."""
        now = self._clock()
        self._used = {nonce: until for nonce, until in self._used.items() if now < until}
        nonce, until, _ = _parts(ticket)
        self._used[nonce] = until

    def _mac(self, *parts: object) -> bytes:
        return hmac.digest(self._secret, "\0".join(map(str, parts)).encode("utf-8", "replace"), "sha256")


def _parts(ticket: str) -> tuple[str, int, bytes]:
    try:
        nonce, until, proof = ticket.split(".")
        return nonce, int(until), bytes.fromhex(proof)
    except ValueError:
        return "", 0, b""


class Tries:
    """So many tries a minute from one address, and so many from all: guessing stays slow, and cheap for the node."""

    def __init__(self, clock: Callable[[], float], each: int = 20, together: int = 600) -> None:
        self._clock, self._each, self._together = clock, each, together
        self._times: deque[tuple[float, str]] = deque()

    def take(self, address: str) -> bool:
        """Whether one more is free. Those that are refused are not counted: they cost nothing."""
        now = self._clock()
        while self._times and self._times[0][0] <= now - 60:
            self._times.popleft()
        by_address = sum(1 for _, who in self._times if who == address)
        if by_address >= self._each or len(self._times) >= self._together:
            return False
        self._times.append((now, address))
        return True
