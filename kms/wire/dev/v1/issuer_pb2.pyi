from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class IssueCredentialRequest(_message.Message):
    __slots__ = ("subject", "holder_class", "organisation", "key_thumbprint", "audience", "lifetime_seconds")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    HOLDER_CLASS_FIELD_NUMBER: _ClassVar[int]
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    KEY_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    subject: str
    holder_class: str
    organisation: str
    key_thumbprint: bytes
    audience: str
    lifetime_seconds: int
    def __init__(self, subject: _Optional[str] = ..., holder_class: _Optional[str] = ..., organisation: _Optional[str] = ..., key_thumbprint: _Optional[bytes] = ..., audience: _Optional[str] = ..., lifetime_seconds: _Optional[int] = ...) -> None: ...

class IssueCredentialResponse(_message.Message):
    __slots__ = ("credential",)
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    credential: str
    def __init__(self, credential: _Optional[str] = ...) -> None: ...
