from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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

class RegistryEntry(_message.Message):
    __slots__ = ("founding", "admission", "removal")
    FOUNDING_FIELD_NUMBER: _ClassVar[int]
    ADMISSION_FIELD_NUMBER: _ClassVar[int]
    REMOVAL_FIELD_NUMBER: _ClassVar[int]
    founding: _keyring_pb2.Envelope
    admission: Admission
    removal: Removal
    def __init__(self, founding: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., admission: _Optional[_Union[Admission, _Mapping]] = ..., removal: _Optional[_Union[Removal, _Mapping]] = ...) -> None: ...
