"""A draft becomes a manifest: what it leaves out stays, what it may not say is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kms.ceremony import drafts
from kms.ceremony.drafts import Draft
from kms.ceremony.proposals import gather, read_chain
from kms.errors import ConfigError, Invalid
from kms.policy.engine import default_policy
from kms.policy.golden import default_golden
from kms.statements.budgets import Budget
from kms.statements.chain import check_proposal
from kms.statements.manifest import golden_hash
from kms.storage.config import load
from tests.unit.ceremony.people import NOW, all_sign, chain, draft, enrolment, genesis, key, next_proposal
from tests.unit.policy.certificates import authority


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
    "changes",
    [
        {"name": "Rehearsal of x"},
        {"valid_days": 0},
        {"change_delay_days": -1},
        {"recovery_delay_days": -1},
        {"destruction_delay_days": -1},
    ],
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


def test_a_draft_switches_recovery_on_and_off_and_else_leaves_it() -> None:
    first = drafts.genesis(draft(recovery_delay_days=7), said(1, 2, 3, 4, 5), NOW)
    assert first.recovery_delay == 7 * 86400
    assert drafts.genesis(draft(), said(1, 2, 3, 4, 5), NOW).recovery_delay == 0
    known = chain()
    on = drafts.successor(Draft(recovery_delay_days=7), known, [], NOW + 5)
    assert (on.recovery_delay, drafts.successor(Draft(), known, [], NOW + 5).recovery_delay) == (7 * 86400, 0)


def test_a_draft_sets_how_long_destroying_waits_and_else_leaves_it() -> None:
    first = drafts.genesis(draft(destruction_delay_days=14), said(1, 2, 3, 4, 5), NOW)
    assert first.destruction_delay == 14 * 86400
    known = chain()
    longer = drafts.successor(Draft(destruction_delay_days=30), known, [], NOW + 5)
    assert longer.destruction_delay == 30 * 86400
    assert drafts.successor(Draft(), known, [], NOW + 5).destruction_delay == 0


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


def test_a_provider_is_named_by_its_authorities_file(tmp_path: Path) -> None:
    one = authority("authority one")
    (tmp_path / "ca.pem").write_bytes(one.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "draft.toml").write_text(
        '[[issuers]]\niss = "https://a.example"\ncontrolled_by = "A"\nclasses = ["device"]\n'
        'trust_anchors = ["ca.pem"]\naudience = "records"\nnonce_bound = true\nkey_delay_seconds = 3600\n'
        '[[issuers]]\niss = "urn:service"\ncontrolled_by = "B"\nclasses = ["service"]\nauthorities = ["ca.pem"]\n'
    )
    loaded = load(Draft, tmp_path / "draft.toml")
    made = drafts.genesis(draft(issuers=loaded.issuers), said(1, 2, 3, 4, 5), NOW)
    provider, services = made.issuers
    assert (provider.trust_anchors, provider.audience, provider.nonce_bound) == ((one.der,), "records", True)
    assert (provider.key_delay, provider.max_key_age) == (3600, drafts.MAX_KEY_AGE)
    assert (services.authorities, services.key_delay, services.max_key_age) == ((one.der,), 0, 0)


def test_a_file_of_authorities_that_holds_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    issuer = drafts.IssuerDraft("https://a.example", "A", ("device",), trust_anchors=(tmp_path / "ca.pem",))
    with pytest.raises(ConfigError, match=r"ca\.pem holds no certificates"):
        drafts.genesis(draft(issuers=(issuer,)), said(1, 2, 3, 4, 5), NOW)


def test_a_policy_is_not_proposed_unless_it_passes_its_golden_decisions(tmp_path: Path) -> None:
    golden, broader = tmp_path / "golden.toml", tmp_path / "policy.cedar"
    golden.write_bytes(default_golden())
    broader.write_text(
        default_policy().replace('context.purpose == "treatment"', 'context.purpose != "billing"')
    )
    first = drafts.genesis(draft(golden=golden), said(1, 2, 3, 4, 5), NOW)
    assert first.golden_hash == golden_hash(default_golden())
    with pytest.raises(Invalid) as failed:
        drafts.genesis(draft(golden=golden, policy=broader), said(1, 2, 3, 4, 5), NOW)
    assert failed.value.reason == "GOLDEN_FAILED"


def test_a_changed_policy_wants_its_table_named_anew(tmp_path: Path) -> None:
    golden, broader = tmp_path / "golden.toml", tmp_path / "policy.cedar"
    golden.write_bytes(default_golden())
    broader.write_text(default_policy() + "\n// a word\n")
    known = read_chain(gather(all_sign(genesis(golden_hash=golden_hash(default_golden())), range(1, 6)), NOW))
    renewed = drafts.successor(Draft(), known, [], NOW + 1)
    assert renewed.golden_hash == golden_hash(default_golden())
    with pytest.raises(ConfigError, match="golden is missing"):
        drafts.successor(Draft(policy=broader), known, [], NOW + 1)
    changed = drafts.successor(Draft(policy=broader, golden=golden), known, [], NOW + 1)
    assert changed.policy.endswith("// a word\n")


def test_a_draft_names_budgets_and_one_without_keeps_them() -> None:
    wanted = drafts.BudgetDraft("principal", "hour", 300, "hold")
    known = read_chain(gather(all_sign(genesis(budgets=drafts._budgets((wanted,))), range(1, 6)), NOW))
    (budget,) = known.last.manifest.budgets
    assert budget.in_words(5, 3) == (
        "each who asks: 300 keys an hour at each custodian, more wait for people; "
        "at most 500 are released altogether without them"
    )
    assert drafts.successor(Draft(), known, [], NOW + 1).budgets == (budget,)
    assert drafts.successor(Draft(budgets=()), known, [], NOW + 1).budgets == ()
    with pytest.raises(ConfigError, match=r"budgets\[0\].window: 'week' is none of hour, day, month"):
        drafts.genesis(
            draft(budgets=(drafts.BudgetDraft("owner", "week", 1, "deny"),)), said(1, 2, 3, 4, 5), NOW
        )
    with pytest.raises(Invalid, match="differ in scope or window"):
        drafts.genesis(draft(budgets=(wanted, wanted)), said(1, 2, 3, 4, 5), NOW)


def test_an_emergency_takes_no_budget_away() -> None:
    known = read_chain(gather(all_sign(genesis(6, budgets=(_hourly(),)), range(1, 7)), NOW))
    eviction = drafts.successor(Draft(remove=("Organisation 6",), emergency=True), known, [], NOW + 1)
    with pytest.raises(Invalid, match="changes nothing else"):
        check_proposal(known, replace(eviction, budgets=()))


def _hourly() -> Budget:
    return drafts._budgets((drafts.BudgetDraft("keyring", "hour", 10, "deny"),))[0]
