from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SignerRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNER_ROLE_UNSPECIFIED: _ClassVar[SignerRole]
    SIGNER_ROLE_FOUNDERS: _ClassVar[SignerRole]
    SIGNER_ROLE_CUSTODIAN: _ClassVar[SignerRole]
    SIGNER_ROLE_DEALER: _ClassVar[SignerRole]
    SIGNER_ROLE_REQUESTER: _ClassVar[SignerRole]
    SIGNER_ROLE_OWNER: _ClassVar[SignerRole]
    SIGNER_ROLE_APPROVER: _ClassVar[SignerRole]
    SIGNER_ROLE_ADMINS: _ClassVar[SignerRole]

class BudgetScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BUDGET_SCOPE_UNSPECIFIED: _ClassVar[BudgetScope]
    BUDGET_SCOPE_PRINCIPAL: _ClassVar[BudgetScope]
    BUDGET_SCOPE_ORGANISATION: _ClassVar[BudgetScope]
    BUDGET_SCOPE_OWNER: _ClassVar[BudgetScope]
    BUDGET_SCOPE_KEYRING: _ClassVar[BudgetScope]

class BudgetWindow(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BUDGET_WINDOW_UNSPECIFIED: _ClassVar[BudgetWindow]
    BUDGET_WINDOW_HOUR: _ClassVar[BudgetWindow]
    BUDGET_WINDOW_DAY: _ClassVar[BudgetWindow]
    BUDGET_WINDOW_MONTH: _ClassVar[BudgetWindow]

class BudgetExcess(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BUDGET_EXCESS_UNSPECIFIED: _ClassVar[BudgetExcess]
    BUDGET_EXCESS_HOLD: _ClassVar[BudgetExcess]
    BUDGET_EXCESS_DENY: _ClassVar[BudgetExcess]

class HolderClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOLDER_CLASS_UNSPECIFIED: _ClassVar[HolderClass]
    HOLDER_CLASS_DEVICE: _ClassVar[HolderClass]
    HOLDER_CLASS_PROFESSIONAL: _ClassVar[HolderClass]
    HOLDER_CLASS_SERVICE: _ClassVar[HolderClass]
    HOLDER_CLASS_OPERATOR: _ClassVar[HolderClass]

class IssuerKeyType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ISSUER_KEY_TYPE_UNSPECIFIED: _ClassVar[IssuerKeyType]
    ISSUER_KEY_TYPE_ED25519: _ClassVar[IssuerKeyType]
    ISSUER_KEY_TYPE_P256: _ClassVar[IssuerKeyType]
    ISSUER_KEY_TYPE_RSA: _ClassVar[IssuerKeyType]
SIGNER_ROLE_UNSPECIFIED: SignerRole
SIGNER_ROLE_FOUNDERS: SignerRole
SIGNER_ROLE_CUSTODIAN: SignerRole
SIGNER_ROLE_DEALER: SignerRole
SIGNER_ROLE_REQUESTER: SignerRole
SIGNER_ROLE_OWNER: SignerRole
SIGNER_ROLE_APPROVER: SignerRole
SIGNER_ROLE_ADMINS: SignerRole
BUDGET_SCOPE_UNSPECIFIED: BudgetScope
BUDGET_SCOPE_PRINCIPAL: BudgetScope
BUDGET_SCOPE_ORGANISATION: BudgetScope
BUDGET_SCOPE_OWNER: BudgetScope
BUDGET_SCOPE_KEYRING: BudgetScope
BUDGET_WINDOW_UNSPECIFIED: BudgetWindow
BUDGET_WINDOW_HOUR: BudgetWindow
BUDGET_WINDOW_DAY: BudgetWindow
BUDGET_WINDOW_MONTH: BudgetWindow
BUDGET_EXCESS_UNSPECIFIED: BudgetExcess
BUDGET_EXCESS_HOLD: BudgetExcess
BUDGET_EXCESS_DENY: BudgetExcess
HOLDER_CLASS_UNSPECIFIED: HolderClass
HOLDER_CLASS_DEVICE: HolderClass
HOLDER_CLASS_PROFESSIONAL: HolderClass
HOLDER_CLASS_SERVICE: HolderClass
HOLDER_CLASS_OPERATOR: HolderClass
ISSUER_KEY_TYPE_UNSPECIFIED: IssuerKeyType
ISSUER_KEY_TYPE_ED25519: IssuerKeyType
ISSUER_KEY_TYPE_P256: IssuerKeyType
ISSUER_KEY_TYPE_RSA: IssuerKeyType

class Envelope(_message.Message):
    __slots__ = ("payload_type", "payload", "signatures")
    PAYLOAD_TYPE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    payload_type: str
    payload: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[Signature]
    def __init__(self, payload_type: _Optional[str] = ..., payload: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[Signature, _Mapping]]] = ...) -> None: ...

class Signature(_message.Message):
    __slots__ = ("keyid", "sig")
    KEYID_FIELD_NUMBER: _ClassVar[int]
    SIG_FIELD_NUMBER: _ClassVar[int]
    keyid: bytes
    sig: bytes
    def __init__(self, keyid: _Optional[bytes] = ..., sig: _Optional[bytes] = ...) -> None: ...

