"""A whole keyring in one process: custodians on real SQLite stores, a clock to turn, devices with real client code.

No sockets and no threads. Devices build what they send with the client's own functions, and their answers come
through a coordinator that a test may make misbehave (`tests.protocol.coordinator`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kms.crypto import derivation
from kms.crypto.sealing import SealingPrivateKey
from kms.crypto.secret import Secret
from kms.crypto.signing import SigningKey
from kms.custodian.node import CustodianNode, NodeOptions
from kms.custodian.rolling import Rolling
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.vault import Vault
from kms.dev.founding import CLASSES, NAMES, PLACES, YEAR
from kms.dev.issuer import KID
from kms.dev.tokens import issue_credential
from kms.policy.engine import default_policy, default_schema
from kms.statements import quorums
from kms.statements.approver import ApproverKey
from kms.statements.chain import Chain
from kms.statements.codec import Statement, encode
from kms.statements.consent import Account, AccountQuestion, open_account
from kms.statements.envelope import Envelope, Signed, sign, sign_payload
from kms.statements.evidence import Approval, Grant, GrantAction, Revocation, approval_text_hash
from kms.statements.ids import GrantId, KeyId, RequestHash, Thumbprint
from kms.statements.keys import Deposit, KeySpec
from kms.statements.kills import person_name
from kms.statements.mandates import Guardian, OwnerKey, OwnerKeyRevocation
from kms.statements.manifest import (
    Custodian,
    HolderClass,
    Issuer,
    IssuerKey,
    IssuerKeyType,
    Keyring,
    Manifest,
    SealingKey,
    genesis_keyring_id,
    open_genesis,
    open_sealing_key,
)
from kms.statements.recovery import OwnerBinding, RecoveryRequest
from kms.statements.registry import Approver
from kms.statements.release import RULE_LIFETIME, Purpose, Verdict
from kms.wire.v1 import coordinator_pb2
from kms_client.cache import OpenKey
from kms_client.collecting import Collector
from kms_client.dealing import Dealt, build_deposit, deal_keys
from kms_client.requesting import Prepared, prepare_request
from tests import stores
from tests.protocol.coordinator import Bend, Coordinator, honest

START = 1_800_000_000
"""Unix seconds at which every world begins."""
LAB = {"patient": "p-1", "category": "laboratory"}
BOOKING = {"patient": "p-1", "category": "booking"}


def signing_key(name: str) -> SigningKey:
    """The same key for the same name, in every world."""
    return SigningKey(Secret(hashlib.sha256(f"test key {name}".encode()).digest()))


def storage_root(index: int) -> Secret:
    """The same for the same custodian, in every world."""
    return Secret(hashlib.sha256(f"storage root {index}".encode()).digest())


@dataclass(slots=True)
class Clock:
    """Unix seconds, turned by hand."""

    seconds: int = START

    def __call__(self) -> int:
        return self.seconds

    def turn(self, seconds: int) -> None:
        self.seconds += seconds


@dataclass(frozen=True, slots=True)
class Device:
    """A party with a signing key. `issuers` are the names ("a", "b") of those that vouch for it."""

    name: str
    key: SigningKey
    holder_class: str = "device"
    issuers: tuple[str, ...] = ("a", "b")
    email: str = ""
    organisation: str = ""
    guardian_of: tuple[tuple[str, int], ...] = ()

    @property
    def thumbprint(self) -> Thumbprint:
        return Thumbprint(self.key.thumbprint)


@dataclass(frozen=True, slots=True)
class Sent:
    """A deposit as it travels: signed order, and each custodian's blobs."""

    signed: Signed[Deposit]
    blobs: Sequence[coordinator_pb2.TargetBlob]

    @property
    def envelope(self) -> Envelope:
        return self.signed.message

    def key_ids(self) -> list[KeyId]:
        """The names of its keys, in order."""
        return [KeyId(derivation.key_id(payload)) for payload in self.signed.statement.descriptors]

    def blob(self, index: int) -> coordinator_pb2.TargetBlob:
        return next(blob for blob in self.blobs if blob.index == index)


