"""Custodians that lie. Each is the real node with its own keys, and says what it likes.

A liar does the honest thing often enough that others go on with it, and its lies are signed like any word of its own.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

from kms.crypto import derivation
from kms.crypto import resharing as algebra
from kms.crypto.group import Q
from kms.crypto.sealing import blob_hash
from kms.crypto.secret import ShareBytes
from kms.crypto.sharing import decode_share, encode_share
from kms.custodian import repairing, resharing
from kms.custodian.decisions import Decided
from kms.custodian.node import CustodianNode
from kms.errors import KmsError, Unavailable
from kms.statements.ceremony import (
    Complaint,
    Dealing,
    Erased,
    Installed,
    RepairTask,
    encode_plan,
    parse_plan,
    plan_version,
)
from kms.statements.codec import decode
from kms.statements.envelope import Envelope, Signed, sign, unpack
from kms.statements.ids import KeyId, Version
from kms.statements.manifest import SealingKey
from kms.statements.release import Decision, Ruling, Verdict, open_request
from kms.wire.v1 import keyring_pb2


def bent(share: bytes) -> bytes:
    """Another share that looks as good."""
    a, b = decode_share(share)
    return encode_share(a % (Q - 1) + 1, b)


class Liar(CustodianNode):
    """A corrupted custodian. `mood` decides which lie comes next; none if it is None."""

    def __init__(self, mood: random.Random | None, *arguments: Any) -> None:
        self._mood: random.Random | None = None
        super().__init__(*arguments)
        self._mood = mood

    @property
    def lies(self) -> bool:
        return self._mood is not None

    def behave(self) -> None:
        """No more lies."""
        self._mood = None

    def _feels(self, *lies: str) -> str:
        """One of the lies, or none: every other time."""
        if self._mood is None or self._mood.random() < 0.5:
            return ""
        return self._mood.choice(lies)

    # -- resharing ---------------------------------------------------------------------------------------

    def deal(self, order: Envelope, *arguments: Any) -> resharing.Dealt:
        """Sub-shares off their points, to all or to one; a dealing of another secret; none."""
        lie = self._feels(
            "bent", "bent to one", "other secret", "silent", "unreadable", "other blobs", "leave out"
        )
        if lie == "silent":
            raise Unavailable("no answer")
        with mock.patch.object(resharing, "redeal", partial(_misdeal, lie)):
            return self._misdealt(lie, super().deal(order, *arguments))

    def _misdealt(self, lie: str, dealt: resharing.Dealt) -> resharing.Dealt:
        """The same dealing with blobs that nobody can read, or that were not signed for, or not for all."""
        dealing = decode(Dealing, unpack(dealt.dealing)[1])
        last = dealing.targets[-1]
        blobs = {**dealt.blobs, last.index: dealt.blobs[last.index][::-1]}
        if lie == "unreadable":
            last = replace(last, blob_hash=blob_hash(blobs[last.index]))
        elif lie == "leave out":
            return replace(dealt, dealing=self._resigned(replace(dealing, targets=dealing.targets[:-1])))
        elif lie != "other blobs":
            return dealt
        signed = self._resigned(replace(dealing, targets=(*dealing.targets[:-1], last)))
        return replace(dealt, dealing=signed, blobs=blobs)

    def _resigned(self, statement: Any) -> bytes:
        return sign(statement, self.context.identity).envelope

    def sealing_key(self) -> Signed[SealingKey]:
        """Now and then one whose time is over."""
        key = super().sealing_key()
        if not self._feels("over", "", "", ""):
            return key
        return sign(replace(key.statement, not_after=key.statement.not_before + 1), self.context.identity)

    def descriptors(self, key_ids: Sequence[KeyId]) -> list[bytes]:
        """Those of no keys at all."""
        found = super().descriptors(key_ids)
        return found[:1] * len(found) if self._feels("same", "", "") else found

    def install(self, batch: resharing.Batch) -> bytes:
        """Promises without a share on disk; no answer though there is one."""
        lie = self._feels("promise", "silent")
        if lie == "promise":
            return self.vouch(batch.plan)
        word = super().install(batch)
        if lie == "silent":
            raise Unavailable("no answer")
        return word

    def vouch(self, payload: bytes) -> bytes:
        """INSTALLED of any plan, whether or not it ever saw a share of it."""
        plan = parse_plan(payload)
        return self._sign(Installed, plan_version(payload), plan.sequence, plan.count, self.context.now(), 0)

    def find_cheat(
        self, batch: resharing.Batch, dealt_points: Sequence[bytes], old: resharing.OldPlan
    ) -> list[bytes]:
        """Blames whomever it likes."""
        if not self._feels("slander"):
            return super().find_cheat(batch, dealt_points, old)
        plan = parse_plan(batch.plan)
        return [
            self._sign(Complaint, d.index, d.dealing_hash, (0,), "WRONG_SHARE", self.context.now())
            for d in plan.dealings
            if d.index != self.context.me.index
        ]

    def erase(self, plan: bytes, key_ids: Sequence[KeyId], installed: Sequence[Envelope]) -> bytes:
        """Says that it erased, and did not."""
        if self._feels("keep"):
            return self._sign(Erased, plan_version(plan), len(key_ids), self.context.now(), 0)
        return super().erase(plan, key_ids, installed)

    def list_keys(self, order: int, after: int, limit: int) -> tuple[list[tuple[Version, int, KeyId]], int]:
        """Hides keys, or puts them under a version that nobody has."""
        listed, last = super().list_keys(order, after, limit)
        lie = self._feels("hide", "rename")
        if lie == "hide":
            return [], 0
        if lie == "rename":
            return [(Version(bytes(32)), threshold, key) for _, threshold, key in listed], last
        return listed, last

    # -- repair ------------------------------------------------------------------------------------------

    def start_repair(self, version: Version, helpers: tuple[int, ...], key_ids: Sequence[KeyId]) -> bytes:
        """Asks for shares that it has, of any version."""
        context = self.context
        drawn = self._mood.randbytes(16) if self._mood else bytes(16)
        task = RepairTask(
            context.keyring.keyring_id,
            context.keyring.manifest_hash,
            context.me.index,
            drawn,
            version,
            helpers,
            derivation.batch_root(list(key_ids)),
            len(key_ids),
            context.now(),
        )
        return sign(task, context.identity).envelope

    def make_pieces(self, *arguments: Any) -> repairing.MadePieces:
        """Pieces off their points."""
        with mock.patch.object(
            repairing, "split_for_repair", partial(_missplit, self._feels("bent", "other term"))
        ):
            return super().make_pieces(*arguments)

    def sum_pieces(self, *arguments: Any) -> repairing.SummedPieces:
        """Wrong sums, signed; or honest helpers named."""
        if not self._feels("bent"):
            return super().sum_pieces(*arguments)
        with (
            mock.patch.object(repairing, "add_pieces", _misadd),
            mock.patch.object(repairing, "sums_hold", return_value=True),
        ):
            return super().sum_pieces(*arguments)

    # -- release -----------------------------------------------------------------------------------------

    def decide(self, envelope: Envelope, sealed_evidence: bytes) -> Decided:
        """Allows everything to anybody."""
        try:
            decided = super().decide(envelope, sealed_evidence)
        except KmsError:
            decided = Decided(b"", False)
        if not self._feels("allow"):
            if decided.envelope:
                return decided
            raise Unavailable("no answer")
        return Decided(self.allow(envelope), False)

    def allow(self, envelope: Envelope) -> bytes:
        """A decision that allows all keys of a request."""
        context = self.context
        opened = open_request(envelope, context.keyring, context.now())
        positions = tuple(range(len(opened.request.key_ids)))
        ruling = Ruling(Verdict.ALLOW, "", positions, b"")
        decision = Decision(
            context.keyring.keyring_id,
            context.keyring.manifest_hash,
            context.me.index,
            opened.hash,
            (ruling,),
            context.keyring.policy_hash,
            context.now(),
            0,
        )
        return sign(decision, context.identity).envelope

    def _sign(self, kind: Any, *rest: Any) -> bytes:
        context = self.context
        statement = kind(context.keyring.keyring_id, context.keyring.manifest_hash, context.me.index, *rest)
        return sign(statement, context.identity).envelope


def _misdeal(lie: str, share: bytes, threshold: int, indices: Sequence[int]) -> algebra.SubDealing:
    if lie == "other secret":
        return algebra.redeal(bent(share), threshold, indices)
    honest = algebra.redeal(share, threshold, indices)
    victims = {"bent": tuple(indices), "bent to one": tuple(indices)[-1:]}.get(lie, ())
    shares = {i: ShareBytes(bent(s.reveal())) if i in victims else s for i, s in honest.shares.items()}
    return replace(honest, shares=shares)


def _missplit(
    lie: str, share: bytes, helper: int, helpers: Sequence[int], lost: int, threshold: int
) -> algebra.Pieces:
    made = algebra.split_for_repair(
        bent(share) if lie == "other term" else share, helper, helpers, lost, threshold
    )
    if lie != "bent":
        return made
    return replace(made, pieces={i: ShareBytes(bent(p.reveal())) for i, p in made.pieces.items()})


def _misadd(pieces: Sequence[bytes]) -> ShareBytes:
    return ShareBytes(bent(algebra.add_pieces(pieces).reveal()))


def words_of(liars: Mapping[int, CustodianNode], plan: bytes) -> dict[int, Envelope]:
    """INSTALLED of a plan by every liar that is up."""
    return {
        i: keyring_pb2.Envelope.FromString(node.vouch(plan))
        for i, node in liars.items()
        if isinstance(node, Liar)
    }


def bend(
    batch: resharing.Batch, plan: bytes, points: bytes, order: Envelope, rng: random.Random
) -> resharing.Batch:
    """A plan with something else in it (of another plan or order, too); to be refused whatever it is."""
    mine = parse_plan(batch.plan)
    first = rng.choice(list(batch.blobs))
    return rng.choice(
        [
            replace(batch, plan=plan),
            replace(batch, points=points),
            replace(batch, dealings=batch.dealings[::-1]),
            replace(batch, blobs={**batch.blobs, first: bytes(64)}),
            replace(batch, plan=encode_plan(replace(mine, sequence=mine.sequence + 1))),
            replace(batch, plan=encode_plan(replace(mine, threshold=mine.threshold + 1))),
            replace(batch, order=order),
        ]
    )
