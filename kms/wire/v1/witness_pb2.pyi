from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MisbehaviourKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MISBEHAVIOUR_KIND_UNSPECIFIED: _ClassVar[MisbehaviourKind]
    MISBEHAVIOUR_KIND_SPLIT_VIEW: _ClassVar[MisbehaviourKind]
    MISBEHAVIOUR_KIND_REWRITTEN: _ClassVar[MisbehaviourKind]
MISBEHAVIOUR_KIND_UNSPECIFIED: MisbehaviourKind
MISBEHAVIOUR_KIND_SPLIT_VIEW: MisbehaviourKind
MISBEHAVIOUR_KIND_REWRITTEN: MisbehaviourKind

class AddCheckpointRequest(_message.Message):
    __slots__ = ("body",)
    BODY_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    def __init__(self, body: _Optional[bytes] = ...) -> None: ...

class AddCheckpointResponse(_message.Message):
    __slots__ = ("cosignatures",)
    COSIGNATURES_FIELD_NUMBER: _ClassVar[int]
    cosignatures: bytes
    def __init__(self, cosignatures: _Optional[bytes] = ...) -> None: ...

class ListWitnessedRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListWitnessedResponse(_message.Message):
    __slots__ = ("logs",)
    LOGS_FIELD_NUMBER: _ClassVar[int]
    logs: _containers.RepeatedCompositeFieldContainer[WitnessedLog]
    def __init__(self, logs: _Optional[_Iterable[_Union[WitnessedLog, _Mapping]]] = ...) -> None: ...

class WitnessedLog(_message.Message):
    __slots__ = ("note", "kept")
    NOTE_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    note: bytes
    kept: int
    def __init__(self, note: _Optional[bytes] = ..., kept: _Optional[int] = ...) -> None: ...

class GetEntriesRequest(_message.Message):
    __slots__ = ("origin", "start")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    origin: str
    start: int
    def __init__(self, origin: _Optional[str] = ..., start: _Optional[int] = ...) -> None: ...

class GetEntriesResponse(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, entries: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetBeginningRequest(_message.Message):
    __slots__ = ("origin", "size", "of")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    origin: str
    size: int
    of: int
    def __init__(self, origin: _Optional[str] = ..., size: _Optional[int] = ..., of: _Optional[int] = ...) -> None: ...

class GetBeginningResponse(_message.Message):
    __slots__ = ("root", "proof")
    ROOT_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    root: bytes
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, root: _Optional[bytes] = ..., proof: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ListMisbehaviourRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListMisbehaviourResponse(_message.Message):
    __slots__ = ("misbehaviour",)
    MISBEHAVIOUR_FIELD_NUMBER: _ClassVar[int]
    misbehaviour: _containers.RepeatedCompositeFieldContainer[Misbehaviour]
    def __init__(self, misbehaviour: _Optional[_Iterable[_Union[Misbehaviour, _Mapping]]] = ...) -> None: ...

class Misbehaviour(_message.Message):
    __slots__ = ("kind", "first", "second", "prefix_root", "proof")
    KIND_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    PREFIX_ROOT_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    kind: MisbehaviourKind
    first: bytes
    second: bytes
    prefix_root: bytes
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, kind: _Optional[_Union[MisbehaviourKind, str]] = ..., first: _Optional[bytes] = ..., second: _Optional[bytes] = ..., prefix_root: _Optional[bytes] = ..., proof: _Optional[_Iterable[bytes]] = ...) -> None: ...
