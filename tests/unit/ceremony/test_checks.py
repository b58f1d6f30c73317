"""What must not be signed is refused: for everybody, for an admin, for a custodian."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kms.ceremony import drafts
from kms.ceremony.checks import Standing, objections, refuse_for_admin, refuse_for_custodian, refuse_unfit
from kms.ceremony.proposals import Proposal, gather, propose, read_chain
from kms.errors import KmsError
from kms.statements.ids import ManifestHash
from kms.statements.manifest import HolderClass, Manifest, Seen
from tests.unit.ceremony.people import (
    ADMINS,
    NOW,
    all_sign,
    chain,
    draft,
    enrolment,
    genesis,
    key,
    next_proposal,
)

ME = key("custodian 1").public
UNSAFE = '@id("open") permit (principal, action == Action::"release", resource) when { context.granted };'


def refused(proposal: Proposal, identity: bytes = ME, *, now: int = NOW, **standing: Any) -> str:
    """The reason why this custodian may not accept; empty if it may."""
    try:
        refuse_for_custodian(proposal, Standing(identity, **standing), now)
    except KmsError as error:
        return error.reason
    return ""


def against(proposal: Proposal, now: int = NOW) -> list[str]:
    return [problem.path for problem in objections(proposal, now)]


def manifest_of(proposal: Proposal) -> Manifest:
    assert isinstance(proposal.statement, Manifest)
    return proposal.statement


def changed(number: int, **changes: Any) -> Proposal:
    """A genesis in which the entry of custodian `number` is another than it enrolled."""
    proposal = genesis()
    custodians = tuple(
        replace(c, **changes) if c.index == number else c for c in manifest_of(proposal).custodians
    )
    return propose(None, replace(manifest_of(proposal), custodians=custodians), proposal.enrolments)


def test_a_sound_genesis_may_be_signed_by_all() -> None:
    proposal = genesis()
    assert against(proposal) == []
    assert refused(proposal) == ""
    refuse_for_admin(proposal, ADMINS[0].public, NOW)


def test_an_unsafe_policy_is_refused_with_every_finding() -> None:
    proposal = genesis(policy=UNSAFE)
    assert "policy[open]" in against(proposal)
    assert refused(proposal) == "UNFIT"
    with pytest.raises(KmsError) as error:
        refuse_for_admin(proposal, ADMINS[0].public, NOW)
    assert error.value.fields


def test_issuers_under_one_owner_do_not_pass_for_two() -> None:
    issuers = tuple(replace(issuer, controlled_by="one") for issuer in manifest_of(genesis()).issuers)
    both = tuple(replace(issuer, classes=tuple(HolderClass)) for issuer in issuers)
    spelled = (both[0], replace(both[1], controlled_by="One "))
    assert refused(genesis(issuers=spelled)) == "UNFIT"


@pytest.mark.parametrize(
    ("changes", "now", "path"),
    [
        ({"created_at": NOW + 301}, NOW, "created_at"),
        ({}, NOW + 366 * 86400, "expires_at"),
        ({"sequence": 1}, NOW, "sequence"),
        ({"emergency": True}, NOW, "sequence"),
        ({"keyring_id": bytes(32)}, NOW, "sequence"),
    ],
)
def test_a_genesis_out_of_time_or_place_is_refused(changes: dict[str, Any], now: int, path: str) -> None:
    assert against(genesis(**changes), now) == [path]


def test_a_change_whose_notice_would_be_over_before_all_have_signed_is_refused() -> None:
    known = chain()
    proposal = next_proposal(known, draft(threshold=3, change_delay_days=1), now=NOW)
    week = known.last.manifest.change_delay
    assert against(proposal, NOW + week - 1) == []
    assert against(proposal, NOW + week) == ["created_at"]
    assert refused(proposal, now=NOW + week) == "UNFIT"
    # One that all have signed in time is not spoken against later, and an eviction has no notice.
    assert against(all_sign(proposal, range(1, 6)), NOW + week) == []
    larger = chain(6)
    evicts = next_proposal(larger, drafts.Draft(remove=("Organisation 6",), emergency=True), now=NOW)
    assert against(evicts, NOW + week) == []
    # Nor has a change where none is wanted.
    quick = read_chain(gather(all_sign(genesis(change_delay=0), range(1, 6)), NOW))
    assert against(next_proposal(quick, draft(), now=NOW), NOW + week) == []


@pytest.mark.parametrize("what", ["jurisdiction", "hosting", "parent", "endpoint", "organisation"])
def test_an_entry_says_what_the_organisation_said_of_itself(what: str) -> None:
    assert against(changed(2, **{what: "elsewhere:1"})) == ["custodians[2]"]


def test_a_custodian_without_an_enrolment_is_refused() -> None:
    proposal = genesis()
    assert against(replace(proposal, enrolments=proposal.enrolments[1:])) == ["custodians[1]"]


def test_a_custodian_accepts_only_what_names_its_key() -> None:
    assert refused(genesis(), key("custodian 9").public) == "NOT_YOURS"


def test_a_custodians_organisation_with_anothers_key_is_refused_as_such() -> None:
    # Its own enrolment is in the file, and somebody's who took its name.
    thief = enrolment(1, identity_key=key("custodian 8").public)
    forged = replace(
        changed(1, identity_key=key("custodian 8").public),
        enrolments=(
            *genesis().enrolments,
            replace(thief, statement=replace(thief.statement, identity_key=key("custodian 8").public)),
        ),
    )
    assert refused(forged) == "NOT_YOUR_KEY"


def test_a_custodian_signs_no_order_and_no_rehearsal() -> None:
    known = chain()
    assert refused(propose(known, drafts.order(known, 1, "x", NOW))) == "NOT_A_MANIFEST"
    assert refused(genesis(name="REHEARSAL: Clinics")) == "REHEARSAL"
    with pytest.raises(KmsError) as error:
        refuse_for_admin(genesis(name="REHEARSAL: Clinics"), None, NOW)
    assert error.value.reason == "REHEARSAL"


def test_an_admins_key_must_be_one_of_the_admins() -> None:
    with pytest.raises(KmsError) as error:
        refuse_for_admin(genesis(), ME, NOW)
    assert error.value.reason == "NOT_AN_ADMIN"


def test_a_custodian_that_has_joined_accepts_for_its_own_keyring_only() -> None:
    known = chain()
    proposal = next_proposal(known, draft(threshold=3, change_delay_days=9))
    assert refused(proposal, joined=True, pinned=known.keyring_id, known=known.envelopes[0]) == ""
    assert refused(proposal, joined=True, pinned=bytes(32)) == "WRONG_KEYRING"
    assert refused(genesis(name="Second"), joined=True, pinned=known.keyring_id) == "WRONG_KEYRING"


def test_a_proposal_beside_the_manifest_that_is_known_is_refused() -> None:
    other = genesis(name="Another")
    envelope = chain().envelopes[0]
    assert refused(other, known=envelope) == "MANIFEST_ROLLBACK"


def test_what_the_node_has_seen_is_neither_rolled_back_nor_forked() -> None:
    known = chain()
    proposal = next_proposal(known, draft())
    assert refused(proposal, seen=known.seen, now=NOW + 1) == ""
    later = Seen(1, known.last.manifest_hash)
    assert refused(proposal, seen=later, now=NOW + 1) == "MANIFEST_ROLLBACK"
    other = Seen(0, ManifestHash(bytes(32)))
    assert refused(proposal, seen=other, now=NOW + 1) == "FORK"
    assert refused(genesis(), seen=known.seen) == "MANIFEST_ROLLBACK"


@pytest.mark.parametrize(
    "changes",
    [
        {"sequence": 2},
        {"previous_hash": bytes(32)},
        {"keyring_id": bytes(32)},
        {"created_at": NOW - 1},
        {"emergency": True},
    ],
)
def test_what_may_not_follow_is_refused(changes: dict[str, Any]) -> None:
    known = chain()
    proposal = next_proposal(known, draft())
    assert refused(propose(known, replace(manifest_of(proposal), **changes)), now=NOW + 1) == "UNFIT"


def test_a_custodian_that_is_taken_out_may_agree_to_it() -> None:
    known = chain(6)
    proposal = next_proposal(known, draft(remove=("Organisation 1",)))
    assert refused(proposal, now=NOW + 1) == ""


def test_a_successor_may_not_change_an_entry_without_the_organisations_word() -> None:
    known = chain()
    proposal = next_proposal(known, draft())
    moved = tuple(replace(c, endpoint="evil.example:1") for c in manifest_of(proposal).custodians)
    forged = propose(known, replace(manifest_of(proposal), custodians=moved))
    assert against(forged, NOW + 1) == [f"custodians[{n}]" for n in range(1, 6)]
    again = [enrolment(n, endpoint="evil.example:1") for n in range(1, 6)]
    assert against(replace(forged, enrolments=tuple(again)), NOW + 1) == []


def test_an_order_must_stand_under_the_manifest_in_force() -> None:
    known = chain()
    order = drafts.order(known, 1, "x", NOW)
    assert against(propose(known, order)) == []
    assert against(propose(known, replace(order, manifest_hash=ManifestHash(bytes(32))))) == ["order"]
    assert against(propose(known, order), NOW + 366 * 86400) == ["order"]
    assert against(propose(None, order)) == ["order"]
    with pytest.raises(KmsError):
        refuse_unfit(propose(known, replace(order, created_at=NOW + 999)), NOW)
