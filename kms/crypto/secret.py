"""A value that must not be printed, logged, pickled or compared byte by byte."""

from __future__ import annotations

from typing import NoReturn

from kms.crypto.hashing import equal


class Secret:
    """Wraps secret bytes. `reveal()` is the only way out, so that each use can be found by its name.

    Python cannot wipe memory: this guards against printing, not against a debugger.
    """

    __slots__ = ("_value",)
    _shown = "<secret>"

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return equal(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return self._shown

    def __format__(self, spec: str) -> str:
        return self._shown

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


class DataKey(Secret):
    """32 bytes that encrypt records: the DEK of section 3."""

    __slots__ = ()
    _shown = "<data key>"


class KeySecret(Secret):
    """32 bytes: the shared secret `s` of a key, from which everything of it is derived."""

    __slots__ = ()
    _shown = "<key secret>"


class ShareBytes(Secret):
    """64 bytes: f(i) || g(i) of one custodian for one key."""

    __slots__ = ()
    _shown = "<share>"
