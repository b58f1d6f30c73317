from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from kms.wire.v1 import release_pb2 as _release_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NoticeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTICE_KIND_UNSPECIFIED: _ClassVar[NoticeKind]
    NOTICE_KIND_OWNER_KEY_ADDED: _ClassVar[NoticeKind]
    NOTICE_KIND_GUARDIAN_ADDED: _ClassVar[NoticeKind]
    NOTICE_KIND_KEY_REVOKED: _ClassVar[NoticeKind]
    NOTICE_KIND_READ_BY_GRANT: _ClassVar[NoticeKind]
    NOTICE_KIND_READ_BY_GUARDIAN: _ClassVar[NoticeKind]
    NOTICE_KIND_RECOVERY_BEGUN: _ClassVar[NoticeKind]
    NOTICE_KIND_RECOVERY_STOPPED: _ClassVar[NoticeKind]
    NOTICE_KIND_EMERGENCY: _ClassVar[NoticeKind]
    NOTICE_KIND_READ_BY_OTHERS: _ClassVar[NoticeKind]
    NOTICE_KIND_EMERGENCY_ASKED: _ClassVar[NoticeKind]
    NOTICE_KIND_DESTROY_SCHEDULED: _ClassVar[NoticeKind]
    NOTICE_KIND_DESTROY_CANCELLED: _ClassVar[NoticeKind]
    NOTICE_KIND_DESTROYED: _ClassVar[NoticeKind]
NOTICE_KIND_UNSPECIFIED: NoticeKind
NOTICE_KIND_OWNER_KEY_ADDED: NoticeKind
NOTICE_KIND_GUARDIAN_ADDED: NoticeKind
NOTICE_KIND_KEY_REVOKED: NoticeKind
NOTICE_KIND_READ_BY_GRANT: NoticeKind
NOTICE_KIND_READ_BY_GUARDIAN: NoticeKind
NOTICE_KIND_RECOVERY_BEGUN: NoticeKind
NOTICE_KIND_RECOVERY_STOPPED: NoticeKind
NOTICE_KIND_EMERGENCY: NoticeKind
NOTICE_KIND_READ_BY_OTHERS: NoticeKind
NOTICE_KIND_EMERGENCY_ASKED: NoticeKind
NOTICE_KIND_DESTROY_SCHEDULED: NoticeKind
NOTICE_KIND_DESTROY_CANCELLED: NoticeKind
NOTICE_KIND_DESTROYED: NoticeKind

