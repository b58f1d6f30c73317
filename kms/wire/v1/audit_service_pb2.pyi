from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class GetCheckpointRequest(_message.Message):
    __slots__ = ("keyring_id",)
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    keyring_id: bytes
    def __init__(self, keyring_id: _Optional[bytes] = ...) -> None: ...

class GetCheckpointResponse(_message.Message):
    __slots__ = ("checkpoint", "cosigned")
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    COSIGNED_FIELD_NUMBER: _ClassVar[int]
    checkpoint: bytes
    cosigned: bytes
    def __init__(self, checkpoint: _Optional[bytes] = ..., cosigned: _Optional[bytes] = ...) -> None: ...

class GetTilesRequest(_message.Message):
    __slots__ = ("keyring_id", "paths")
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    keyring_id: bytes
    paths: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keyring_id: _Optional[bytes] = ..., paths: _Optional[_Iterable[str]] = ...) -> None: ...

class GetTilesResponse(_message.Message):
    __slots__ = ("tiles",)
    TILES_FIELD_NUMBER: _ClassVar[int]
    tiles: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, tiles: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetInclusionProofRequest(_message.Message):
    __slots__ = ("keyring_id", "index", "size")
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    keyring_id: bytes
    index: int
    size: int
    def __init__(self, keyring_id: _Optional[bytes] = ..., index: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class GetInclusionProofResponse(_message.Message):
    __slots__ = ("entry", "proof")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    entry: bytes
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, entry: _Optional[bytes] = ..., proof: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetConsistencyProofRequest(_message.Message):
    __slots__ = ("keyring_id", "old_size", "new_size")
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    OLD_SIZE_FIELD_NUMBER: _ClassVar[int]
    NEW_SIZE_FIELD_NUMBER: _ClassVar[int]
    keyring_id: bytes
    old_size: int
    new_size: int
    def __init__(self, keyring_id: _Optional[bytes] = ..., old_size: _Optional[int] = ..., new_size: _Optional[int] = ...) -> None: ...

class GetConsistencyProofResponse(_message.Message):
    __slots__ = ("proof",)
    PROOF_FIELD_NUMBER: _ClassVar[int]
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, proof: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetCertificateRequest(_message.Message):
    __slots__ = ("keyring_id", "request_hash", "certificate_hash")
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_HASH_FIELD_NUMBER: _ClassVar[int]
    keyring_id: bytes
    request_hash: bytes
    certificate_hash: bytes
    def __init__(self, keyring_id: _Optional[bytes] = ..., request_hash: _Optional[bytes] = ..., certificate_hash: _Optional[bytes] = ...) -> None: ...

class GetCertificateResponse(_message.Message):
    __slots__ = ("certificates",)
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    certificates: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, certificates: _Optional[_Iterable[bytes]] = ...) -> None: ...
