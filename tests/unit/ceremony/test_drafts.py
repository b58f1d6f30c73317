"""A draft becomes a manifest: what it leaves out stays, what it may not say is refused."""

from __future__ import annotations

from typing import Any

import pytest

from kms.ceremony import drafts
from kms.ceremony.drafts import Draft
from kms.ceremony.proposals import gather, read_chain
from kms.errors import ConfigError, Invalid
from tests.unit.ceremony.people import NOW, all_sign, chain, draft, enrolment, genesis, key, next_proposal


def said(*numbers: int) -> list[Any]:
    return [enrolment(number).statement for number in numbers]


@pytest.mark.parametrize("name", ["name", "threshold", "admins", "admin_quorum", "issuers"])
def test_a_genesis_needs_all_that_it_cannot_take_from_elsewhere(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name} is missing"):
        drafts.genesis(draft(**{name: None}), said(1, 2, 3, 4, 5), NOW)


@pytest.mark.parametrize("changes", [{"remove": ("x",)}, {"emergency": True}])
def test_a_genesis_removes_nobody(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="next manifest"):
        drafts.genesis(draft(**changes), said(1, 2, 3, 4, 5), NOW)


@pytest.mark.parametrize(
    "changes", [{"name": "Rehearsal of x"}, {"valid_days": 0}, {"change_delay_days": -1}]
)
def test_a_draft_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        draft(**changes)


def test_too_few_custodians_are_refused() -> None:
    with pytest.raises(Invalid, match="threshold"):
        drafts.genesis(draft(), said(1, 2, 3, 4), NOW)


def test_an_unknown_class_is_named() -> None:
    issuers = draft().issuers or ()
    wrong = draft(issuers=(drafts.IssuerDraft("https://x", "x", ("doctor",), issuers[0].keys),))
    with pytest.raises(ConfigError, match="'doctor' is none of device"):
        drafts.genesis(wrong, said(1, 2, 3, 4, 5), NOW)


def test_an_empty_draft_renews_the_manifest() -> None:
    known = chain()
    before, after = known.last.manifest, drafts.successor(Draft(valid_days=100), known, [], NOW + 5)
    assert (after.custodians, after.policy, after.admins) == (before.custodians, before.policy, before.admins)
    assert (after.sequence, after.created_at, after.expires_at) == (1, NOW + 5, NOW + 5 + 100 * 86400)


def test_an_index_is_never_given_to_another() -> None:
    known = chain()
    away = next_proposal(known, draft(remove=("Organisation 5",)), [enrolment(6)])
    known = read_chain(gather(all_sign(away, [1, 2, 3, 4, 6]), NOW))
    swapped = drafts.successor(draft(remove=("Organisation 6",)), known, said(7), NOW + 2)
    assert swapped.indices == (1, 2, 3, 4, 7)
    returned = drafts.successor(draft(remove=("Organisation 6",)), known, said(5), NOW + 2)
    assert returned.indices == (1, 2, 3, 4, 5)


def test_an_organisation_that_enrols_anew_keeps_its_index() -> None:
    moved = enrolment(2, endpoint="new.example:7001").statement
    after = drafts.successor(Draft(), chain(), [moved], NOW)
    assert after.custodians[1].endpoint == "new.example:7001"
    assert after.indices == (1, 2, 3, 4, 5)


def test_removing_nobody_in_particular_is_refused() -> None:
    with pytest.raises(ConfigError, match="no custodian 'Nobody'"):
        drafts.successor(Draft(remove=("Nobody",)), chain(), [], NOW)


def test_a_new_threshold_takes_its_own_quorum() -> None:
    after = drafts.successor(draft(threshold=2), chain(), [], NOW)
    assert (after.threshold, after.durable_quorum) == (2, 3)


def test_an_eviction_is_signed_and_holds_at_once() -> None:
    known = chain(6)
    proposal = next_proposal(known, Draft(remove=("Organisation 6",), emergency=True))
    after = read_chain(gather(all_sign(proposal, [1, 2, 3, 4, 5]), NOW))
    assert after.in_force(NOW + 1).manifest.indices == (1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    "changes", [{"threshold": 2}, {"name": "Other"}, {"admins": (key("x").public,)}, {"valid_days": 1}]
)
def test_an_eviction_changes_nothing_else(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="changes nothing else"):
        drafts.successor(Draft(remove=("Organisation 5",), emergency=True, **changes), chain(), [], NOW)


def test_genesis_gives_indices_in_the_order_of_enrolments() -> None:
    statement = genesis().statement
    manifest = drafts.genesis(draft(), said(5, 4, 3, 2, 1), NOW)
    assert [c.organisation[-1] for c in manifest.custodians] == ["5", "4", "3", "2", "1"]
    assert statement != manifest