class SubmitConsentRequest(_message.Message):
    __slots__ = ("statement",)
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    statement: _keyring_pb2.Envelope
    def __init__(self, statement: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class SubmitConsentResponse(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: _keyring_pb2.Envelope
    def __init__(self, receipt: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class GetAccountRequest(_message.Message):
    __slots__ = ("question",)
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    question: _keyring_pb2.Envelope
    def __init__(self, question: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class GetAccountResponse(_message.Message):
    __slots__ = ("answer", "sealed")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    answer: _keyring_pb2.Envelope
    sealed: bytes
    def __init__(self, answer: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class WatchAccountRequest(_message.Message):
    __slots__ = ("question",)
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    question: _keyring_pb2.Envelope
    def __init__(self, question: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class WatchAccountResponse(_message.Message):
    __slots__ = ("answer", "sealed")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    answer: _keyring_pb2.Envelope
    sealed: bytes
    def __init__(self, answer: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class ConsentReceipt(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "statement_hash", "at", "log_index")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_HASH_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    statement_hash: bytes
    at: int
    log_index: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., statement_hash: _Optional[bytes] = ..., at: _Optional[int] = ..., log_index: _Optional[int] = ...) -> None: ...

class AccountQuestion(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "owner_thumbprint", "asker_thumbprint", "grant_ids", "recipient_key", "created_at", "notices_after")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    ASKER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    GRANT_IDS_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_KEY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    NOTICES_AFTER_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    owner_thumbprint: bytes
    asker_thumbprint: bytes
    grant_ids: _containers.RepeatedScalarFieldContainer[bytes]
    recipient_key: bytes
    created_at: int
    notices_after: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., owner_thumbprint: _Optional[bytes] = ..., asker_thumbprint: _Optional[bytes] = ..., grant_ids: _Optional[_Iterable[bytes]] = ..., recipient_key: _Optional[bytes] = ..., created_at: _Optional[int] = ..., notices_after: _Optional[int] = ...) -> None: ...

class AccountAnswer(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "question_hash", "blob_hash", "at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    QUESTION_HASH_FIELD_NUMBER: _ClassVar[int]
    BLOB_HASH_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    question_hash: bytes
    blob_hash: bytes
    at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., question_hash: _Optional[bytes] = ..., blob_hash: _Optional[bytes] = ..., at: _Optional[int] = ...) -> None: ...

class Account(_message.Message):
    __slots__ = ("grants", "mandates", "revoked_keys", "notices", "recoveries")
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    MANDATES_FIELD_NUMBER: _ClassVar[int]
    REVOKED_KEYS_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    RECOVERIES_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[GrantUse]
    mandates: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    revoked_keys: _containers.RepeatedScalarFieldContainer[bytes]
    notices: _containers.RepeatedCompositeFieldContainer[Notice]
    recoveries: _containers.RepeatedCompositeFieldContainer[Recovery]
    def __init__(self, grants: _Optional[_Iterable[_Union[GrantUse, _Mapping]]] = ..., mandates: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., revoked_keys: _Optional[_Iterable[bytes]] = ..., notices: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ..., recoveries: _Optional[_Iterable[_Union[Recovery, _Mapping]]] = ...) -> None: ...

class GrantUse(_message.Message):
    __slots__ = ("grant_id", "uses", "revoked")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    grant_id: bytes
    uses: int
    revoked: bool
    def __init__(self, grant_id: _Optional[bytes] = ..., uses: _Optional[int] = ..., revoked: _Optional[bool] = ...) -> None: ...

class OwnerKey(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "owner_thumbprint", "key_thumbprint", "not_after", "sequence")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    KEY_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    owner_thumbprint: bytes
    key_thumbprint: bytes
    not_after: int
    sequence: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., owner_thumbprint: _Optional[bytes] = ..., key_thumbprint: _Optional[bytes] = ..., not_after: _Optional[int] = ..., sequence: _Optional[int] = ...) -> None: ...

class Guardian(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "owner_thumbprint", "key_thumbprint", "categories", "purposes", "may_grant", "not_before", "not_after", "sequence")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    KEY_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    PURPOSES_FIELD_NUMBER: _ClassVar[int]
    MAY_GRANT_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    owner_thumbprint: bytes
    key_thumbprint: bytes
    categories: _containers.RepeatedScalarFieldContainer[str]
    purposes: _containers.RepeatedScalarFieldContainer[_release_pb2.Purpose]
    may_grant: bool
    not_before: int
    not_after: int
    sequence: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., owner_thumbprint: _Optional[bytes] = ..., key_thumbprint: _Optional[bytes] = ..., categories: _Optional[_Iterable[str]] = ..., purposes: _Optional[_Iterable[_Union[_release_pb2.Purpose, str]]] = ..., may_grant: _Optional[bool] = ..., not_before: _Optional[int] = ..., not_after: _Optional[int] = ..., sequence: _Optional[int] = ...) -> None: ...

class OwnerBinding(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "owner_thumbprint", "subjects", "sequence")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    owner_thumbprint: bytes
    subjects: _containers.RepeatedScalarFieldContainer[bytes]
    sequence: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., owner_thumbprint: _Optional[bytes] = ..., subjects: _Optional[_Iterable[bytes]] = ..., sequence: _Optional[int] = ...) -> None: ...

class RecoveryRequest(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "owner_thumbprint", "key_thumbprint", "credentials", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    KEY_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    owner_thumbprint: bytes
    key_thumbprint: bytes
    credentials: _containers.RepeatedScalarFieldContainer[str]
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., owner_thumbprint: _Optional[bytes] = ..., key_thumbprint: _Optional[bytes] = ..., credentials: _Optional[_Iterable[str]] = ..., created_at: _Optional[int] = ...) -> None: ...

class Recovery(_message.Message):
    __slots__ = ("key_thumbprint", "begun_at", "counts_from")
    KEY_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    BEGUN_AT_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FROM_FIELD_NUMBER: _ClassVar[int]
    key_thumbprint: bytes
    begun_at: int
    counts_from: int
    def __init__(self, key_thumbprint: _Optional[bytes] = ..., begun_at: _Optional[int] = ..., counts_from: _Optional[int] = ...) -> None: ...

class OwnerKeyRevocation(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "owner_thumbprint", "signer_thumbprint", "key_thumbprint", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    SIGNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    KEY_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    owner_thumbprint: bytes
    signer_thumbprint: bytes
    key_thumbprint: bytes
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., owner_thumbprint: _Optional[bytes] = ..., signer_thumbprint: _Optional[bytes] = ..., key_thumbprint: _Optional[bytes] = ..., created_at: _Optional[int] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("number", "at", "kind", "subject_hash", "key_thumbprint", "count", "due_at", "destroy_reason")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_HASH_FIELD_NUMBER: _ClassVar[int]
    KEY_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    DESTROY_REASON_FIELD_NUMBER: _ClassVar[int]
    number: int
    at: int
    kind: NoticeKind
    subject_hash: bytes
    key_thumbprint: bytes
    count: int
    due_at: int
    destroy_reason: int
    def __init__(self, number: _Optional[int] = ..., at: _Optional[int] = ..., kind: _Optional[_Union[NoticeKind, str]] = ..., subject_hash: _Optional[bytes] = ..., key_thumbprint: _Optional[bytes] = ..., count: _Optional[int] = ..., due_at: _Optional[int] = ..., destroy_reason: _Optional[int] = ...) -> None: ...
