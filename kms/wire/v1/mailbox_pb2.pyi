from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PutFileRequest(_message.Message):
    __slots__ = ("file",)
    FILE_FIELD_NUMBER: _ClassVar[int]
    file: bytes
    def __init__(self, file: _Optional[bytes] = ...) -> None: ...

class PutFileResponse(_message.Message):
    __slots__ = ("box",)
    BOX_FIELD_NUMBER: _ClassVar[int]
    box: MailboxEntry
    def __init__(self, box: _Optional[_Union[MailboxEntry, _Mapping]] = ...) -> None: ...

class ListBoxesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListBoxesResponse(_message.Message):
    __slots__ = ("boxes", "enrolments")
    BOXES_FIELD_NUMBER: _ClassVar[int]
    ENROLMENTS_FIELD_NUMBER: _ClassVar[int]
    boxes: _containers.RepeatedCompositeFieldContainer[MailboxEntry]
    enrolments: int
    def __init__(self, boxes: _Optional[_Iterable[_Union[MailboxEntry, _Mapping]]] = ..., enrolments: _Optional[int] = ...) -> None: ...

class MailboxEntry(_message.Message):
    __slots__ = ("digest", "what", "missing")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    what: str
    missing: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, digest: _Optional[bytes] = ..., what: _Optional[str] = ..., missing: _Optional[_Iterable[str]] = ...) -> None: ...

class GetFileRequest(_message.Message):
    __slots__ = ("digest",)
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    def __init__(self, digest: _Optional[bytes] = ...) -> None: ...

class GetFileResponse(_message.Message):
    __slots__ = ("file",)
    FILE_FIELD_NUMBER: _ClassVar[int]
    file: bytes
    def __init__(self, file: _Optional[bytes] = ...) -> None: ...
