from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeySpec(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_SPEC_UNSPECIFIED: _ClassVar[KeySpec]
    KEY_SPEC_DATA: _ClassVar[KeySpec]
    KEY_SPEC_INBOX: _ClassVar[KeySpec]
KEY_SPEC_UNSPECIFIED: KeySpec
KEY_SPEC_DATA: KeySpec
KEY_SPEC_INBOX: KeySpec

class Core(_message.Message):
    __slots__ = ("suite", "keyring_id", "manifest_hash", "threshold", "spec", "owner_thumbprint", "creator_thumbprint", "created_at", "context_commitment", "commitments")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    CREATOR_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    COMMITMENTS_FIELD_NUMBER: _ClassVar[int]
    suite: int
    keyring_id: bytes
    manifest_hash: bytes
    threshold: int
    spec: KeySpec
    owner_thumbprint: bytes
    creator_thumbprint: bytes
    created_at: int
    context_commitment: bytes
    commitments: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, suite: _Optional[int] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., threshold: _Optional[int] = ..., spec: _Optional[_Union[KeySpec, str]] = ..., owner_thumbprint: _Optional[bytes] = ..., creator_thumbprint: _Optional[bytes] = ..., created_at: _Optional[int] = ..., context_commitment: _Optional[bytes] = ..., commitments: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Descriptor(_message.Message):
    __slots__ = ("core", "key_check_value", "public_key")
    CORE_FIELD_NUMBER: _ClassVar[int]
    KEY_CHECK_VALUE_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    core: bytes
    key_check_value: bytes
    public_key: bytes
    def __init__(self, core: _Optional[bytes] = ..., key_check_value: _Optional[bytes] = ..., public_key: _Optional[bytes] = ...) -> None: ...

class Context(_message.Message):
    __slots__ = ("pairs",)
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[ContextPair]
    def __init__(self, pairs: _Optional[_Iterable[_Union[ContextPair, _Mapping]]] = ...) -> None: ...

class ContextPair(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Deposit(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "dealer_thumbprint", "created_at", "descriptors", "batch_root", "targets")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    DEALER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    BATCH_ROOT_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    dealer_thumbprint: bytes
    created_at: int
    descriptors: _containers.RepeatedScalarFieldContainer[bytes]
    batch_root: bytes
    targets: _containers.RepeatedCompositeFieldContainer[DepositTarget]
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., dealer_thumbprint: _Optional[bytes] = ..., created_at: _Optional[int] = ..., descriptors: _Optional[_Iterable[bytes]] = ..., batch_root: _Optional[bytes] = ..., targets: _Optional[_Iterable[_Union[DepositTarget, _Mapping]]] = ...) -> None: ...

class DepositTarget(_message.Message):
    __slots__ = ("index", "sealing_key_id", "blob_hash", "evidence_hash")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SEALING_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    BLOB_HASH_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_HASH_FIELD_NUMBER: _ClassVar[int]
    index: int
    sealing_key_id: bytes
    blob_hash: bytes
    evidence_hash: bytes
    def __init__(self, index: _Optional[int] = ..., sealing_key_id: _Optional[bytes] = ..., blob_hash: _Optional[bytes] = ..., evidence_hash: _Optional[bytes] = ...) -> None: ...

class DepositSecrets(_message.Message):
    __slots__ = ("shares", "salts", "contexts", "context_of")
    SHARES_FIELD_NUMBER: _ClassVar[int]
    SALTS_FIELD_NUMBER: _ClassVar[int]
    CONTEXTS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_OF_FIELD_NUMBER: _ClassVar[int]
    shares: _containers.RepeatedScalarFieldContainer[bytes]
    salts: _containers.RepeatedScalarFieldContainer[bytes]
    contexts: _containers.RepeatedScalarFieldContainer[bytes]
    context_of: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, shares: _Optional[_Iterable[bytes]] = ..., salts: _Optional[_Iterable[bytes]] = ..., contexts: _Optional[_Iterable[bytes]] = ..., context_of: _Optional[_Iterable[int]] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "deposit_hash", "batch_root", "count", "refusals", "received_at", "log_index")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    DEPOSIT_HASH_FIELD_NUMBER: _ClassVar[int]
    BATCH_ROOT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    deposit_hash: bytes
    batch_root: bytes
    count: int
    refusals: _containers.RepeatedCompositeFieldContainer[KeyRefusal]
    received_at: int
    log_index: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., deposit_hash: _Optional[bytes] = ..., batch_root: _Optional[bytes] = ..., count: _Optional[int] = ..., refusals: _Optional[_Iterable[_Union[KeyRefusal, _Mapping]]] = ..., received_at: _Optional[int] = ..., log_index: _Optional[int] = ...) -> None: ...

class KeyRefusal(_message.Message):
    __slots__ = ("reason", "positions")
    REASON_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    positions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, reason: _Optional[str] = ..., positions: _Optional[_Iterable[int]] = ...) -> None: ...
