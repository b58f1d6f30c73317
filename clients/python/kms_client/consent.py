"""Talking to the custodians themselves: an owner's statements, and what is held about an owner.

The host is not asked to carry any of it: it could say that it did.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message

from kms.crypto import sealing
from kms.errors import KmsError
from kms.statements import quorums
from kms.statements.consent import Account, AccountQuestion, open_account, open_receipt
from kms.statements.envelope import Signed, sign, statement_hash
from kms.statements.ids import GrantId, Thumbprint
from kms.statements.manifest import Custodian, Keyring
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.v1 import consent_pb2, keyring_pb2
from kms_client.session import Session

CONSENT = "kms.v1.ConsentService"
WATCH_SECONDS = 3600.0
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a statement: signed receipts by custodian, and why others gave none."""

    receipts: Mapping[int, bytes]
    failures: Mapping[int, str] = field(default_factory=dict)
    needed: int = 0
    """erased(n, t) = n-t+1 custodians: fewer than t are left who could act as if nothing had been said."""

    @property
    def custodians(self) -> list[int]:
        """Those that acknowledged."""
        return sorted(self.receipts)

    @property
    def effective(self) -> bool:
        """Whether no quorum is left that does not live by it."""
        return len(self.receipts) >= self.needed

    def facts(self) -> dict[str, object]:
        """For JSON."""
        return {
            "acknowledged": self.custodians,
            "needed": self.needed,
            "effective": self.effective,
            "failures": {str(index): reason for index, reason in sorted(self.failures.items())},
        }


async def tell(session: Session, envelope: bytes, known: Mapping[int, bytes] | None = None) -> Told:
    """Hand a signed statement to every custodian that gave no receipt in `known`, each directly.

    Only a receipt that the custodian signed counts, and one in `known` counts only if it still holds.
    """
    return await tell_each(session, lambda index: envelope, known)


async def tell_each(
    session: Session, envelope_for: Callable[[int], bytes], known: Mapping[int, bytes] | None = None
) -> Told:
    """As `tell`, with a statement of its own for each custodian, by its index."""
    keyring = await session.directory.keyring()
    messages = {i: keyring_pb2.Envelope.FromString(envelope_for(i)) for i in keyring.manifest.indices}
    digests = {i: statement_hash(m.payload_type, m.payload) for i, m in messages.items()}
    receipts: dict[int, bytes] = {}
    failures: dict[int, str] = {}
    for index, receipt in (known or {}).items():
        if index in digests and _holds(receipt, keyring, index, digests[index]):
            receipts[index] = receipt

    async def one(custodian: Custodian) -> None:
        try:
            answer = await _call(
                session,
                custodian,
                "SubmitConsent",
                consent_pb2.SubmitConsentRequest(statement=messages[custodian.index]),
                consent_pb2.SubmitConsentResponse,
            )
            signed = open_receipt(answer.receipt, keyring, custodian.index, digests[custodian.index])
            receipts[custodian.index] = signed.envelope
        except KmsError as error:
            failures[custodian.index] = error.reason

    left = [c for c in keyring.manifest.custodians if c.index not in receipts]
    await asyncio.gather(*(one(custodian) for custodian in left))
    return Told(receipts, failures, quorums.erased(len(keyring.manifest.custodians), keyring.threshold))


async def ask(
    session: Session,
    grant_ids: Sequence[bytes] = (),
    owner: Thumbprint | None = None,
    notices_after: Mapping[int, int] | None = None,
) -> tuple[dict[int, Account], dict[int, str]]:
    """What each custodian holds about an owner (this device by default), and why others did not say."""
    keyring = await session.directory.keyring()
    accounts: dict[int, Account] = {}
    failures: dict[int, str] = {}

    async def one(custodian: Custodian) -> None:
        recipient = sealing.SealingPrivateKey.generate()
        after = (notices_after or {}).get(custodian.index, 0)
        question = _question(
            session, keyring, custodian.index, owner or session.thumbprint, grant_ids, recipient, after
        )
        try:
            answer = await _call(
                session,
                custodian,
                "GetAccount",
                consent_pb2.GetAccountRequest(question=question.message),
                consent_pb2.GetAccountResponse,
            )
            accounts[custodian.index] = open_account(
                answer.answer, answer.sealed, keyring, question, recipient
            )
        except KmsError as error:
            failures[custodian.index] = error.reason

    await asyncio.gather(*(one(custodian) for custodian in keyring.manifest.custodians))
    return accounts, failures


async def watch(
    session: Session, custodian: Custodian, owner: Thumbprint, notices_after: int
) -> AsyncIterator[Account]:
    """What one custodian holds about an owner, and again whenever there are new notices. Ends with the connection."""
    keyring = await session.directory.keyring()
    recipient = sealing.SealingPrivateKey.generate()
    question = _question(session, keyring, custodian.index, owner, (), recipient, notices_after)
    direct = Channel(custodian.endpoint, tls.client_credentials(session.profile.authorities))
    try:
        request = consent_pb2.WatchAccountRequest(question=question.message)
        async for answer in direct.stream(
            CONSENT, "WatchAccount", request, consent_pb2.WatchAccountResponse, timeout=WATCH_SECONDS
        ):
            yield open_account(answer.answer, answer.sealed, keyring, question, recipient)
    finally:
        await direct.close()


def _question(
    session: Session,
    keyring: Keyring,
    index: int,
    owner: Thumbprint,
    grant_ids: Sequence[bytes],
    recipient: sealing.SealingPrivateKey,
    notices_after: int,
) -> Signed[AccountQuestion]:
    return sign(
        AccountQuestion(
            keyring.keyring_id,
            keyring.manifest_hash,
            index,
            owner,
            session.thumbprint,
            tuple(map(GrantId, grant_ids)),
            recipient.public,
            int(session.now()),
            notices_after,
        ),
        session.profile.device_key,
    )


async def _call(
    session: Session, custodian: Custodian, method: str, request: Message, response: type[M]
) -> M:
    direct = Channel(custodian.endpoint, tls.client_credentials(session.profile.authorities))
    try:
        return await direct.call(CONSENT, method, request, response, timeout=session.timeout)
    finally:
        await direct.close()


def _holds(receipt: bytes, keyring: Keyring, index: int, digest: bytes) -> bool:
    try:
        open_receipt(receipt, keyring, index, digest)
        return True
    except KmsError:
        return False
