"""A destruction certificate: what r custodians' words prove together, and what they do not.

Nobody can be shown that bits are gone. What can be shown is that r named organisations each signed that they erased
their share and never take it again, and how many of them would have to lie for the key still to open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kms.errors import Invalid, Stale
from kms.statements import quorums
from kms.statements.chain import Chain, open_chain
from kms.statements.codec import parse_strict, require
from kms.statements.destroyed import Destroyed, open_destroyed
from kms.statements.destruction import Order, open_destroy_order
from kms.statements.envelope import Signed
from kms.statements.keys import Descriptor, parse_descriptor
from kms.statements.manifest import Keyring
from kms.wire.v1 import destruction_pb2, keyring_pb2

AT_ANY_TIME = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Committee:
    """A manifest under which shares of the keys may have been dealt, and how many of its members gave their word.

    `tolerates`: so many of those may lie, and fewer than its threshold are left; negative: too few gave it.
    """

    sequence: int
    n: int
    t: int
    words: int
    left: tuple[str, ...]
    """Members of then that have left since, and were not asked."""

    @property
    def needed(self) -> int:
        return quorums.erased(self.n, self.t)

    @property
    def tolerates(self) -> int:
        return self.words - self.needed


@dataclass(frozen=True, slots=True)
class DestructionCertificate:
    """A certificate that was verified: every signature in it, against a keyring that was pinned."""

    payload: bytes
    keyring: Keyring
    order: Order
    keys: tuple[Descriptor, ...]
    words: tuple[Signed[Destroyed], ...]
    earlier: tuple[Committee, ...]
    present: Committee

    @property
    def complete(self) -> bool:
        """Whether fewer custodians than open a key are left, if nobody lies.

        Of who left since, and cannot be asked, the certificate only tells; but of those who could be, in every
        committee so many must have signed that too few are left: newcomers without shares make no older one go.
        """
        return all(one.tolerates >= 0 or one.left for one in (self.present, *self.earlier))

    @property
    def readable_until(self) -> int:
        """Unix seconds: what was sealed to these custodians and recorded before opens with their keys until then."""
        ends = [p.not_after for word in self.words for p in word.statement.live_periods]
        return max(ends, default=0)

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "order": self.order.hash.hex(),
            "keyring": self.keyring.keyring_id.hex(),
            "manifest": self.present.sequence,
            "keys": [key.key_id.hex() for key in self.keys],
            "custodians": self.present.n,
            "threshold": self.present.t,
            "words": len(self.words),
            "needed": self.present.needed,
            "complete": self.complete,
            "tolerates_liars": max(0, self.present.tolerates),
            "readable_until": self.readable_until,
            "by": [self._by(word.statement) for word in self.words],
            "earlier": [
                {
                    "manifest": one.sequence,
                    "words": one.words,
                    "needed": one.needed,
                    "left": list(one.left),
                }
                for one in self.earlier
            ],
        }

    def _by(self, said: Destroyed) -> dict[str, Any]:
        return {
            "custodian": said.index,
            "organisation": self.keyring.custodian(said.index).organisation,
            "destroyed_at": said.destroyed_at,
            "at_once": said.at_once,
            "log_index": said.log_index,
            "releases": list(said.releases),
            "live_periods": [{"period": p.period, "not_after": p.not_after} for p in said.live_periods],
        }

    def text(self) -> str:
        """In plain words, for people who were never told what a share is."""
        return "\n".join(_lines(self)) + "\n"


def build_certificate(
    manifests: Sequence[bytes], order: bytes, descriptors: Sequence[bytes], words: Sequence[bytes]
) -> bytes:
    """A certificate's bytes from its parts: envelopes, and exact descriptors in the order's order."""
    return destruction_pb2.DestructionCertificate(
        manifests=[keyring_pb2.Envelope.FromString(m) for m in manifests],
        order=keyring_pb2.Envelope.FromString(order),
        descriptors=descriptors,
        words=[keyring_pb2.Envelope.FromString(word) for word in words],
    ).SerializeToString(deterministic=True)


def open_destruction_certificate(
    payload: bytes, pinned: bytes, known: Chain | None = None
) -> DestructionCertificate:
    """What a certificate proves of the keyring named `pinned`; raises what is wrong with it.

    `known`: a chain that whoever checks has: a certificate under a manifest that is older than its last is refused,
    for its custodians may have left, and their identity keys be anybody's.
    """
    parsed = parse_strict(destruction_pb2.DestructionCertificate, payload, "certificate")
    chain = open_chain([m.SerializeToString(deterministic=True) for m in parsed.manifests], pinned)
    keyring = chain.last
    newest = known.last if known is not None else keyring
    if (
        newest.manifest_hash != keyring.manifest_hash
        and newest.manifest.sequence >= keyring.manifest.sequence
    ):
        raise Stale("the words are from a former manifest: collect them anew", reason="STALE_MANIFEST")
    order = open_destroy_order(parsed.order, chain, keyring, AT_ANY_TIME)
    keys = tuple(parse_descriptor(d, f"descriptors[{n}]") for n, d in enumerate(parsed.descriptors))
    require(
        tuple(key.key_id for key in keys) == order.key_ids, "descriptors", "must be those of the order's keys"
    )
    words: dict[int, Signed[Destroyed]] = {}
    for position, envelope in enumerate(parsed.words):
        signed = open_destroyed(envelope, keyring, order, f"words[{position}]")
        if signed.statement.index in words:
            raise Invalid(f"custodian {signed.statement.index} is counted twice", reason="DUPLICATE_RECEIPT")
        words[signed.statement.index] = signed
    links = _dealt_since(chain, keys)
    return DestructionCertificate(
        payload,
        keyring,
        order,
        keys,
        tuple(words[index] for index in sorted(words)),
        tuple(_committee(link, keyring, words) for link in links),
        _committee(keyring, keyring, words),
    )


def _dealt_since(chain: Chain, keys: Sequence[Descriptor]) -> list[Keyring]:
    """Manifests before the last under which these keys' shares may have been dealt."""
    first = min(chain.of(key.core.manifest_hash).manifest.sequence for key in keys)
    return [link for link in chain.links[:-1] if link.manifest.sequence >= first]


