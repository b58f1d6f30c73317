from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProviderKey(_message.Message):
    __slots__ = ("kid", "type", "public_key", "alg", "first_seen", "since", "until")
    KID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    ALG_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEEN_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    kid: str
    type: _keyring_pb2.IssuerKeyType
    public_key: bytes
    alg: str
    first_seen: int
    since: int
    until: int
    def __init__(self, kid: _Optional[str] = ..., type: _Optional[_Union[_keyring_pb2.IssuerKeyType, str]] = ..., public_key: _Optional[bytes] = ..., alg: _Optional[str] = ..., first_seen: _Optional[int] = ..., since: _Optional[int] = ..., until: _Optional[int] = ...) -> None: ...

class ProviderState(_message.Message):
    __slots__ = ("iss", "fetched_at", "keys", "exchanged", "exchanged_at", "exchanged_seen", "refused")
    ISS_FIELD_NUMBER: _ClassVar[int]
    FETCHED_AT_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    EXCHANGED_FIELD_NUMBER: _ClassVar[int]
    EXCHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    EXCHANGED_SEEN_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    iss: str
    fetched_at: int
    keys: _containers.RepeatedCompositeFieldContainer[ProviderKey]
    exchanged: _containers.RepeatedCompositeFieldContainer[ProviderKey]
    exchanged_at: int
    exchanged_seen: int
    refused: bool
    def __init__(self, iss: _Optional[str] = ..., fetched_at: _Optional[int] = ..., keys: _Optional[_Iterable[_Union[ProviderKey, _Mapping]]] = ..., exchanged: _Optional[_Iterable[_Union[ProviderKey, _Mapping]]] = ..., exchanged_at: _Optional[int] = ..., exchanged_seen: _Optional[int] = ..., refused: _Optional[bool] = ...) -> None: ...

class ListIssuersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class KnownIssuer(_message.Message):
    __slots__ = ("iss", "controlled_by", "state", "is_provider", "seconds_left", "failure", "keys_fingerprint", "exchanged_fingerprint", "is_certified")
    ISS_FIELD_NUMBER: _ClassVar[int]
    CONTROLLED_BY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    IS_PROVIDER_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    KEYS_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    EXCHANGED_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    IS_CERTIFIED_FIELD_NUMBER: _ClassVar[int]
    iss: str
    controlled_by: str
    state: ProviderState
    is_provider: bool
    seconds_left: int
    failure: str
    keys_fingerprint: bytes
    exchanged_fingerprint: bytes
    is_certified: bool
    def __init__(self, iss: _Optional[str] = ..., controlled_by: _Optional[str] = ..., state: _Optional[_Union[ProviderState, _Mapping]] = ..., is_provider: _Optional[bool] = ..., seconds_left: _Optional[int] = ..., failure: _Optional[str] = ..., keys_fingerprint: _Optional[bytes] = ..., exchanged_fingerprint: _Optional[bytes] = ..., is_certified: _Optional[bool] = ...) -> None: ...

class ListIssuersResponse(_message.Message):
    __slots__ = ("issuers",)
    ISSUERS_FIELD_NUMBER: _ClassVar[int]
    issuers: _containers.RepeatedCompositeFieldContainer[KnownIssuer]
    def __init__(self, issuers: _Optional[_Iterable[_Union[KnownIssuer, _Mapping]]] = ...) -> None: ...

class AcceptIssuerKeysRequest(_message.Message):
    __slots__ = ("iss", "fingerprint")
    ISS_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    iss: str
    fingerprint: bytes
    def __init__(self, iss: _Optional[str] = ..., fingerprint: _Optional[bytes] = ...) -> None: ...

class AcceptIssuerKeysResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
