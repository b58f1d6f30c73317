from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FollowChainRequest(_message.Message):
    __slots__ = ("manifests",)
    MANIFESTS_FIELD_NUMBER: _ClassVar[int]
    manifests: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, manifests: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class FollowChainResponse(_message.Message):
    __slots__ = ("manifests",)
    MANIFESTS_FIELD_NUMBER: _ClassVar[int]
    manifests: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, manifests: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: _keyring_pb2.Envelope
    def __init__(self, status: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class ListKeysRequest(_message.Message):
    __slots__ = ("order_sequence", "after", "limit", "key_ids")
    ORDER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    order_sequence: int
    after: bytes
    limit: int
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, order_sequence: _Optional[int] = ..., after: _Optional[bytes] = ..., limit: _Optional[int] = ..., key_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class KeysOfVersion(_message.Message):
    __slots__ = ("version", "threshold", "key_ids")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    version: bytes
    threshold: int
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, version: _Optional[bytes] = ..., threshold: _Optional[int] = ..., key_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ListKeysResponse(_message.Message):
    __slots__ = ("versions", "last")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[KeysOfVersion]
    last: bytes
    def __init__(self, versions: _Optional[_Iterable[_Union[KeysOfVersion, _Mapping]]] = ..., last: _Optional[bytes] = ...) -> None: ...

class SealedBlob(_message.Message):
    __slots__ = ("index", "sealed")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    index: int
    sealed: bytes
    def __init__(self, index: _Optional[int] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class DealRequest(_message.Message):
    __slots__ = ("order", "from_version", "key_ids", "sealing_keys", "newcomers")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    SEALING_KEYS_FIELD_NUMBER: _ClassVar[int]
    NEWCOMERS_FIELD_NUMBER: _ClassVar[int]
    order: _keyring_pb2.Envelope
    from_version: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    sealing_keys: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    newcomers: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, order: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., from_version: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., sealing_keys: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., newcomers: _Optional[_Iterable[int]] = ...) -> None: ...

class DealResponse(_message.Message):
    __slots__ = ("dealing", "points", "blobs")
    DEALING_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    dealing: _keyring_pb2.Envelope
    points: bytes
    blobs: _containers.RepeatedCompositeFieldContainer[SealedBlob]
    def __init__(self, dealing: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., points: _Optional[bytes] = ..., blobs: _Optional[_Iterable[_Union[SealedBlob, _Mapping]]] = ...) -> None: ...

class SubShares(_message.Message):
    __slots__ = ("shares", "salts", "contexts", "context_of")
    SHARES_FIELD_NUMBER: _ClassVar[int]
    SALTS_FIELD_NUMBER: _ClassVar[int]
    CONTEXTS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_OF_FIELD_NUMBER: _ClassVar[int]
    shares: bytes
    salts: _containers.RepeatedScalarFieldContainer[bytes]
    contexts: _containers.RepeatedScalarFieldContainer[bytes]
    context_of: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, shares: _Optional[bytes] = ..., salts: _Optional[_Iterable[bytes]] = ..., contexts: _Optional[_Iterable[bytes]] = ..., context_of: _Optional[_Iterable[int]] = ...) -> None: ...

class InstallRequest(_message.Message):
    __slots__ = ("order", "plan", "key_ids", "points", "dealings", "blobs", "descriptors")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    DEALINGS_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    order: _keyring_pb2.Envelope
    plan: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    points: bytes
    dealings: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    blobs: _containers.RepeatedCompositeFieldContainer[SealedBlob]
    descriptors: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, order: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., plan: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., points: _Optional[bytes] = ..., dealings: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., blobs: _Optional[_Iterable[_Union[SealedBlob, _Mapping]]] = ..., descriptors: _Optional[_Iterable[bytes]] = ...) -> None: ...

