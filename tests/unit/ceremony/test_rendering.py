"""Everybody is shown the same, and nothing that others wrote can hide in it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from kms.ceremony import drafts, enrolments
from kms.ceremony.changes import changes
from kms.ceremony.offline import messages
from kms.ceremony.offline.reader import read
from kms.ceremony.proposals import lines_of, propose, read_proposal
from kms.ceremony.rehearsal import rehearse
from kms.ceremony.rendering import REHEARSAL_WARNING, facts, render, when
from kms.ceremony.words import words
from kms.policy.engine import default_policy
from kms.policy.rule_words import rules_in_words
from kms.statements.budgets import Budget, BudgetExcess, BudgetScope, BudgetWindow
from kms.statements.manifest import HolderClass, Issuer, Manifest
from tests.protocol.retaining import policy as lengths
from tests.unit.ceremony.people import NOW, chain, draft, enrolment, genesis, next_proposal
from tests.unit.policy.certificates import authority


def test_a_genesis_shows_who_where_and_how_many() -> None:
    text = render(genesis(7), NOW)
    for part in (
        "where 3 of 7 custodians agree",
        "4. Organisation 4, in Country 4, hosted by Hoster 4, owned by Organisation 4",
        "c4.example:7001",
        "Admins: 2 of 3 act together",
        "reading goes on while 3 of 7 custodians answer: 4 may be lost",
        "2 custodians together open nothing; 3 together can open every record",
        "5 custodians together can stop all reading",
        "https://chamber.example, controlled by chamber, for: device, professional",
        "changes    hold 7 days",
        words(genesis(7).digest),
    ):
        assert part in text


def test_a_provider_shows_who_is_believed_about_its_keys_and_for_how_long() -> None:
    one, two = authority("authority one"), authority("authority two")
    provider = Issuer(
        "https://login.example",
        "Login AG",
        (HolderClass.DEVICE,),
        (),
        trust_anchors=(one.der,),
        audience="records",
        nonce_bound=True,
        key_delay=86400,
        max_key_age=43200,
    )
    services = Issuer("urn:services", "Clinic", (HolderClass.SERVICE,), (), authorities=(two.der,))
    before = chain().last.manifest
    text = render(genesis(issuers=(*before.issuers, provider, services)), NOW)
    flat = " ".join(text.split())
    offline = read(messages.Manifest, genesis(issuers=(provider, services)).payload).issuers
    assert offline[0].trust_anchors == (one.der,)
    assert (offline[0].nonce_bound, offline[0].key_delay, offline[0].max_key_age) == (True, 86400, 43200)
    assert offline[1].authorities == (two.der,)
    for part in (
        "https://login.example, controlled by Login AG, for: device",
        "each custodian fetches its keys itself, over TLS that only these authorities vouch for: CN=authority one",
        hashlib.sha256(one.der).hexdigest(),
        "a new key counts 24 hours after it was first seen beside one that counts",
        "keys that cannot be fetched any more count for 12 hours",
        "for the audience 'records' alone",
        "bound to a device's key by their nonce",
        "certificates under these authorities name services: CN=authority two",
        hashlib.sha256(two.der).hexdigest(),
    ):
        assert part in flat
    weaker = replace(provider, key_delay=60, nonce_bound=False)
    lines = changes(replace(before, issuers=(provider,)), replace(before, issuers=(weaker,)))
    assert lines == [
        "issuer https://login.example changes how its credentials are bound to keys",
        "issuer https://login.example changes how soon its new keys count",
    ]


def test_how_long_records_are_kept_is_said_and_what_changes_of_it() -> None:
    text = render(genesis(policy=lengths({"laboratory": 3650})), NOW)
    assert "How long records are kept, by category" in text
    assert "laboratory: destroyed 3650 days after they came to the custodians (laboratory-ends)" in text
    assert facts(genesis(policy=lengths({"laboratory": 3650})), NOW)["retention"][0].startswith("laboratory:")
    assert "How long records are kept" not in render(genesis(), NOW)
    before = chain().last.manifest
    after = replace(before, policy=lengths({"laboratory": 365}))
    lines = changes(replace(before, policy=lengths({"laboratory": 3650})), after)
    assert "records of laboratory: kept 3650 days becomes 365 days" in lines
    short = render(genesis(policy=lengths({"laboratory": "0.5"})), NOW)
    assert "12 hours is for trying things" in " ".join(short.split())


def test_everybody_is_shown_the_same() -> None:
    proposal = genesis()
    assert render(read_proposal(lines_of(proposal)), NOW) == render(proposal, NOW)


def test_a_tight_shape_and_an_unsafe_policy_are_said() -> None:
    policy = '@id("open") permit (principal, action, resource);'
    text = render(genesis(policy=policy), NOW)
    assert "tight: 3 of 5" in text
    assert "Against signing it:" in text
    assert "! policy[open]" in text
    assert "open: allows everything always" in text


def test_names_of_others_move_no_text_on_a_terminal() -> None:
    statement = enrolment(1, organisation="Good\n  2. Bad\x1b[2J\u202e").statement
    manifest = drafts.genesis(draft(), [statement, *(enrolment(n).statement for n in (2, 3, 4, 5))], NOW)
    text = render(propose(None, manifest), NOW)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "1. Good\\n  2. Bad\\x1b[2J\\u202e" in text
    assert "\x1b" not in enrolments.render([enrolment(1, organisation="a\x1bb")])


def test_a_successor_shows_what_changes() -> None:
    wanted = draft(name="New", remove=("Organisation 5",), change_delay_days=3)
    proposal = next_proposal(chain(), wanted, [enrolment(6), enrolment(2, endpoint="moved.example:1")])
    shown = facts(proposal, NOW + 1)["changes"]
    assert shown == [
        "the name: Clinics becomes New",
        "the delay of changes: 7 days becomes 3 days",
        "custodian 5 (Organisation 5) leaves",
        "custodian 2 (Organisation 2): endpoint 'c2.example:7001' becomes 'moved.example:1'",
        "custodian 6 is new: Organisation 6, in Country 6, hosted by Hoster 6, owned by Organisation 6",
    ]
    assert "custodian 5 (Organisation 5) leaves" in render(proposal, NOW + 1)


def test_the_wait_before_destroying_is_shown_where_it_is_not_the_usual_one() -> None:
    assert "destroying waits" not in render(propose(None, genesis_of(draft())), NOW)
    text = render(propose(None, genesis_of(draft(destruction_delay_days=14))), NOW)
    assert "destroying waits 14 days after an order" in text
    changed = next_proposal(chain(), draft(destruction_delay_days=3))
    said = "the wait before keys are destroyed (0: a week): 0 days becomes 3 days"
    assert said in facts(changed, NOW + 1)["changes"]


def test_recovery_is_shown_where_there_is_any() -> None:
    assert "recovery" not in render(propose(None, genesis_of(draft())), NOW)
    text = " ".join(render(propose(None, genesis_of(draft(recovery_delay_days=7))), NOW).split())
    assert "a new key counts for a lost one 7 days after two issuers vouched" in text
    changed = next_proposal(chain(), draft(recovery_delay_days=3))
    assert (
        "the delay of recoveries (0: there are none): 0 days becomes 3 days"
        in facts(changed, NOW + 1)["changes"]
    )
    assert facts(changed, NOW + 1)["recovery_delay"] == 3 * 86400


def genesis_of(wanted: drafts.Draft) -> Manifest:
    return drafts.genesis(wanted, [enrolment(n).statement for n in range(1, 6)], NOW)


def test_rules_that_come_go_and_change_are_shown() -> None:
    known = chain()
    manifest = next_proposal(known, draft()).statement
    assert isinstance(manifest, Manifest)
    policy = default_policy().replace("> 2000 ", "> 9 ").replace("owner-destroys", "owner-deletes")
    shown = facts(propose(known, replace(manifest, policy=policy)), NOW + 1)["changes"]
    rules = [line for line in shown if line.startswith("the rule")]
    assert [line.split(" ")[2] for line in rules] == ["owner-destroys", "owner-deletes", "brake"]
    reworded = facts(propose(known, replace(manifest, policy=default_policy() + "\n")), NOW + 1)["changes"]
    assert reworded == ["the policy's text changes, its rules read the same"]
    assert facts(propose(known, manifest), NOW + 1)["changes"] == ["nothing but its time"]


def test_a_change_shows_from_when_it_holds() -> None:
    known = chain()
    proposal = next_proposal(known, draft(change_delay_days=1), now=NOW)
    assert f"holds      from {when(NOW + 7 * 86400)} at the earliest" in render(proposal, NOW)
    assert "holds      from" not in render(genesis(), NOW)


def test_the_decisions_that_a_change_of_rules_comes_to_are_shown() -> None:
    known = chain()
    policy = default_policy().replace('context.purpose == "treatment"', 'context.purpose == "research"')
    proposal = next_proposal(known, draft())
    assert isinstance(proposal.statement, Manifest)
    changed = propose(known, replace(proposal.statement, policy=policy))
    shown = [line for line in facts(changed, NOW + 1)["changes"] if line.startswith("decisions")]
    assert [line.split(": ")[1] for line in shown] == ["OPENS", "closes"]
    assert "holder professional; vouched_by (one) and (another)" in shown[0]
    assert shown[0].endswith("purpose research")
    assert shown[1].endswith("purpose treatment")
    assert "becomes allow (PROFESSIONAL_BY_TWO_ISSUERS)" in " ".join(render(changed, NOW + 1).split())


def test_golden_decisions_and_budgets_are_shown_and_read_by_the_second_reader() -> None:
    budget = Budget(BudgetScope.OWNER, BudgetWindow.DAY, 100, BudgetExcess.DENY)
    proposal = genesis(golden_hash=b"\x07" * 32, budgets=(budget,))
    text, shown = render(proposal, NOW), facts(proposal, NOW)
    said = "each owner's keys: 100 keys a day at each custodian, more are denied; at most 166 are released altogether"
    assert said in " ".join(text.split())
    assert (shown["golden_hash"], shown["budgets"]) == ("07" * 32, [said])
    assert "07" * 32 in text
    offline = read(messages.Manifest, proposal.payload)
    assert offline.golden_hash == b"\x07" * 32
    assert offline.budgets == (messages.Budget(3, 2, 100, 2),)
    before = genesis().statement
    assert isinstance(before, Manifest)
    looser = replace(before, budgets=(replace(budget, limit=200),), golden_hash=b"\x08" * 32)
    lines = changes(replace(before, budgets=(budget,)), looser)
    assert lines[0] == f"golden decisions: none becomes {'08' * 32}"
    assert lines[1] == f"the budget goes: {said}"
    assert lines[2].startswith("the budget is new: each owner's keys: 200 keys a day")


def test_an_order_and_an_eviction_are_shown() -> None:
    known = chain(6)
    order = propose(known, drafts.order(known, 4, "yearly refresh", NOW))
    assert "number 4" in render(order, NOW)
    assert "yearly refresh" in render(order, NOW)
    assert facts(order, NOW)["sequence"] == 4
    eviction = next_proposal(known, drafts.Draft(remove=("Organisation 6",), emergency=True))
    assert "EMERGENCY" in render(eviction, NOW + 1)
    assert "holds      from" not in render(eviction, NOW + 1)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("when { context.isOwner || context.granted }", "(who asks is the owner that the key names or"),
        ("unless { context.independent < 2 }", "evidence there is is at least 2"),
        ('unless { ["a", "b"].contains(context.purpose) }', 'the purpose is neither "a" nor "b"'),
        ("unless { context.isOwner && context.granted }", "(it is not so that who asks"),
        (
            'when { context.controllers.containsAny(["x"]) }',
            "[the parties whose evidence there is contains_any",
        ),
        ("when { if context.isOwner then true else false }", "IfThenElse"),
    ],
)
def test_a_condition_is_said_in_words_or_shown_as_it_is(condition: str, said: str) -> None:
    rule = f'@id("r") permit (principal, action == Action::"release", resource) {condition};'
    assert said in rules_in_words(rule)[0].text


def test_a_rule_for_one_holder_says_so_and_a_broken_policy_too() -> None:
    rule = '@id("r") permit (principal == Holder::"boss", action, resource);'
    assert "boss" in rules_in_words(rule)[0].text
    assert rules_in_words("permit (")[0].effect == "unreadable"


def test_every_page_of_a_rehearsal_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    chain_file = rehearse(draft(), [enrolment(n).statement for n in range(1, 6)], tmp_path, NOW, said.append)
    assert chain_file.exists()
    pages = [text for text in said if "Custodians" in text]
    assert len(pages) == 1
    assert pages[0].count(REHEARSAL_WARNING) == 2
    assert REHEARSAL_WARNING in said[0]
    assert REHEARSAL_WARNING in said[-1]
    proposal = read_proposal(lines_of(genesis(name="REHEARSAL: x")))
    assert facts(proposal, NOW)["rehearsal"] is True


def test_words_are_twelve_and_follow_the_bits() -> None:
    assert words(bytes(32)) == " ".join(["academic"] * 12)
    assert words(bytes(14) + b"\x01" + bytes(17)) == " ".join(["academic"] * 11 + ["acid"])
    assert words(b"\xff" * 32).split() == ["zero"] * 12
