"""Admins and organisations with fixed keys, and the proposals that they pass around."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from kms.ceremony import drafts
from kms.ceremony.drafts import Draft, IssuerDraft, IssuerKeyDraft
from kms.ceremony.files import Line
from kms.ceremony.proposals import Proposal, gather, propose, read_chain, sign, with_signatures
from kms.crypto.secret import Secret
from kms.crypto.signing import SigningKey
from kms.statements.chain import Chain
from kms.statements.enrolment import Enrolment
from kms.statements.envelope import Signed
from kms.statements.envelope import sign as sign_statement

NOW: Final = 1_900_000_000


def key(name: str) -> SigningKey:
    """The same key for the same name."""
    return SigningKey(Secret(hashlib.sha256(f"ceremony {name}".encode()).digest()))


ADMINS: Final = tuple(key(f"admin {n}") for n in (1, 2, 3))


def enrolment(number: int, **changes: Any) -> Signed[Enrolment]:
    """What organisation `number` says of itself, signed by its own key."""
    usual = Enrolment(
        f"Organisation {number}",
        f"Country {number}",
        f"Hoster {number}",
        f"Organisation {number}",
        f"c{number}.example:7001",
        key(f"custodian {number}").public,
    )
    return sign_statement(replace(usual, **changes), key(f"custodian {number}"))


def draft(**changes: Any) -> Draft:
    """A draft of 3 of n with three admins, two of whom act together."""
    issuers = tuple(
        IssuerDraft(
            f"https://{owner}.example",
            owner,
            ("device", "professional"),
            (IssuerKeyDraft("1", "ed25519", key(owner).public),),
        )
        for owner in ("chamber", "insurer")
    )
    usual: dict[str, Any] = {
        "name": "Clinics",
        "threshold": 3,
        "admins": tuple(admin.public for admin in ADMINS),
        "admin_quorum": 2,
        "issuers": issuers,
        "change_delay_days": 7,
    }
    return Draft(**(usual | changes))


def genesis(n: int = 5, **changes: Any) -> Proposal:
    """A proposal to found a keyring of n custodians; the changes are the manifest's."""
    enrolments = [enrolment(number) for number in range(1, n + 1)]
    manifest = drafts.genesis(draft(), [signed.statement for signed in enrolments], NOW)
    return propose(None, replace(manifest, **changes), enrolments)


def next_proposal(
    chain: Chain, wanted: Draft, enrolments: Iterable[Signed[Enrolment]] = (), now: int = NOW + 1
) -> Proposal:
    """A proposal for the manifest after the chain's last."""
    new = list(enrolments)
    return propose(chain, drafts.successor(wanted, chain, [s.statement for s in new], now), new)


def all_sign(proposal: Proposal, custodians: Iterable[int], admins: int = 3) -> Proposal:
    """The proposal with these signatures."""
    keys = [*ADMINS[:admins], *(key(f"custodian {number}") for number in custodians)]
    for each in keys:
        proposal = with_signatures(proposal, sign(proposal, each))
    return proposal


def founded(n: int = 5) -> tuple[Line, ...]:
    """The lines of a finished chain with its genesis."""
    return gather(all_sign(genesis(n), range(1, n + 1)), NOW)


def chain(n: int = 5) -> Chain:
    return read_chain(founded(n))