class InstallResponse(_message.Message):
    __slots__ = ("installed",)
    INSTALLED_FIELD_NUMBER: _ClassVar[int]
    installed: _keyring_pb2.Envelope
    def __init__(self, installed: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class FindCheatRequest(_message.Message):
    __slots__ = ("install", "dealt_points", "old")
    INSTALL_FIELD_NUMBER: _ClassVar[int]
    DEALT_POINTS_FIELD_NUMBER: _ClassVar[int]
    OLD_FIELD_NUMBER: _ClassVar[int]
    install: InstallRequest
    dealt_points: _containers.RepeatedScalarFieldContainer[bytes]
    old: PlannedVersion
    def __init__(self, install: _Optional[_Union[InstallRequest, _Mapping]] = ..., dealt_points: _Optional[_Iterable[bytes]] = ..., old: _Optional[_Union[PlannedVersion, _Mapping]] = ...) -> None: ...

class FindCheatResponse(_message.Message):
    __slots__ = ("complaints",)
    COMPLAINTS_FIELD_NUMBER: _ClassVar[int]
    complaints: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, complaints: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class ListInstalledRequest(_message.Message):
    __slots__ = ("limit", "versions")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    limit: int
    versions: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, limit: _Optional[int] = ..., versions: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ListInstalledResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[InstalledVersion]
    def __init__(self, versions: _Optional[_Iterable[_Union[InstalledVersion, _Mapping]]] = ...) -> None: ...

class InstalledVersion(_message.Message):
    __slots__ = ("installed", "points", "plan", "key_ids")
    INSTALLED_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    installed: _keyring_pb2.Envelope
    points: bytes
    plan: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, installed: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., points: _Optional[bytes] = ..., plan: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class EraseRequest(_message.Message):
    __slots__ = ("plan", "key_ids", "installed")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    installed: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, plan: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., installed: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class EraseResponse(_message.Message):
    __slots__ = ("erased",)
    ERASED_FIELD_NUMBER: _ClassVar[int]
    erased: _keyring_pb2.Envelope
    def __init__(self, erased: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class ListMissingRequest(_message.Message):
    __slots__ = ("version", "key_ids")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    version: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, version: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ListMissingResponse(_message.Message):
    __slots__ = ("key_ids",)
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, key_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class StartRepairRequest(_message.Message):
    __slots__ = ("version", "helpers", "key_ids")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HELPERS_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    version: bytes
    helpers: _containers.RepeatedScalarFieldContainer[int]
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, version: _Optional[bytes] = ..., helpers: _Optional[_Iterable[int]] = ..., key_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class StartRepairResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _keyring_pb2.Envelope
    def __init__(self, task: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class MakePiecesRequest(_message.Message):
    __slots__ = ("task", "key_ids", "sealing_keys")
    TASK_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    SEALING_KEYS_FIELD_NUMBER: _ClassVar[int]
    task: _keyring_pb2.Envelope
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    sealing_keys: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, task: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., sealing_keys: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class MakePiecesResponse(_message.Message):
    __slots__ = ("pieces", "points", "blobs")
    PIECES_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    pieces: _keyring_pb2.Envelope
    points: bytes
    blobs: _containers.RepeatedCompositeFieldContainer[SealedBlob]
    def __init__(self, pieces: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., points: _Optional[bytes] = ..., blobs: _Optional[_Iterable[_Union[SealedBlob, _Mapping]]] = ...) -> None: ...

class SumPiecesRequest(_message.Message):
    __slots__ = ("task", "key_ids", "pieces", "points", "blobs", "sealing_key")
    TASK_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    SEALING_KEY_FIELD_NUMBER: _ClassVar[int]
    task: _keyring_pb2.Envelope
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    pieces: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    points: _containers.RepeatedScalarFieldContainer[bytes]
    blobs: _containers.RepeatedCompositeFieldContainer[SealedBlob]
    sealing_key: _keyring_pb2.Envelope
    def __init__(self, task: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., pieces: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., points: _Optional[_Iterable[bytes]] = ..., blobs: _Optional[_Iterable[_Union[SealedBlob, _Mapping]]] = ..., sealing_key: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class SumPiecesResponse(_message.Message):
    __slots__ = ("sums", "sealed", "plan", "version_points", "plan_key_ids")
    SUMS_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    VERSION_POINTS_FIELD_NUMBER: _ClassVar[int]
    PLAN_KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    sums: _keyring_pb2.Envelope
    sealed: bytes
    plan: bytes
    version_points: bytes
    plan_key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, sums: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., sealed: _Optional[bytes] = ..., plan: _Optional[bytes] = ..., version_points: _Optional[bytes] = ..., plan_key_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class FinishRepairRequest(_message.Message):
    __slots__ = ("task", "key_ids", "descriptors", "pieces", "points", "sums", "blobs", "plan", "plan_key_ids", "version_points")
    TASK_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    VERSION_POINTS_FIELD_NUMBER: _ClassVar[int]
    task: _keyring_pb2.Envelope
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    descriptors: _containers.RepeatedScalarFieldContainer[bytes]
    pieces: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    points: _containers.RepeatedScalarFieldContainer[bytes]
    sums: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    blobs: _containers.RepeatedCompositeFieldContainer[SealedBlob]
    plan: bytes
    plan_key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    version_points: bytes
    def __init__(self, task: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., descriptors: _Optional[_Iterable[bytes]] = ..., pieces: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., points: _Optional[_Iterable[bytes]] = ..., sums: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., blobs: _Optional[_Iterable[_Union[SealedBlob, _Mapping]]] = ..., plan: _Optional[bytes] = ..., plan_key_ids: _Optional[_Iterable[bytes]] = ..., version_points: _Optional[bytes] = ...) -> None: ...

class FinishRepairResponse(_message.Message):
    __slots__ = ("repaired",)
    REPAIRED_FIELD_NUMBER: _ClassVar[int]
    repaired: _keyring_pb2.Envelope
    def __init__(self, repaired: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class PublishChainRequest(_message.Message):
    __slots__ = ("manifests",)
    MANIFESTS_FIELD_NUMBER: _ClassVar[int]
    manifests: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, manifests: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class PublishChainResponse(_message.Message):
    __slots__ = ("following", "away")
    FOLLOWING_FIELD_NUMBER: _ClassVar[int]
    AWAY_FIELD_NUMBER: _ClassVar[int]
    following: _containers.RepeatedScalarFieldContainer[int]
    away: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, following: _Optional[_Iterable[int]] = ..., away: _Optional[_Iterable[int]] = ...) -> None: ...

class ReshareRequest(_message.Message):
    __slots__ = ("order", "canary")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    CANARY_FIELD_NUMBER: _ClassVar[int]
    order: _keyring_pb2.Envelope
    canary: bytes
    def __init__(self, order: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., canary: _Optional[bytes] = ...) -> None: ...

class ReshareResponse(_message.Message):
    __slots__ = ("keys", "done", "erased", "cheats", "away", "failed", "bytes_relayed", "canary_plan")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    CHEATS_FIELD_NUMBER: _ClassVar[int]
    AWAY_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    BYTES_RELAYED_FIELD_NUMBER: _ClassVar[int]
    CANARY_PLAN_FIELD_NUMBER: _ClassVar[int]
    keys: int
    done: int
    erased: int
    cheats: _containers.RepeatedScalarFieldContainer[int]
    away: _containers.RepeatedScalarFieldContainer[int]
    failed: int
    bytes_relayed: int
    canary_plan: bytes
    def __init__(self, keys: _Optional[int] = ..., done: _Optional[int] = ..., erased: _Optional[int] = ..., cheats: _Optional[_Iterable[int]] = ..., away: _Optional[_Iterable[int]] = ..., failed: _Optional[int] = ..., bytes_relayed: _Optional[int] = ..., canary_plan: _Optional[bytes] = ...) -> None: ...

class RepairRequest(_message.Message):
    __slots__ = ("index",)
    INDEX_FIELD_NUMBER: _ClassVar[int]
    index: int
    def __init__(self, index: _Optional[int] = ...) -> None: ...

class RepairResponse(_message.Message):
    __slots__ = ("keys", "done", "failed")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    keys: int
    done: int
    failed: int
    def __init__(self, keys: _Optional[int] = ..., done: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...

class GetVersionsRequest(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, versions: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetVersionsResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[PlannedVersion]
    def __init__(self, versions: _Optional[_Iterable[_Union[PlannedVersion, _Mapping]]] = ...) -> None: ...

class PlannedVersion(_message.Message):
    __slots__ = ("plan", "key_ids", "points")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    points: bytes
    def __init__(self, plan: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., points: _Optional[bytes] = ...) -> None: ...

class DealPoolRequest(_message.Message):
    __slots__ = ("order", "batch", "sealing_keys")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    SEALING_KEYS_FIELD_NUMBER: _ClassVar[int]
    order: _keyring_pb2.Envelope
    batch: int
    sealing_keys: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, order: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., batch: _Optional[int] = ..., sealing_keys: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class DealPoolResponse(_message.Message):
    __slots__ = ("dealing", "points", "blobs")
    DEALING_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    dealing: _keyring_pb2.Envelope
    points: bytes
    blobs: _containers.RepeatedCompositeFieldContainer[SealedBlob]
    def __init__(self, dealing: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., points: _Optional[bytes] = ..., blobs: _Optional[_Iterable[_Union[SealedBlob, _Mapping]]] = ...) -> None: ...

class KeepPoolRequest(_message.Message):
    __slots__ = ("order", "plan", "points", "dealings", "dealt_points", "blobs")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    DEALINGS_FIELD_NUMBER: _ClassVar[int]
    DEALT_POINTS_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    order: _keyring_pb2.Envelope
    plan: bytes
    points: bytes
    dealings: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    dealt_points: _containers.RepeatedScalarFieldContainer[bytes]
    blobs: _containers.RepeatedCompositeFieldContainer[SealedBlob]
    def __init__(self, order: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., plan: _Optional[bytes] = ..., points: _Optional[bytes] = ..., dealings: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., dealt_points: _Optional[_Iterable[bytes]] = ..., blobs: _Optional[_Iterable[_Union[SealedBlob, _Mapping]]] = ...) -> None: ...

class KeepPoolResponse(_message.Message):
    __slots__ = ("generated", "complaints")
    GENERATED_FIELD_NUMBER: _ClassVar[int]
    COMPLAINTS_FIELD_NUMBER: _ClassVar[int]
    generated: _keyring_pb2.Envelope
    complaints: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, generated: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., complaints: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class ListPoolRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class PoolBatch(_message.Message):
    __slots__ = ("plan", "points", "left")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    points: bytes
    left: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, plan: _Optional[bytes] = ..., points: _Optional[bytes] = ..., left: _Optional[_Iterable[int]] = ...) -> None: ...

class ListPoolResponse(_message.Message):
    __slots__ = ("batches",)
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    batches: _containers.RepeatedCompositeFieldContainer[PoolBatch]
    def __init__(self, batches: _Optional[_Iterable[_Union[PoolBatch, _Mapping]]] = ...) -> None: ...

class ListDrawsRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class ListDrawsResponse(_message.Message):
    __slots__ = ("deposits",)
    DEPOSITS_FIELD_NUMBER: _ClassVar[int]
    deposits: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, deposits: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ConfirmDrawRequest(_message.Message):
    __slots__ = ("deposit", "receipts")
    DEPOSIT_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    deposit: bytes
    receipts: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, deposit: _Optional[bytes] = ..., receipts: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class ConfirmDrawResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: _keyring_pb2.Envelope
    def __init__(self, order: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("keys", "done", "failed", "cheats", "away")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CHEATS_FIELD_NUMBER: _ClassVar[int]
    AWAY_FIELD_NUMBER: _ClassVar[int]
    keys: int
    done: int
    failed: int
    cheats: _containers.RepeatedScalarFieldContainer[int]
    away: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, keys: _Optional[int] = ..., done: _Optional[int] = ..., failed: _Optional[int] = ..., cheats: _Optional[_Iterable[int]] = ..., away: _Optional[_Iterable[int]] = ...) -> None: ...

class OfferKeysRequest(_message.Message):
    __slots__ = ("keyring_id", "count")
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    keyring_id: bytes
    count: int
    def __init__(self, keyring_id: _Optional[bytes] = ..., count: _Optional[int] = ...) -> None: ...

class OfferedKey(_message.Message):
    __slots__ = ("commitments",)
    COMMITMENTS_FIELD_NUMBER: _ClassVar[int]
    commitments: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, commitments: _Optional[_Iterable[bytes]] = ...) -> None: ...

class OfferKeysResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[OfferedKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[OfferedKey, _Mapping]]] = ...) -> None: ...
