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

class EvidenceKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVIDENCE_KIND_UNSPECIFIED: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_ISSUERS: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_OWNER: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_GRANT: _ClassVar[EvidenceKind]
    EVIDENCE_KIND_REASON: _ClassVar[EvidenceKind]
EVIDENCE_KIND_UNSPECIFIED: EvidenceKind
EVIDENCE_KIND_ISSUERS: EvidenceKind
EVIDENCE_KIND_OWNER: EvidenceKind
EVIDENCE_KIND_GRANT: EvidenceKind
EVIDENCE_KIND_REASON: EvidenceKind

class PasskeyEnvelope(_message.Message):
    __slots__ = ("payload_type", "payload", "credential_id", "authenticator_data", "client_data_json", "signature")
    PAYLOAD_TYPE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATOR_DATA_FIELD_NUMBER: _ClassVar[int]
    CLIENT_DATA_JSON_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    payload_type: str
    payload: bytes
    credential_id: bytes
    authenticator_data: bytes
    client_data_json: bytes
    signature: bytes
    def __init__(self, payload_type: _Optional[str] = ..., payload: _Optional[bytes] = ..., credential_id: _Optional[bytes] = ..., authenticator_data: _Optional[bytes] = ..., client_data_json: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class PasskeyRegistration(_message.Message):
    __slots__ = ("attestation_object", "client_data_json")
    ATTESTATION_OBJECT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_DATA_JSON_FIELD_NUMBER: _ClassVar[int]
    attestation_object: bytes
    client_data_json: bytes
    def __init__(self, attestation_object: _Optional[bytes] = ..., client_data_json: _Optional[bytes] = ...) -> None: ...

class ApproverWord(_message.Message):
    __slots__ = ("key", "passkey")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PASSKEY_FIELD_NUMBER: _ClassVar[int]
    key: _keyring_pb2.Envelope
    passkey: PasskeyEnvelope
    def __init__(self, key: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., passkey: _Optional[_Union[PasskeyEnvelope, _Mapping]] = ...) -> None: ...

class InvitationTerms(_message.Message):
    __slots__ = ("name", "email", "language", "subjects", "token_hash", "not_after")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_HASH_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    email: str
    language: str
    subjects: _containers.RepeatedScalarFieldContainer[str]
    token_hash: bytes
    not_after: int
    def __init__(self, name: _Optional[str] = ..., email: _Optional[str] = ..., language: _Optional[str] = ..., subjects: _Optional[_Iterable[str]] = ..., token_hash: _Optional[bytes] = ..., not_after: _Optional[int] = ...) -> None: ...

class Invitation(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "approver_thumbprint", "terms", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    APPROVER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    approver_thumbprint: bytes
    terms: InvitationTerms
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., approver_thumbprint: _Optional[bytes] = ..., terms: _Optional[_Union[InvitationTerms, _Mapping]] = ..., created_at: _Optional[int] = ...) -> None: ...

class Acceptance(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "approver_thumbprint", "terms_hash", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    APPROVER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    TERMS_HASH_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    approver_thumbprint: bytes
    terms_hash: bytes
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., approver_thumbprint: _Optional[bytes] = ..., terms_hash: _Optional[bytes] = ..., created_at: _Optional[int] = ...) -> None: ...

class ApproverRevocation(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "approver_thumbprint", "revoked_thumbprint", "reason", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    APPROVER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    approver_thumbprint: bytes
    revoked_thumbprint: bytes
    reason: str
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., approver_thumbprint: _Optional[bytes] = ..., revoked_thumbprint: _Optional[bytes] = ..., reason: _Optional[str] = ..., created_at: _Optional[int] = ...) -> None: ...

class InvitationWithdrawal(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "approver_thumbprint", "terms_hash", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    APPROVER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    TERMS_HASH_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    approver_thumbprint: bytes
    terms_hash: bytes
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., approver_thumbprint: _Optional[bytes] = ..., terms_hash: _Optional[bytes] = ..., created_at: _Optional[int] = ...) -> None: ...

class FoundingApprover(_message.Message):
    __slots__ = ("name", "email", "language", "subjects", "public_key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    email: str
    language: str
    subjects: _containers.RepeatedScalarFieldContainer[str]
    public_key: bytes
    def __init__(self, name: _Optional[str] = ..., email: _Optional[str] = ..., language: _Optional[str] = ..., subjects: _Optional[_Iterable[str]] = ..., public_key: _Optional[bytes] = ...) -> None: ...

class Founding(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "approvers", "invited", "approvals_needed", "invitations_needed", "founded_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    APPROVERS_FIELD_NUMBER: _ClassVar[int]
    INVITED_FIELD_NUMBER: _ClassVar[int]
    APPROVALS_NEEDED_FIELD_NUMBER: _ClassVar[int]
    INVITATIONS_NEEDED_FIELD_NUMBER: _ClassVar[int]
    FOUNDED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    approvers: _containers.RepeatedCompositeFieldContainer[FoundingApprover]
    invited: _containers.RepeatedCompositeFieldContainer[InvitationTerms]
    approvals_needed: int
    invitations_needed: int
    founded_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., approvers: _Optional[_Iterable[_Union[FoundingApprover, _Mapping]]] = ..., invited: _Optional[_Iterable[_Union[InvitationTerms, _Mapping]]] = ..., approvals_needed: _Optional[int] = ..., invitations_needed: _Optional[int] = ..., founded_at: _Optional[int] = ...) -> None: ...

class Admission(_message.Message):
    __slots__ = ("terms", "invitations", "token", "acceptance", "registration", "at")
    TERMS_FIELD_NUMBER: _ClassVar[int]
    INVITATIONS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    ACCEPTANCE_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    terms: InvitationTerms
    invitations: _containers.RepeatedCompositeFieldContainer[ApproverWord]
    token: bytes
    acceptance: _keyring_pb2.Envelope
    registration: PasskeyRegistration
    at: int
    def __init__(self, terms: _Optional[_Union[InvitationTerms, _Mapping]] = ..., invitations: _Optional[_Iterable[_Union[ApproverWord, _Mapping]]] = ..., token: _Optional[bytes] = ..., acceptance: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., registration: _Optional[_Union[PasskeyRegistration, _Mapping]] = ..., at: _Optional[int] = ...) -> None: ...

class Removal(_message.Message):
    __slots__ = ("revoked_thumbprint", "revocations", "at")
    REVOKED_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    REVOCATIONS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    revoked_thumbprint: bytes
    revocations: _containers.RepeatedCompositeFieldContainer[ApproverWord]
    at: int
    def __init__(self, revoked_thumbprint: _Optional[bytes] = ..., revocations: _Optional[_Iterable[_Union[ApproverWord, _Mapping]]] = ..., at: _Optional[int] = ...) -> None: ...

class Withdrawal(_message.Message):
    __slots__ = ("terms", "withdrawal", "at")
    TERMS_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWAL_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    terms: InvitationTerms
    withdrawal: ApproverWord
    at: int
    def __init__(self, terms: _Optional[_Union[InvitationTerms, _Mapping]] = ..., withdrawal: _Optional[_Union[ApproverWord, _Mapping]] = ..., at: _Optional[int] = ...) -> None: ...

class RegistryEntry(_message.Message):
    __slots__ = ("founding", "admission", "removal", "withdrawal")
    FOUNDING_FIELD_NUMBER: _ClassVar[int]
    ADMISSION_FIELD_NUMBER: _ClassVar[int]
    REMOVAL_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWAL_FIELD_NUMBER: _ClassVar[int]
    founding: _keyring_pb2.Envelope
    admission: Admission
    removal: Removal
    withdrawal: Withdrawal
    def __init__(self, founding: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., admission: _Optional[_Union[Admission, _Mapping]] = ..., removal: _Optional[_Union[Removal, _Mapping]] = ..., withdrawal: _Optional[_Union[Withdrawal, _Mapping]] = ...) -> None: ...

class WaitingKind(_message.Message):
    __slots__ = ("category", "count", "clinical")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CLINICAL_FIELD_NUMBER: _ClassVar[int]
    category: str
    count: int
    clinical: bool
    def __init__(self, category: _Optional[str] = ..., count: _Optional[int] = ..., clinical: _Optional[bool] = ...) -> None: ...

class WaitingAsker(_message.Message):
    __slots__ = ("subject", "holder_class", "issuer", "controlled_by", "organisation", "email")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    HOLDER_CLASS_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    CONTROLLED_BY_FIELD_NUMBER: _ClassVar[int]
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    subject: str
    holder_class: str
    issuer: str
    controlled_by: str
    organisation: str
    email: str
    def __init__(self, subject: _Optional[str] = ..., holder_class: _Optional[str] = ..., issuer: _Optional[str] = ..., controlled_by: _Optional[str] = ..., organisation: _Optional[str] = ..., email: _Optional[str] = ...) -> None: ...

class WaitingEvidence(_message.Message):
    __slots__ = ("kind", "have", "of")
    KIND_FIELD_NUMBER: _ClassVar[int]
    HAVE_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    kind: EvidenceKind
    have: int
    of: int
    def __init__(self, kind: _Optional[_Union[EvidenceKind, str]] = ..., have: _Optional[int] = ..., of: _Optional[int] = ...) -> None: ...

class WaitingExpected(_message.Message):
    __slots__ = ("verdict", "reason", "count")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    verdict: _release_pb2.Verdict
    reason: str
    count: int
    def __init__(self, verdict: _Optional[_Union[_release_pb2.Verdict, str]] = ..., reason: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class WaitingHeld(_message.Message):
    __slots__ = ("budget", "keys")
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    budget: _keyring_pb2.Budget
    keys: int
    def __init__(self, budget: _Optional[_Union[_keyring_pb2.Budget, _Mapping]] = ..., keys: _Optional[int] = ...) -> None: ...

class WaitingFacts(_message.Message):
    __slots__ = ("request_hash", "keyring_name", "index", "organisation", "purpose", "count", "kinds", "askers", "evidence", "refused_grants", "justification", "expected", "asked_at", "expires_at", "held")
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    KEYRING_NAME_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    ASKERS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    REFUSED_GRANTS_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    ASKED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    request_hash: bytes
    keyring_name: str
    index: int
    organisation: str
    purpose: _release_pb2.Purpose
    count: int
    kinds: _containers.RepeatedCompositeFieldContainer[WaitingKind]
    askers: _containers.RepeatedCompositeFieldContainer[WaitingAsker]
    evidence: _containers.RepeatedCompositeFieldContainer[WaitingEvidence]
    refused_grants: _containers.RepeatedScalarFieldContainer[str]
    justification: str
    expected: _containers.RepeatedCompositeFieldContainer[WaitingExpected]
    asked_at: int
    expires_at: int
    held: _containers.RepeatedCompositeFieldContainer[WaitingHeld]
    def __init__(self, request_hash: _Optional[bytes] = ..., keyring_name: _Optional[str] = ..., index: _Optional[int] = ..., organisation: _Optional[str] = ..., purpose: _Optional[_Union[_release_pb2.Purpose, str]] = ..., count: _Optional[int] = ..., kinds: _Optional[_Iterable[_Union[WaitingKind, _Mapping]]] = ..., askers: _Optional[_Iterable[_Union[WaitingAsker, _Mapping]]] = ..., evidence: _Optional[_Iterable[_Union[WaitingEvidence, _Mapping]]] = ..., refused_grants: _Optional[_Iterable[str]] = ..., justification: _Optional[str] = ..., expected: _Optional[_Iterable[_Union[WaitingExpected, _Mapping]]] = ..., asked_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., held: _Optional[_Iterable[_Union[WaitingHeld, _Mapping]]] = ...) -> None: ...