@dataclass(slots=True)
class World:
    """t of n custodians (3 of 5), two issuers of different owners, one approver a custodian."""

    folder: Path
    clock: Clock
    keyring: Keyring
    identities: dict[int, SigningKey]
    approvers: dict[int, SigningKey]
    issuer_keys: Mapping[str, SigningKey]
    nodes: dict[int, CustodianNode] = field(default_factory=dict)
    people: dict[int, Sequence[Approver]] = field(default_factory=dict)
    """Approvers of a custodian in the configuration's place, where they are not the one with a key."""
    chain: Chain = field(init=False)

    def __post_init__(self) -> None:
        self.chain = Chain((self.keyring,))

    @property
    def members(self) -> dict[int, CustodianNode]:
        """The nodes that are up and in the manifest that this world lives by."""
        return {i: node for i, node in self.nodes.items() if i in self.keyring.manifest.indices}

    def admit(self, index: int) -> None:
        """Give a further organisation its keys."""
        if index not in self.identities:
            self.identities[index] = signing_key(f"custodian {index}")
            self.approvers[index] = signing_key(f"approver {index}")

    @classmethod
    def found(
        cls,
        folder: Path,
        *,
        n: int = 5,
        threshold: int = 3,
        name: str = "test",
        founders: Sequence[SigningKey] = (),
        **changes: object,
    ) -> World:
        """A new keyring with all its nodes up. Another `name` is another keyring, of the same parties.

        `changes` to the manifest's fields; `founders` are the keys of other admins than the one of every world.
        """
        clock = Clock()
        identities, approvers, issuer_keys = parties(n)
        keyring = found_keyring(name, identities, issuer_keys, threshold, clock(), founders, **changes)
        world = cls(folder, clock, keyring, identities, approvers, issuer_keys)
        for index in identities:
            world.start(index)
        return world

    def start(
        self, index: int, keyring: Keyring | None = None, options: NodeOptions | None = None
    ) -> CustodianNode:
        """Start (or start again) one custodian on its store."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"custodian-{index}.db"
        if index in self.nodes:
            self.nodes.pop(index).close()
        place = stores.place(path)
        if place.exists():
            store = SqliteCustodianStore.open(place)
        else:
            store = stores.create(path, self.keyring.keyring_id, index)
        human = self.approvers[index]
        key = ApproverKey.of_key(human.public)
        approver = Approver(f"approver {index}", key, frozenset({f"{iss('a')}|dr-self"}))
        vault = Vault(storage_root(index))
        identity = self.identities[index]
        try:
            rolling = Rolling(self.row_root(index), store, vault, self.clock())
            self.nodes[index] = CustodianNode(
                Chain((keyring,)) if keyring else self.chain,
                identity,
                store,
                vault,
                self.people.get(index, [approver]),
                self.clock,
                options,
                rolling,
            )
        except BaseException:
            store.close()  # a test may look into a store with which a node refused to start
            raise
        return self.nodes[index]

    def row_root(self, index: int) -> Path:
        """The file of a custodian's row root."""
        return self.folder / f"custodian-{index}.db.row.root"

    def close(self) -> None:
        for node in self.nodes.values():
            node.close()

    def forget(self, index: int) -> None:
        """Take a custodian's store away: it starts from nothing."""
        self.nodes.pop(index).close()
        stores.remove(self.folder / f"custodian-{index}.db")

    # -- who acts ----------------------------------------------------------------------------------------

    def device(
        self, name: str, holder_class: str = "device", issuers: tuple[str, ...] = ("a", "b")
    ) -> Device:
        return Device(name, signing_key(name), holder_class, issuers)

    def credentials(self, device: Device, *, lifetime: int = 3600) -> list[str]:
        """Fresh tokens, bound to the device's key."""
        return [
            issue_credential(
                self.issuer_keys[name],
                KID,
                iss(name),
                device.name,
                device.holder_class,
                device.organisation,
                device.key.thumbprint,
                self.keyring.keyring_id.hex(),
                self.clock(),
                lifetime,
                device.email,
                device.guardian_of,
            )
            for name in device.issuers
        ]

    def sealing_keys(self, indices: Iterable[int] = ()) -> dict[int, SealingKey]:
        """Current sealing keys as a client verifies them, of these custodians or of all."""
        chosen = set(indices) or set(self.members)
        return {
            i: open_sealing_key(node.sealing_key().envelope, self.keyring, i, self.clock()).statement
            for i, node in self.nodes.items()
            if i in chosen
        }

    # -- keys --------------------------------------------------------------------------------------------

    def deal(
        self,
        dealer: Device,
        contexts: Sequence[Mapping[str, str]],
        *,
        owner: Device | None = None,
        spec: KeySpec = KeySpec.DATA,
    ) -> Dealt:
        who = (owner or dealer).thumbprint
        return deal_keys(self.keyring, contexts, who, dealer.thumbprint, spec, self.clock())

    def send(self, dealer: Device, dealt: Dealt, *, to: Iterable[int] = ()) -> Sent:
        """Seal and sign a deposit; nobody has it yet."""
        credentials = self.credentials(dealer)
        return Sent(
            *build_deposit(self.keyring, dealt, self.sealing_keys(to), credentials, dealer.key, self.clock())
        )

    def deposit_at(self, index: int, sent: Sent) -> bytes:
        """Hand one custodian its part; the receipt's envelope."""
        blob = sent.blob(index)
        return self.nodes[index].deposit(sent.envelope, blob.sealed, blob.sealed_evidence)

    def create(
        self,
        dealer: Device,
        contexts: Sequence[Mapping[str, str]] = (LAB,),
        *,
        owner: Device | None = None,
        spec: KeySpec = KeySpec.DATA,
        at: Iterable[int] = (),
    ) -> tuple[OpenKey, ...]:
        """New keys, deposited at these custodians or at all."""
        dealt = self.deal(dealer, contexts, owner=owner, spec=spec)
        sent = self.send(dealer, dealt)
        for index in sorted(set(at) or set(self.members)):
            self.deposit_at(index, sent)
        return dealt.keys

    # -- releases ----------------------------------------------------------------------------------------

    def prepare(
        self,
        device: Device,
        keys: Sequence[OpenKey] | Sequence[KeyId],
        *,
        purpose: Purpose = Purpose.PATIENT_ACCESS,
        justification: str = "follow-up",
        grants: Sequence[bytes] = (),
        to: Iterable[int] = (),
        lifetime: int = RULE_LIFETIME,
    ) -> Prepared:
        """A signed request with evidence sealed to these custodians or to all; nobody has it yet."""
        return prepare_request(
            self.keyring,
            [key.key_id if isinstance(key, OpenKey) else key for key in keys],
            purpose,
            justification,
            self.credentials(device),
            grants,
            self.sealing_keys(to),
            device.key,
            self.clock(),
            lifetime,
            omit_descriptors=False,
        )

    def coordinator(self) -> Coordinator:
        return Coordinator(self.keyring, self.members)

    def collect(self, prepared: Prepared, bend: Bend = honest) -> Collector:
        """Send a request through the coordinator, whose answers `bend` may bend; the client's view."""
        return collect(self.keyring, prepared, bend(self.coordinator().release(prepared)))

    def release(
        self,
        device: Device,
        keys: Sequence[OpenKey] | Sequence[KeyId],
        *,
        purpose: Purpose = Purpose.PATIENT_ACCESS,
        grants: Sequence[bytes] = (),
        bend: Bend = honest,
    ) -> Collector:
        return self.collect(self.prepare(device, keys, purpose=purpose, grants=grants), bend)

    def decide_at(self, index: int, prepared: Prepared) -> bytes:
        """Phase one at one custodian; the decision's envelope."""
        node = self.nodes[index]
        return node.decide(prepared.message.request, evidence_for(prepared, index)).envelope

    # -- people ------------------------------------------------------------------------------------------

    def grant(
        self,
        owner: Device,
        grantee: Device,
        *,
        keys: Sequence[OpenKey] = (),
        category: str = "",
        purposes: Sequence[Purpose] = (Purpose.TREATMENT,),
        valid_for: int = 86400,
        max_count: int = 1000,
        sequence: int = 1,
    ) -> Grant:
        """What an owner would sign; `sign(grant, owner.key).envelope` is the grant."""
        return Grant(
            self.keyring.keyring_id,
            self.keyring.manifest_hash,
            GrantId(secrets.token_bytes(16)),
            owner.thumbprint,
            grantee.thumbprint,
            tuple(key.key_id for key in keys),
            category,
            (GrantAction.RELEASE,),
            tuple(purposes),
            self.clock(),
            self.clock() + valid_for,
            max_count,
            sequence,
        )

    def revoke(self, owner: Device, grant: Grant, *, at: Iterable[int] = (), up_to_sequence: int = 0) -> None:
        """Tell these custodians, or all."""
        revocation = Revocation(
            self.keyring.keyring_id,
            self.keyring.manifest_hash,
            owner.thumbprint,
            b"" if up_to_sequence else grant.grant_id,
            up_to_sequence,
            self.clock(),
        )
        envelope = sign(revocation, owner.key).message
        for index in sorted(set(at) or set(self.members)):
            self.nodes[index].revoke(envelope)

    def tell(self, statement: Statement, by: Device, *, at: Iterable[int] = ()) -> None:
        """Sign an owner's statement, and hand it to these custodians, or to all."""
        envelope = sign(statement, by.key).message
        for index in sorted(set(at) or set(self.members)):
            self.nodes[index].submit_consent(envelope)

    def owner_key(self, owner: Device, key: Device, *, valid_for: int = 0, sequence: int = 1) -> OwnerKey:
        """What an owner would sign to let another key act for it; `valid_for` in seconds, 0 without end."""
        return OwnerKey(
            self.keyring.keyring_id,
            self.keyring.manifest_hash,
            owner.thumbprint,
            key.thumbprint,
            self.clock() + valid_for if valid_for else 0,
            sequence,
        )

    def guardian(
        self,
        owner: Device,
        key: Device,
        *,
        categories: Sequence[str] = (),
        purposes: Sequence[Purpose] = (Purpose.PATIENT_ACCESS,),
        may_grant: bool = False,
        valid_for: int = 86400,
        sequence: int = 1,
    ) -> Guardian:
        """What an owner would sign to let a guardian read."""
        return Guardian(
            self.keyring.keyring_id,
            self.keyring.manifest_hash,
            owner.thumbprint,
            key.thumbprint,
            tuple(categories),
            tuple(purposes),
            may_grant,
            self.clock(),
            self.clock() + valid_for,
            sequence,
        )

    def binding(self, owner: Device, *people: tuple[str, str], sequence: int = 1) -> OwnerBinding:
        """What an owner would sign to be recovered by these (issuer's name, subject)."""
        keyring = self.keyring
        subjects = tuple(person_name(keyring.keyring_id, iss(issuer), who) for issuer, who in people)
        return OwnerBinding(keyring.keyring_id, keyring.manifest_hash, owner.thumbprint, subjects, sequence)

    def recovery(self, index: int, owner: Device, key: Device, credentials: Sequence[str]) -> RecoveryRequest:
        """What a new key would sign to count for a lost owner's at custodian `index`."""
        return RecoveryRequest(
            self.keyring.keyring_id,
            self.keyring.manifest_hash,
            index,
            owner.thumbprint,
            key.thumbprint,
            tuple(credentials),
            self.clock(),
        )

    def key_revocation(self, owner: Device, by: Device, key: Device) -> OwnerKeyRevocation:
        """What a key that acts for an owner would sign against another one."""
        return OwnerKeyRevocation(
            self.keyring.keyring_id,
            self.keyring.manifest_hash,
            owner.thumbprint,
            by.thumbprint,
            key.thumbprint,
            self.clock(),
        )

    def account(
        self,
        index: int,
        asker: Device,
        *,
        owner: Device | None = None,
        grants: Sequence[Grant] = (),
        notices_after: int = 0,
    ) -> Account:
        """What custodian `index` says that it holds about an owner."""
        recipient = SealingPrivateKey.generate()
        question = self.question(index, asker, recipient, owner=owner, grants=grants)
        asked = sign(replace(question, notices_after=notices_after), asker.key)
        answered = self.nodes[index].account(asked.message)
        return open_account(answered.envelope, answered.sealed, self.keyring, asked, recipient)

    def question(
        self,
        index: int,
        asker: Device,
        recipient: SealingPrivateKey,
        *,
        owner: Device | None = None,
        grants: Sequence[Grant] = (),
    ) -> AccountQuestion:
        """What an owner would sign to be told what custodian `index` holds about them."""
        return AccountQuestion(
            self.keyring.keyring_id,
            self.keyring.manifest_hash,
            index,
            (owner or asker).thumbprint,
            asker.thumbprint,
            tuple(grant.grant_id for grant in grants),
            recipient.public,
            self.clock(),
        )

    def approval(
        self,
        index: int,
        request: RequestHash,
        *,
        by: SigningKey | None = None,
        verdict: Verdict = Verdict.ALLOW,
        language: str = "en",
    ) -> Approval:
        """What custodian `index`'s approver would sign after reading the text that is shown."""
        shown = self.nodes[index].waiting_view(request)
        human = by or self.approvers[index]
        return Approval(
            self.keyring.keyring_id,
            self.keyring.manifest_hash,
            index,
            request,
            Thumbprint(human.thumbprint),
            verdict,
            shown.facts.purpose,
            shown.facts.count,
            approval_text_hash(shown.text(language)),
            self.clock() + 600,
        )

    def approve(self, index: int, request: RequestHash) -> bytes:
        """Custodian `index`'s approver says yes; the decision's envelope."""
        signed = sign(self.approval(index, request), self.approvers[index])
        return self.nodes[index].answer(signed.message)[1].envelope


