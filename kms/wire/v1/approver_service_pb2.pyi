from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import approver_pb2 as _approver_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListApproversRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ApproverEntry(_message.Message):
    __slots__ = ("thumbprint", "name", "email", "language", "kind", "added_at", "added_by", "first", "revoked_at")
    THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ADDED_AT_FIELD_NUMBER: _ClassVar[int]
    ADDED_BY_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    thumbprint: bytes
    name: str
    email: str
    language: str
    kind: str
    added_at: int
    added_by: _containers.RepeatedScalarFieldContainer[bytes]
    first: bool
    revoked_at: int
    def __init__(self, thumbprint: _Optional[bytes] = ..., name: _Optional[str] = ..., email: _Optional[str] = ..., language: _Optional[str] = ..., kind: _Optional[str] = ..., added_at: _Optional[int] = ..., added_by: _Optional[_Iterable[bytes]] = ..., first: _Optional[bool] = ..., revoked_at: _Optional[int] = ...) -> None: ...

class InvitationEntry(_message.Message):
    __slots__ = ("terms", "terms_hash", "signers", "needed")
    TERMS_FIELD_NUMBER: _ClassVar[int]
    TERMS_HASH_FIELD_NUMBER: _ClassVar[int]
    SIGNERS_FIELD_NUMBER: _ClassVar[int]
    NEEDED_FIELD_NUMBER: _ClassVar[int]
    terms: _approver_pb2.InvitationTerms
    terms_hash: bytes
    signers: _containers.RepeatedScalarFieldContainer[bytes]
    needed: int
    def __init__(self, terms: _Optional[_Union[_approver_pb2.InvitationTerms, _Mapping]] = ..., terms_hash: _Optional[bytes] = ..., signers: _Optional[_Iterable[bytes]] = ..., needed: _Optional[int] = ...) -> None: ...

class RevocationEntry(_message.Message):
    __slots__ = ("revoked_thumbprint", "signers", "needed", "done")
    REVOKED_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    SIGNERS_FIELD_NUMBER: _ClassVar[int]
    NEEDED_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    revoked_thumbprint: bytes
    signers: _containers.RepeatedScalarFieldContainer[bytes]
    needed: int
    done: bool
    def __init__(self, revoked_thumbprint: _Optional[bytes] = ..., signers: _Optional[_Iterable[bytes]] = ..., needed: _Optional[int] = ..., done: _Optional[bool] = ...) -> None: ...

class ListApproversResponse(_message.Message):
    __slots__ = ("keyring_id", "manifest_hash", "index", "approvers", "invitations", "revocations", "problems", "approvals_needed", "invitations_needed")
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    APPROVERS_FIELD_NUMBER: _ClassVar[int]
    INVITATIONS_FIELD_NUMBER: _ClassVar[int]
    REVOCATIONS_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    APPROVALS_NEEDED_FIELD_NUMBER: _ClassVar[int]
    INVITATIONS_NEEDED_FIELD_NUMBER: _ClassVar[int]
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    approvers: _containers.RepeatedCompositeFieldContainer[ApproverEntry]
    invitations: _containers.RepeatedCompositeFieldContainer[InvitationEntry]
    revocations: _containers.RepeatedCompositeFieldContainer[RevocationEntry]
    problems: _containers.RepeatedScalarFieldContainer[str]
    approvals_needed: int
    invitations_needed: int
    def __init__(self, keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., approvers: _Optional[_Iterable[_Union[ApproverEntry, _Mapping]]] = ..., invitations: _Optional[_Iterable[_Union[InvitationEntry, _Mapping]]] = ..., revocations: _Optional[_Iterable[_Union[RevocationEntry, _Mapping]]] = ..., problems: _Optional[_Iterable[str]] = ..., approvals_needed: _Optional[int] = ..., invitations_needed: _Optional[int] = ...) -> None: ...

