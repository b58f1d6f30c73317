"""An owner's view: who asked for, who was denied, who read their records, from every custodian's own log, proved.

Each custodian is asked directly and answers with entries of its log, the proof that each stands there under a
checkpoint that it signed, and what the entry means to the owner. All of it can be saved and checked again offline. What
one hides, another may tell of: a release names the decisions that it rests on.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kms.crypto import sealing
from kms.errors import BadSignature, Invalid, KmsError
from kms.statements.audit import LogKind
from kms.statements.chain import Chain, open_chain
from kms.statements.envelope import sign
from kms.statements.history import HistoryQuestion, Told, open_answer, read_history
from kms.statements.ids import Thumbprint
from kms.statements.manifest import Custodian, Keyring
from kms.transport import tls
from kms.transport.client import Channel
from kms.wire.v1 import history_pb2
from kms_client.session import Session

SERVICE: Final = "kms.v1.HistoryService"
MAX_PAGES: Final = 500
"""Answers of one custodian that are read: one that never ends keeps nobody from reading the others'."""
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Silence:
    """Custodian `index` tells nothing of its entry `entry`, on which `teller`'s release for a request rests."""

    index: int
    entry: int
    teller: int
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class History:
    """What custodians tell an owner. `answers` are the exact bytes that prove it, by custodian, in order."""

    chain: Chain
    owner: Thumbprint
    told: tuple[Told, ...]
    """Every event, each proved; oldest first."""
    answers: Mapping[int, Sequence[bytes]] = field(repr=False)
    failures: Mapping[int, str]
    """Why a custodian told nothing, or not all: a reason word."""
    silences: tuple[Silence, ...]

    def to_bytes(self) -> bytes:
        """A file that proves itself: `read` checks it with nothing but the keyring's id."""
        kept = {
            "format": _FORMAT,
            "owner": self.owner.hex(),
            "manifests": [_text(envelope) for envelope in self.chain.envelopes],
            "answers": {str(i): [_text(one) for one in answers] for i, answers in self.answers.items()},
            "failures": {str(i): reason for i, reason in self.failures.items()},
        }
        return json.dumps(kept, indent=1).encode()


async def ask(session: Session, owner: Thumbprint | None = None) -> History:
    """Ask every custodian about an owner's records: this device's, or those of an owner for whom it acts."""
    keyring = await session.directory.keyring()
    chain = await session.directory.chain()
    who = owner or session.thumbprint
    answers: dict[int, list[bytes]] = {}
    failures: dict[int, str] = {}

    async def one(custodian: Custodian) -> None:
        pages = answers.setdefault(custodian.index, [])
        try:
            await _read(session, keyring, custodian, who, pages)
        except KmsError as error:
            failures[custodian.index] = error.reason

    await asyncio.gather(*(one(custodian) for custodian in keyring.manifest.custodians))
    return merged(chain, who, answers, failures)


async def _read(
    session: Session, keyring: Keyring, custodian: Custodian, owner: Thumbprint, pages: list[bytes]
) -> None:
    direct = Channel(custodian.endpoint, tls.client_credentials(session.profile.authorities))
    after = 0
    try:
        for _ in range(MAX_PAGES):
            recipient = sealing.SealingPrivateKey.generate()
            question = sign(
                HistoryQuestion(
                    keyring.keyring_id,
                    keyring.manifest_hash,
                    custodian.index,
                    owner,
                    session.thumbprint,
                    after,
                    recipient.public,
                    int(session.now()),
                ),
                session.profile.device_key,
            )
            answer = await direct.call(
                SERVICE,
                "GetHistory",
                history_pb2.GetHistoryRequest(question=question.message),
                history_pb2.GetHistoryResponse,
                timeout=session.timeout,
            )
            payload = open_answer(answer.answer, answer.sealed, keyring, question, recipient)
            told, _, more = read_history(payload, keyring, custodian.index, owner)
            if told and told[0].entry.index <= after:
                raise Invalid("a custodian tells again what it told", reason="HISTORY_DISORDERED")
            pages.append(payload)
            if not more or not told:
                return
            after = told[-1].entry.index
        raise Invalid("a custodian's history never ends", reason="ENDLESS_HISTORY")
    finally:
        await direct.close()


def read(data: bytes, keyring_id: bytes) -> History:
    """A saved history, every proof in it checked again; Invalid, BadSignature or NotFound if one does not hold."""
    try:
        kept = json.loads(data)
        if kept["format"] != _FORMAT:
            raise Invalid("a saved history of another format", reason="HISTORY_MALFORMED")
        owner = Thumbprint(bytes.fromhex(kept["owner"]))
        manifests = [_bytes(one) for one in kept["manifests"]]
        answers = {int(i): [_bytes(one) for one in many] for i, many in kept["answers"].items()}
        failures = {int(i): str(reason) for i, reason in kept["failures"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Invalid("no saved history", reason="HISTORY_MALFORMED") from None
    return merged(open_chain(manifests, keyring_id), owner, answers, failures)


def merged(
    chain: Chain, owner: Thumbprint, answers: Mapping[int, Sequence[bytes]], failures: Mapping[int, str]
) -> History:
    told: list[Told] = []
    sizes: dict[int, int] = {}
    for index, pages in sorted(answers.items()):
        last = -1
        for page in pages:
            found, sizes[index], _ = _read_page(page, chain, index, owner)
            if found and found[0].entry.index <= last:
                raise Invalid("a history is not in the order of the log", reason="HISTORY_DISORDERED")
            last = found[-1].entry.index if found else last
            told += found
    told.sort(key=lambda one: (one.entry.at, one.index, one.entry.index))
    return History(chain, owner, tuple(told), answers, failures, _silences(told, sizes, failures))


def _read_page(
    page: bytes, chain: Chain, index: int, owner: Thumbprint
) -> tuple[tuple[Told, ...], int, bool]:
    """Under the newest manifest of which the custodian was a member with the key that signed."""
    problem: KmsError = BadSignature("a custodian that no manifest of the keyring names")
    for link in reversed(chain.links):
        if index in link.manifest.indices:
            try:
                return read_history(page, link, index, owner)
            except BadSignature as error:
                problem = error
    raise problem


def _silences(
    told: Sequence[Told], sizes: Mapping[int, int], failures: Mapping[int, str]
) -> tuple[Silence, ...]:
    """Decisions that releases rest on and that who made them does not tell of. Who did not answer is no liar."""
    known = {(one.index, one.entry.index) for one in told}
    found = {
        (basis.index, basis.log_index): Silence(
            basis.index, basis.log_index, one.index, one.entry.subject_hash
        )
        for one in told
        if one.entry.kind is LogKind.RELEASE
        for basis in one.entry.basis
        if (basis.index, basis.log_index) not in known
        and basis.index not in failures
        and basis.log_index < sizes.get(basis.index, 0)
    }
    return tuple(found[place] for place in sorted(found))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None