def parties(n: int) -> tuple[dict[int, SigningKey], dict[int, SigningKey], dict[str, SigningKey]]:
    """Identities, approvers and issuers' keys of n custodians."""
    return (
        {i: signing_key(f"custodian {i}") for i in range(1, n + 1)},
        {i: signing_key(f"approver {i}") for i in range(1, n + 1)},
        {iss: signing_key(f"issuer {iss}") for iss in CLASSES},
    )


def iss(name: str) -> str:
    return f"https://issuer-{name}.example"


def evidence_for(prepared: Prepared, index: int) -> bytes:
    """The sealed evidence for one custodian."""
    return next(blob.sealed_evidence for blob in prepared.message.blobs if blob.index == index)


def collect(
    keyring: Keyring, prepared: Prepared, events: Iterable[coordinator_pb2.ReleaseEvent]
) -> Collector:
    """What the client makes of these answers."""
    collector = Collector(keyring, prepared.opened, prepared.recipient)
    for event in events:
        collector.add(event)
    return collector


def found_keyring(
    name: str,
    identities: Mapping[int, SigningKey],
    issuer_keys: Mapping[str, SigningKey],
    threshold: int,
    now: int,
    founders: Sequence[SigningKey] = (),
    **changes: object,
) -> Keyring:
    """A genesis manifest, signed by all founders and opened against its own id; `changes` to its fields.

    `founders` are the admins' keys, where they are others than the one of every world.
    """
    manifest = Manifest(
        name=name,
        sequence=0,
        previous_hash=b"",
        keyring_id=b"",
        threshold=threshold,
        durable_quorum=max(quorums.durable(threshold), threshold + 1),
        custodians=tuple(custodian_of(i, identity) for i, identity in identities.items()),
        admins=(signing_key("admin").public,),
        admin_quorum=1,
        issuers=tuple(
            Issuer(
                iss(issuer),
                f"owner-{issuer}",
                tuple(HolderClass[klass.upper()] for klass in CLASSES[issuer]),
                (IssuerKey(KID, IssuerKeyType.ED25519, key.public),),
            )
            for issuer, key in issuer_keys.items()
        ),
        policy=default_policy(),
        policy_schema=default_schema(),
        created_at=now,
        expires_at=now + YEAR,
    )
    manifest = replace(manifest, **changes)  # type: ignore[arg-type]
    payload = encode(manifest)
    admins = founders or (signing_key("admin"),)
    signed = sign_payload(manifest, payload, *admins, *identities.values())
    return open_genesis(signed.envelope, genesis_keyring_id(payload), now)


def custodian_of(index: int, identity: SigningKey) -> Custodian:
    """The organisation of this index, in a place of its own."""
    jurisdiction, hosting = PLACES[(index - 1) % 5]
    round_ = "" if index <= 5 else str(index)
    organisation = f"{NAMES[(index - 1) % 5]} {index}"
    endpoint = f"127.0.0.1:{9000 + index}"
    return Custodian(
        index, organisation, jurisdiction + round_, hosting + round_, organisation, endpoint, identity.public
    )