def _committee(link: Keyring, present: Keyring, words: dict[int, Signed[Destroyed]]) -> Committee:
    members = link.manifest.custodians
    return Committee(
        link.manifest.sequence,
        len(members),
        link.threshold,
        sum(member.index in words for member in members),
        tuple(m.organisation for m in members if m.index not in present.manifest.indices),
    )


def _lines(proof: DestructionCertificate) -> list[str]:
    present, keys = proof.present, len(proof.keys)
    them = "one key" if keys == 1 else f"{keys} keys"
    who = "its owner" if proof.order.signer is not None else "the keyring's admins"
    who = "the policy's own schedule" if proof.order.by_rule else who
    lines = [
        f"Certificate of destruction: {them}, by order of {who} ({proof.order.reason.name.lower()})",
        f"  order {proof.order.hash.hex()} of {_when(proof.order.created_at)}",
        "",
        f"{len(proof.words)} of {present.n} custodians signed that they erased their shares and take none again;"
        f" {present.t} shares open a key.",
    ]
    lacking = [one for one in proof.earlier if one.tolerates < 0 and not one.left]
    if lacking:
        one = lacking[0]
        lines.append(
            f"THAT IS NOT ENOUGH: {-one.tolerates} more of the {one.n} custodians of manifest {one.sequence}, who held"
            " the first shares, must sign. Those who did not could still open it."
        )
    elif present.tolerates > 0:
        lines.append(
            f"Even if any {present.tolerates} of those who signed lied, too few shares are left to open it."
        )
    elif present.tolerates == 0:
        lines.append("If none of those who signed lied, too few shares are left to open it.")
    else:
        lines.append(
            f"THAT IS NOT ENOUGH: {-present.tolerates} more must sign. Those who did not could still open it."
        )
    for word in proof.words:
        said = word.statement
        name = proof.keyring.custodian(said.index).organisation
        count = sum(said.releases)
        how = ", after the others" if said.at_once else ""
        opened = (
            "never gave out a share of it" if not count else f"had given out its share {count} times before"
        )
        lines.append(f"  {said.index}  {name}: {_when(said.destroyed_at)}{how}; it {opened}")
    lines += ["", *_limits(proof)]
    return lines


def _limits(proof: DestructionCertificate) -> list[str]:
    lines = ["What this does not show:"]
    if any(sum(word.statement.releases) for word in proof.words):
        lines.append("  - whoever was given the key before may have kept it, or what it opened")
    until = proof.readable_until
    if until:
        lines.append(
            f"  - whoever recorded the shares on their way could open them with custodians' keys until {_when(until)}"
        )
    for one in proof.earlier:
        if one.left:
            names = ", ".join(one.left)
            lines.append(f"  - who left since manifest {one.sequence} was not asked: {names}")
        if one.tolerates < 0:
            lines.append(
                f"  - of the {one.n} custodians of manifest {one.sequence} only {one.words} signed here: that they"
                " erased their older shares is their word of then"
            )
    lines.append(
        "  - copies of disks that were made before, where their owners kept the root that opens them"
    )
    return lines


def _when(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