class Manifest(_message.Message):
    __slots__ = ("suite", "signer_role", "name", "sequence", "previous_hash", "keyring_id", "threshold", "durable_quorum", "custodians", "admins", "admin_quorum", "issuers", "policy", "policy_schema", "created_at", "expires_at", "change_delay", "emergency", "golden_hash", "budgets", "recovery_delay", "destruction_delay")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    DURABLE_QUORUM_FIELD_NUMBER: _ClassVar[int]
    CUSTODIANS_FIELD_NUMBER: _ClassVar[int]
    ADMINS_FIELD_NUMBER: _ClassVar[int]
    ADMIN_QUORUM_FIELD_NUMBER: _ClassVar[int]
    ISSUERS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    POLICY_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CHANGE_DELAY_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_HASH_FIELD_NUMBER: _ClassVar[int]
    BUDGETS_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_DELAY_FIELD_NUMBER: _ClassVar[int]
    DESTRUCTION_DELAY_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: SignerRole
    name: str
    sequence: int
    previous_hash: bytes
    keyring_id: bytes
    threshold: int
    durable_quorum: int
    custodians: _containers.RepeatedCompositeFieldContainer[ManifestCustodian]
    admins: _containers.RepeatedScalarFieldContainer[bytes]
    admin_quorum: int
    issuers: _containers.RepeatedCompositeFieldContainer[Issuer]
    policy: str
    policy_schema: str
    created_at: int
    expires_at: int
    change_delay: int
    emergency: bool
    golden_hash: bytes
    budgets: _containers.RepeatedCompositeFieldContainer[Budget]
    recovery_delay: int
    destruction_delay: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[SignerRole, str]] = ..., name: _Optional[str] = ..., sequence: _Optional[int] = ..., previous_hash: _Optional[bytes] = ..., keyring_id: _Optional[bytes] = ..., threshold: _Optional[int] = ..., durable_quorum: _Optional[int] = ..., custodians: _Optional[_Iterable[_Union[ManifestCustodian, _Mapping]]] = ..., admins: _Optional[_Iterable[bytes]] = ..., admin_quorum: _Optional[int] = ..., issuers: _Optional[_Iterable[_Union[Issuer, _Mapping]]] = ..., policy: _Optional[str] = ..., policy_schema: _Optional[str] = ..., created_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., change_delay: _Optional[int] = ..., emergency: _Optional[bool] = ..., golden_hash: _Optional[bytes] = ..., budgets: _Optional[_Iterable[_Union[Budget, _Mapping]]] = ..., recovery_delay: _Optional[int] = ..., destruction_delay: _Optional[int] = ...) -> None: ...

class Budget(_message.Message):
    __slots__ = ("scope", "window", "limit", "on_excess")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    ON_EXCESS_FIELD_NUMBER: _ClassVar[int]
    scope: BudgetScope
    window: BudgetWindow
    limit: int
    on_excess: BudgetExcess
    def __init__(self, scope: _Optional[_Union[BudgetScope, str]] = ..., window: _Optional[_Union[BudgetWindow, str]] = ..., limit: _Optional[int] = ..., on_excess: _Optional[_Union[BudgetExcess, str]] = ...) -> None: ...

class ManifestCustodian(_message.Message):
    __slots__ = ("index", "organisation", "jurisdiction", "hosting", "parent", "endpoint", "identity_key")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    JURISDICTION_FIELD_NUMBER: _ClassVar[int]
    HOSTING_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_KEY_FIELD_NUMBER: _ClassVar[int]
    index: int
    organisation: str
    jurisdiction: str
    hosting: str
    parent: str
    endpoint: str
    identity_key: bytes
    def __init__(self, index: _Optional[int] = ..., organisation: _Optional[str] = ..., jurisdiction: _Optional[str] = ..., hosting: _Optional[str] = ..., parent: _Optional[str] = ..., endpoint: _Optional[str] = ..., identity_key: _Optional[bytes] = ...) -> None: ...

class Issuer(_message.Message):
    __slots__ = ("iss", "controlled_by", "classes", "keys", "trust_anchors", "audience", "nonce_bound", "key_delay", "max_key_age", "authorities")
    ISS_FIELD_NUMBER: _ClassVar[int]
    CONTROLLED_BY_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    TRUST_ANCHORS_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    NONCE_BOUND_FIELD_NUMBER: _ClassVar[int]
    KEY_DELAY_FIELD_NUMBER: _ClassVar[int]
    MAX_KEY_AGE_FIELD_NUMBER: _ClassVar[int]
    AUTHORITIES_FIELD_NUMBER: _ClassVar[int]
    iss: str
    controlled_by: str
    classes: _containers.RepeatedScalarFieldContainer[HolderClass]
    keys: _containers.RepeatedCompositeFieldContainer[IssuerKey]
    trust_anchors: _containers.RepeatedScalarFieldContainer[bytes]
    audience: str
    nonce_bound: bool
    key_delay: int
    max_key_age: int
    authorities: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, iss: _Optional[str] = ..., controlled_by: _Optional[str] = ..., classes: _Optional[_Iterable[_Union[HolderClass, str]]] = ..., keys: _Optional[_Iterable[_Union[IssuerKey, _Mapping]]] = ..., trust_anchors: _Optional[_Iterable[bytes]] = ..., audience: _Optional[str] = ..., nonce_bound: _Optional[bool] = ..., key_delay: _Optional[int] = ..., max_key_age: _Optional[int] = ..., authorities: _Optional[_Iterable[bytes]] = ...) -> None: ...

class IssuerKey(_message.Message):
    __slots__ = ("kid", "type", "public_key")
    KID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    kid: str
    type: IssuerKeyType
    public_key: bytes
    def __init__(self, kid: _Optional[str] = ..., type: _Optional[_Union[IssuerKeyType, str]] = ..., public_key: _Optional[bytes] = ...) -> None: ...

class SealingKey(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "period", "public_key", "not_before", "not_after")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    period: int
    public_key: bytes
    not_before: int
    not_after: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., period: _Optional[int] = ..., public_key: _Optional[bytes] = ..., not_before: _Optional[int] = ..., not_after: _Optional[int] = ...) -> None: ...
