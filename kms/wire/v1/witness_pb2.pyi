from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
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
