"""Protobuf of the strict kind, read without protobuf: one byte string for one value, or an error.

Fields in rising order, none twice, none that is unknown, no default value written out, varints of least length,
numbers packed where they repeat. That is what `deterministic=True` writes for the contract's messages.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal, TypeVar, cast

from kms.errors import Invalid

T = TypeVar("T")
Kind = Literal["number", "octets", "text", "flag", "message"]
_VARINT: Final = 0
_LENGTH: Final = 2
_KEY: Final = "wire"


@dataclass(frozen=True, slots=True)
class Wire:
    """How a dataclass's field stands in bytes; `sizes` are the lengths that octets may have (any if empty)."""

    number: int
    kind: Kind
    many: bool = False
    sizes: tuple[int, ...] = ()
    bits: int = 64
    of: type | None = None


def number(at: int, *, bits: int = 64) -> Any:
    """An unsigned number of at most `bits` bits, or an enum's."""
    return field(default=0, metadata={_KEY: Wire(at, "number", bits=bits)})


def numbers(at: int, *, bits: int = 32) -> Any:
    return field(default=(), metadata={_KEY: Wire(at, "number", many=True, bits=bits)})


def octets(at: int, *sizes: int) -> Any:
    """Bytes of one of these lengths."""
    return field(default=b"", metadata={_KEY: Wire(at, "octets", sizes=sizes)})


def many_octets(at: int, *sizes: int) -> Any:
    return field(default=(), metadata={_KEY: Wire(at, "octets", many=True, sizes=sizes)})


def text(at: int) -> Any:
    return field(default="", metadata={_KEY: Wire(at, "text")})


def flag(at: int) -> Any:
    return field(default=False, metadata={_KEY: Wire(at, "flag")})


def messages(at: int, of: type) -> Any:
    return field(default=(), metadata={_KEY: Wire(at, "message", many=True, of=of)})


def read(cls: type[T], data: bytes) -> T:
    """The value of which `data` is the one byte string; Invalid with what is wrong."""
    by_number = _fields(cast(Any, cls))
    values: dict[str, Any] = {}
    at = last = 0
    while at < len(data):
        tag, at = _varint(data, at)
        place = tag >> 3
        if place not in by_number:
            raise _refused(cls, f"has an unknown field {place}")
        name, wire = by_number[place]
        if place < last or (place == last and (not wire.many or wire.kind == "number")):
            raise _refused(cls, f"has {name} twice or out of order")
        last = place
        packed = wire.many and wire.kind == "number"
        expected = _VARINT if wire.kind in ("number", "flag") and not packed else _LENGTH
        if tag & 7 != expected:
            raise _refused(cls, f"has {name} in another form")
        if expected == _VARINT:
            value, at = _varint(data, at)
            values[name] = _number(cls, name, wire, value)
            continue
        length, at = _varint(data, at)
        chunk = data[at : at + length]
        if len(chunk) != length:
            raise _refused(cls, f"ends within {name}")
        at += length
        if packed:
            values[name] = tuple(_unpack(cls, name, wire, chunk))
        elif wire.many:
            values[name] = (*values.get(name, ()), _piece(cls, name, wire, chunk))
        else:
            values[name] = _piece(cls, name, wire, chunk)
    _check_sizes(cls, by_number, values)
    return cls(**values)


@lru_cache(maxsize=64)
def _fields(cls: type) -> dict[int, tuple[str, Wire]]:
    wires = [(f.name, cast(Wire, f.metadata[_KEY])) for f in dataclasses.fields(cls)]
    return {wire.number: (name, wire) for name, wire in wires}


def _refused(cls: type, problem: str) -> Invalid:
    return Invalid(f"the {cls.__name__} {problem}", reason="NOT_CANONICAL")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Invalid("a number in it does not end", reason="NOT_CANONICAL")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if (byte == 0 and shift > 7) or value >= 1 << 64:
                raise Invalid("a number in it is longer than it need be", reason="NOT_CANONICAL")
            return value, at


def _number(cls: type, name: str, wire: Wire, value: int) -> int | bool:
    if value == 0:
        raise _refused(cls, f"writes {name} out though it is zero")
    if wire.kind == "flag":
        if value != 1:
            raise _refused(cls, f"has a {name} that is neither true nor false")
        return True
    if value >> wire.bits:
        raise _refused(cls, f"has a {name} that is too large")
    return value


def _unpack(cls: type, name: str, wire: Wire, chunk: bytes) -> list[int]:
    if not chunk:
        raise _refused(cls, f"writes {name} out though it is empty")
    at, found = 0, []
    while at < len(chunk):
        value, at = _varint(chunk, at)
        if value >> wire.bits:
            raise _refused(cls, f"has a {name} that is too large")
        found.append(value)
    return found


def _piece(cls: type, name: str, wire: Wire, chunk: bytes) -> Any:
    if wire.kind == "message":
        return read(cast(type, wire.of), chunk)
    if not chunk:
        raise _refused(cls, f"writes {name} out though it is empty")
    if wire.kind == "octets":
        return chunk
    try:
        return chunk.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused(cls, f"has a {name} that is no text") from None


def _check_sizes(cls: type, by_number: dict[int, tuple[str, Wire]], values: dict[str, Any]) -> None:
    for name, wire in by_number.values():
        if wire.kind != "octets" or not wire.sizes:
            continue
        given = values.get(name, () if wire.many else b"")
        for value in given if wire.many else (given,):
            if len(value) not in wire.sizes:
                raise _refused(cls, f"has a {name} of {len(value)} bytes")