class InviteApproverRequest(_message.Message):
    __slots__ = ("invitation",)
    INVITATION_FIELD_NUMBER: _ClassVar[int]
    invitation: _keyring_pb2.Envelope
    def __init__(self, invitation: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class InviteApproverResponse(_message.Message):
    __slots__ = ("invitation",)
    INVITATION_FIELD_NUMBER: _ClassVar[int]
    invitation: InvitationEntry
    def __init__(self, invitation: _Optional[_Union[InvitationEntry, _Mapping]] = ...) -> None: ...

class InviteFirstApproverRequest(_message.Message):
    __slots__ = ("name", "email", "language")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    email: str
    language: str
    def __init__(self, name: _Optional[str] = ..., email: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class InviteFirstApproverResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class ShowInvitationRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class ShowInvitationResponse(_message.Message):
    __slots__ = ("terms", "terms_hash", "organisation", "complete")
    TERMS_FIELD_NUMBER: _ClassVar[int]
    TERMS_HASH_FIELD_NUMBER: _ClassVar[int]
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    terms: _approver_pb2.InvitationTerms
    terms_hash: bytes
    organisation: str
    complete: bool
    def __init__(self, terms: _Optional[_Union[_approver_pb2.InvitationTerms, _Mapping]] = ..., terms_hash: _Optional[bytes] = ..., organisation: _Optional[str] = ..., complete: _Optional[bool] = ...) -> None: ...

class AcceptInvitationRequest(_message.Message):
    __slots__ = ("token", "acceptance")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    ACCEPTANCE_FIELD_NUMBER: _ClassVar[int]
    token: str
    acceptance: _keyring_pb2.Envelope
    def __init__(self, token: _Optional[str] = ..., acceptance: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class AcceptInvitationResponse(_message.Message):
    __slots__ = ("approver",)
    APPROVER_FIELD_NUMBER: _ClassVar[int]
    approver: ApproverEntry
    def __init__(self, approver: _Optional[_Union[ApproverEntry, _Mapping]] = ...) -> None: ...

class WithdrawInvitationRequest(_message.Message):
    __slots__ = ("withdrawal",)
    WITHDRAWAL_FIELD_NUMBER: _ClassVar[int]
    withdrawal: _keyring_pb2.Envelope
    def __init__(self, withdrawal: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class WithdrawInvitationResponse(_message.Message):
    __slots__ = ("terms",)
    TERMS_FIELD_NUMBER: _ClassVar[int]
    terms: _approver_pb2.InvitationTerms
    def __init__(self, terms: _Optional[_Union[_approver_pb2.InvitationTerms, _Mapping]] = ...) -> None: ...

class RevokeApproverRequest(_message.Message):
    __slots__ = ("revocation",)
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    revocation: _keyring_pb2.Envelope
    def __init__(self, revocation: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class RevokeApproverResponse(_message.Message):
    __slots__ = ("revocation",)
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    revocation: RevocationEntry
    def __init__(self, revocation: _Optional[_Union[RevocationEntry, _Mapping]] = ...) -> None: ...

class ListHistoryRequest(_message.Message):
    __slots__ = ("since", "until", "outcomes", "purpose", "principal", "approver", "request_hash", "before", "limit")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    APPROVER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    since: int
    until: int
    outcomes: _containers.RepeatedScalarFieldContainer[str]
    purpose: int
    principal: bytes
    approver: bytes
    request_hash: bytes
    before: int
    limit: int
    def __init__(self, since: _Optional[int] = ..., until: _Optional[int] = ..., outcomes: _Optional[_Iterable[str]] = ..., purpose: _Optional[int] = ..., principal: _Optional[bytes] = ..., approver: _Optional[bytes] = ..., request_hash: _Optional[bytes] = ..., before: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class HistoryCategory(_message.Message):
    __slots__ = ("category", "count")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    category: str
    count: int
    def __init__(self, category: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class HistoryEntry(_message.Message):
    __slots__ = ("number", "at", "request_hash", "outcome", "reason", "allowed", "denied", "pending", "categories", "purpose", "principal", "approver", "seconds")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    DENIED_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    APPROVER_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    number: int
    at: int
    request_hash: bytes
    outcome: str
    reason: str
    allowed: int
    denied: int
    pending: int
    categories: _containers.RepeatedCompositeFieldContainer[HistoryCategory]
    purpose: int
    principal: bytes
    approver: bytes
    seconds: int
    def __init__(self, number: _Optional[int] = ..., at: _Optional[int] = ..., request_hash: _Optional[bytes] = ..., outcome: _Optional[str] = ..., reason: _Optional[str] = ..., allowed: _Optional[int] = ..., denied: _Optional[int] = ..., pending: _Optional[int] = ..., categories: _Optional[_Iterable[_Union[HistoryCategory, _Mapping]]] = ..., purpose: _Optional[int] = ..., principal: _Optional[bytes] = ..., approver: _Optional[bytes] = ..., seconds: _Optional[int] = ...) -> None: ...

class ListHistoryResponse(_message.Message):
    __slots__ = ("rows", "next")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[HistoryEntry]
    next: int
    def __init__(self, rows: _Optional[_Iterable[_Union[HistoryEntry, _Mapping]]] = ..., next: _Optional[int] = ...) -> None: ...
