"""Frozen dataclasses <-> exact protobuf bytes, by field name.

Payloads are protobuf of a strict kind. `decode` refuses unknown fields at every depth and any encoding but
the one that `encode` makes, so that a value has exactly one byte string and a signature covers all of it.
Shapes (lengths, ranges, counts) stand beside the fields in `protos/` and are checked by protovalidate; what
relates several fields is checked by the dataclass's constructor.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Callable
from typing import Any, ClassVar, Final, Protocol, TypeVar, cast

import protovalidate
from google.protobuf.message import DecodeError, Message

from kms.crypto import labels
from kms.errors import FieldProblem, Invalid

_TYPE_FORM: Final = "application/vnd.threshold-kms.{}.v1+protobuf"


class SignerRole(enum.IntEnum):
    """In what role a statement is signed; stands inside the signed bytes."""

    FOUNDERS = 1
    CUSTODIAN = 2
    DEALER = 3
    REQUESTER = 4
    OWNER = 5
    APPROVER = 6
    ADMINS = 7


class Statement(Protocol):
    """A dataclass that `message` registered."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


S = TypeVar("S", bound=Statement)
M = TypeVar("M", bound=Message)


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    message: type[Message]
    payload_type: str
    constants: dict[str, int]
    fields: tuple[_Field, ...]


_PLANS: Final[dict[type, _Plan]] = {}


def message(
    message_class: type[Message], *, name: str | None = None, role: SignerRole | None = None
) -> Callable[[type[S]], type[S]]:
    """Register a frozen dataclass as the meaning of a protobuf message.

    With `name` and `role` it is a statement to be signed: its payload type is made from the name, and suite
    and role are written and checked on every pass.
    """

    def register(cls: type[S]) -> type[S]:
        hints = typing.get_type_hints(cls)
        constants = {"suite": labels.SUITE_1, "signer_role": int(role)} if role is not None else {}
        if role is None and "suite" in message_class.DESCRIPTOR.fields_by_name:
            constants = {"suite": labels.SUITE_1}
        expected = {f.name for f in message_class.DESCRIPTOR.fields} - set(constants)
        names = [f.name for f in dataclasses.fields(cls)]
        if set(names) != expected:
            raise TypeError(f"{cls.__name__} and its message differ in {expected ^ set(names)}")
        _PLANS[cls] = _Plan(
            message_class,
            _TYPE_FORM.format(name) if name else "",
            constants,
            tuple(_Field(n, *_converters(hints[n])) for n in names),
        )
        return cls

    return register


def _converters(hint: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    if typing.get_origin(hint) is tuple:
        read, write = _converters(typing.get_args(hint)[0])
        if read is _same:
            return tuple, _same
        return (lambda values: tuple(map(read, values)), lambda values: list(map(write, values)))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint, int
    if isinstance(hint, type) and hint in _PLANS:
        return (lambda value: _from_message(hint, value)), _to_message
    if isinstance(hint, type) and issubclass(hint, Message):
        return _same, _same
    if isinstance(hint, types.UnionType):
        raise TypeError("an optional field has two encodings of nothing")
    return _same, _same


def _same(value: Any) -> Any:
    return value


def payload_type(cls: type[Statement]) -> str:
    """The DSSE payload type of a statement."""
    return _PLANS[cls].payload_type


def encode(value: Statement) -> bytes:
    """The one byte string of a value. Invalid if it breaks the shapes of its message."""
    built = _to_message(value)
    _check_shape(built, "")
    return built.SerializeToString(deterministic=True)


def decode(cls: type[S], data: bytes, path: str = "payload") -> S:
    """The value of which `data` is the one byte string, else Invalid with the field's path."""
    return _from_message(cls, parse_strict(_PLANS[cls].message, data, path), path)


def parse_strict(message_class: type[M], data: bytes, path: str) -> M:
    """A protobuf message from its one canonical encoding, its shapes checked; Invalid otherwise."""
    parsed = parse_known(message_class, data, path)
    if parsed.SerializeToString(deterministic=True) != data:
        raise Invalid(
            f"{path} is not in its canonical encoding",
            reason="NOT_CANONICAL",
            fields=(FieldProblem(path, "must be the canonical encoding, without unknown fields"),),
        )
    return parsed


def parse_known(message_class: type[M], data: bytes, path: str) -> M:
    """A protobuf message with its shapes checked and unknown fields dropped (as an RPC's own fields may be)."""
    try:
        parsed = message_class.FromString(data)
    except DecodeError:
        raise Invalid(
            f"{path} is not a {message_class.DESCRIPTOR.name}",
            reason="MALFORMED",
            fields=(FieldProblem(path, f"must be a {message_class.DESCRIPTOR.full_name} message"),),
        ) from None
    parsed.DiscardUnknownFields()
    _check_shape(parsed, path)
    return parsed


def _check_shape(parsed: Message, path: str) -> None:
    try:
        protovalidate.validate(parsed)
    except protovalidate.ValidationError as error:
        fields = tuple(
            FieldProblem(_dotted(violation.proto.field, path), violation.proto.message or "is not valid")
            for violation in error.violations[:16]
        )
        first = fields[0]
        raise Invalid(f"{first.path} {first.problem}", reason="INVALID_FIELD", fields=fields) from None


def _dotted(field_path: Any, prefix: str) -> str:
    path = prefix
    for element in field_path.elements if field_path is not None else ():
        path = f"{path}.{element.field_name}" if path else element.field_name
        subscript = getattr(element, "subscript", None)
        if subscript is not None and getattr(subscript, "field", "") == "index":
            path += f"[{subscript.value}]"
    return path


def _to_message(value: Any) -> Message:
    plan = _PLANS[type(value)]
    return plan.message(**plan.constants, **{f.name: f.write(getattr(value, f.name)) for f in plan.fields})


def _from_message(cls: type[S], parsed: Message, path: str = "payload") -> S:
    plan = _PLANS[cls]
    for name, expected in plan.constants.items():
        if getattr(parsed, name) != expected:
            raise Invalid(
                f"{path}.{name} must be {expected}",
                reason="WRONG_SUITE_OR_ROLE",
                fields=(FieldProblem(f"{path}.{name}", f"must be {expected}"),),
            )
    return cast(S, cast(Any, cls)(**{f.name: f.read(getattr(parsed, f.name)) for f in plan.fields}))


def require(condition: bool, path: str, problem: str) -> None:
    """Invalid with this field's path, unless `condition`: for the checks of constructors."""
    if not condition:
        raise Invalid(f"{path} {problem}", reason="INVALID_FIELD", fields=(FieldProblem(path, problem),))
