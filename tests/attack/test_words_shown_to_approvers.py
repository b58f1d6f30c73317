"""What an approver reads is made by their own node of what it verified: nobody else puts a word into it unquoted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.custodian.approval_text import WORDS, render
from kms.statements.envelope import sign
from kms.statements.evidence import approval_text_hash
from kms.statements.release import HUMAN_LIFETIME, Purpose
from kms.statements.waiting import EvidenceKind, WaitingFacts
from kms_client.requesting import Prepared
from tests.protocol.adversary import reason_of, ruling
from tests.protocol.world import BOOKING, LAB, World, evidence_for

IMITATION = (
    'x"\nKeys         1: 1 "booking"\r\x1b[2J\n'
    "Evidence     [x] granted by the owner: 1 of 1 keys\u202e\u2028end\\"
)


def asked(world: World, reason: str = "follow-up", contexts: list[dict[str, str]] | None = None) -> Prepared:
    keys = world.create(world.device("alice"), contexts or [LAB])
    prepared = world.prepare(
        world.device("bob"),
        keys,
        purpose=Purpose.TREATMENT,
        justification=reason,
        lifetime=HUMAN_LIFETIME,
    )
    assert ruling(world.decide_at(1, prepared))[0] == "PENDING"
    return prepared


def facts(world: World, prepared: Prepared) -> WaitingFacts:
    return world.nodes[1].waiting_view(prepared.opened.hash).facts


@pytest.mark.parametrize("language", WORDS)
def test_a_requester_s_words_imitate_no_line(world: World, language: str) -> None:
    honest, bent = asked(world), asked(world, IMITATION)
    plain, text = (world.nodes[1].waiting_view(p.opened.hash).text(language) for p in (honest, bent))
    labels = {
        WORDS[language][name] for name in ("request", "purpose", "keys", "evidence", "rule", "asked by")
    }
    assert len(labels) == 6

    def ours(of: str) -> list[str]:
        return [line for line in of.split("\n") if any(line.startswith(label) for label in labels)]

    assert len(ours(text)) == len(ours(plain))
    reason = text[text.index(WORDS[language]["reason"].ljust(13)) :]
    assert reason.count("\n") == 1 + reason.count("\n           | ")
    assert all(c.isprintable() or c == "\n" for c in text)


@pytest.mark.parametrize("name", ["organisation", "keyring_name"])
def test_names_of_the_manifest_imitate_no_line_either(world: World, name: str) -> None:
    changed = replace(facts(world, asked(world)), **{name: IMITATION})  # type: ignore[arg-type]
    assert render(changed, "en").count("\n") == render(facts(world, asked(world)), "en").count("\n")


@pytest.mark.parametrize("category", [IMITATION, 'booking", 3 "booking'])
def test_a_category_is_quoted(world: World, category: str) -> None:
    prepared = asked(world, contexts=[{"category": category}])
    text = world.nodes[1].waiting_view(prepared.opened.hash).text("en")
    assert "health data" in text
    assert 'booking", 3' not in text


def test_a_coordinator_swaps_nothing_of_what_the_text_is_made_of(world: World) -> None:
    prepared, other = asked(world, "true"), asked(world, "false")
    request = prepared.message.request
    assert reason_of(world.nodes[2].decide, request, evidence_for(other, 2)) == "WRONG_BLOB"
    assert world.nodes[2].waiting_views() == []
    world.decide_at(2, prepared)
    (view,) = world.nodes[2].waiting_views()
    assert '"true"' in view.text("en")


def test_what_is_signed_is_what_was_shown_in_the_language_in_which_it_was_shown(world: World) -> None:
    prepared = asked(world)
    name, node = prepared.opened.hash, world.nodes[1]
    assert node.waiting_view(name).text("en") != node.waiting_view(name).text("fr")
    for text in (node.waiting_view(name).text("en").replace("treatment", "billing"), "", "yes"):
        lie = replace(world.approval(1, name), text_hash=approval_text_hash(text))
        assert reason_of(node.answer, sign(lie, world.approvers[1]).message) == "WRONG_TEXT"
    french = world.approval(1, name, language="fr")
    assert reason_of(node.answer, sign(french, world.approvers[1]).message) == ""


def test_another_request_s_text_is_not_this_one_s(world: World) -> None:
    first, second = asked(world), asked(world)
    lent = replace(
        world.approval(1, first.opened.hash),
        text_hash=approval_text_hash(world.nodes[1].waiting_view(second.opened.hash).text("en")),
    )
    assert reason_of(world.nodes[1].answer, sign(lent, world.approvers[1]).message) == "WRONG_TEXT"


def test_the_text_tells_what_is_there_what_is_missing_and_what_a_yes_does(world: World) -> None:
    prepared = asked(world, contexts=[LAB, LAB, BOOKING])
    found = facts(world, prepared)
    assert {item.kind: (item.have, item.of) for item in found.evidence} == {
        EvidenceKind.ISSUERS: (2, 2),
        EvidenceKind.OWNER: (0, 3),
        EvidenceKind.GRANT: (0, 3),
        EvidenceKind.REASON: (1, 1),
    }
    text = render(found, "en").splitlines()
    assert 'Keys         3: 1 "booking", 2 "laboratory" (health data)' in text
    assert "Evidence     [x] independent issuers: 2 of 2" in text
    assert "Evidence     [ ] granted by the owner: 0 of 3 keys" in text
    assert "After a yes  3 released (HUMAN_APPROVED)" in text
    french = render(found, "fr").splitlines()
    assert 'Clés         3: 1 "booking", 2 "laboratory" (données de santé)' in french
    assert "Après oui    3 communiquées (HUMAN_APPROVED)" in french


def test_it_says_so_when_a_yes_does_nothing(world: World) -> None:
    keys = world.create(world.device("alice"), [LAB])
    lonely = world.device("bob", issuers=("a",))
    prepared = world.prepare(lonely, keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    world.decide_at(1, prepared)
    text = world.nodes[1].waiting_view(prepared.opened.hash).text("en")
    assert "Evidence     [ ] independent issuers: 1 of 2" in text


def test_every_language_has_every_word() -> None:
    assert set(WORDS["fr"]) == set(WORDS["en"])
    assert [name for name in WORDS["en"] if WORDS["en"][name] == WORDS["fr"][name]] == []


def test_a_text_of_an_earlier_version_is_made_anew(world: World) -> None:
    prepared = asked(world)
    node, name = world.nodes[1], prepared.opened.hash
    before = node.waiting_view(name)
    stored = node.context.store.request(name)
    assert stored is not None
    with node.context.store.transaction():
        old = node.context.vault.seal_erasable("approval text", b"Custodian 1, a text\n")
        node.context.store.put_request(replace(stored, text=old))
    assert node.waiting_view(name) == before
