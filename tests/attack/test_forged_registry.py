"""The node's administrator has the disk, and even the storage root, and gets no approver onto the list by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kms.crypto.signing import SigningKey
from kms.custodian.approvers import ApproverQuorum, _head, place_of
from kms.custodian.node import NodeOptions
from kms.custodian.store import StoredWord
from kms.custodian.vault import Vault
from kms.statements import registry as registries
from kms.statements.approver import ApproverKey
from kms.statements.audit import LogKind
from kms.statements.envelope import Envelope, sign
from kms.statements.ids import RequestHash, Thumbprint
from kms.statements.invitations import (
    Acceptance,
    ApproverRevocation,
    Founding,
    FoundingApprover,
    Invitation,
    InvitationTerms,
    read_token,
    token_hash,
)
from kms.statements.registry import RegistryEntry
from kms.statements.release import HUMAN_LIFETIME, Purpose, Verdict
from tests import stores
from tests.protocol.adversary import reason_of
from tests.protocol.people import admit_key, invite, revoke
from tests.protocol.world import LAB, World, signing_key, storage_root

EVE = signing_key("eve")  # the administrator's own key
TOKEN = "A" * 43


def edit(world: World, change: Callable[[list[bytes]], list[bytes]], *, with_root: bool) -> None:
    """The administrator stops node 1, rewrites its registry, and starts it again."""
    world.nodes.pop(1).close()
    with stores.edited(world.folder / "custodian-1.db") as run:
        entries = change([entry for (entry,) in run("SELECT entry FROM approver_entries ORDER BY position")])
        run("DELETE FROM approver_entries")
        for position, entry in enumerate(entries):
            run("INSERT INTO approver_entries VALUES (?, ?)", position, entry)
        if with_root:
            head = _head(Vault(storage_root(1)), entries)
            run("UPDATE meta SET value = ? WHERE name = 'approvers_head'", head)
    world.start(1)


def terms(world: World) -> InvitationTerms:
    return InvitationTerms("eve", "eve@host.example", "en", (), token_hash(TOKEN), world.clock() + 86400)


def admission(world: World, words: list[Envelope], invited: InvitationTerms | None = None) -> bytes:
    """The entry by which Eve joins, as good as it gets without an approver's signature."""
    meant = invited or terms(world)
    joined = sign(
        Acceptance(
            world.keyring.keyring_id,
            world.keyring.manifest_hash,
            1,
            Thumbprint(EVE.thumbprint),
            meant.hash,
            world.clock(),
        ),
        EVE,
    )
    entry = registries.admission_entry(meant, words, read_token(TOKEN), joined.message, world.clock())
    return registries.entry_bytes(entry)


def invitation(world: World, by: SigningKey, named: SigningKey | None = None) -> Envelope:
    who = Thumbprint((named or by).thumbprint)
    statement = Invitation(
        world.keyring.keyring_id, world.keyring.manifest_hash, 1, who, terms(world), world.clock()
    )
    return sign(statement, by).message


def signed_as(world: World, by: SigningKey) -> Envelope:
    """Under the approver's name, with somebody else's signature."""
    word = invitation(world, by, world.approvers[1])
    word.signatures[0].keyid = world.approvers[1].public
    return word


def founding(world: World) -> bytes:
    named = FoundingApprover("eve", "", "en", (), EVE.public)
    statement = Founding(
        world.keyring.keyring_id, world.keyring.manifest_hash, 1, (named,), (), 1, 1, world.clock()
    )
    return registries.entry_bytes(registries.founding_entry(sign(statement, world.identities[1])))


FORGED: dict[str, tuple[Callable[[World], bytes], str]] = {
    "no invitation at all": (lambda w: admission(w, []), "INVITATION_INCOMPLETE"),
    "invited by herself": (lambda w: admission(w, [invitation(w, EVE)]), "NOT_AN_APPROVER"),
    "invited by the node's own key": (
        lambda w: admission(w, [invitation(w, w.identities[1])]),
        "NOT_AN_APPROVER",
    ),
    "an approver's name under her signature": (
        lambda w: admission(w, [signed_as(w, EVE)]),
        "BAD_SIGNATURE",
    ),
    "an approver of another custodian": (
        lambda w: admission(w, [invitation(w, w.approvers[2])]),
        "NOT_AN_APPROVER",
    ),
    "junk": (lambda w: b"junk", "MALFORMED"),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_row_without_approvers_signatures_is_refused_and_told(world: World, how: str) -> None:
    forge, reason = FORGED[how]
    edit(world, lambda entries: [*entries, forge(world)], with_root=True)
    assert [a.name for a in world.nodes[1].approvers()] == ["approver 1"]
    (problem,) = world.nodes[1].registry_problems()
    assert f"[{reason}]" in problem
    keys = world.create(world.device("alice"), [LAB])
    prepared = world.prepare(world.device("bob"), keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    world.decide_at(1, prepared)
    forged = sign(world.approval(1, prepared.opened.hash, by=EVE), EVE).message
    assert reason_of(world.nodes[1].answer, forged) == "NOT_AN_APPROVER"


def test_a_real_invitation_of_somebody_else_is_not_hers(world: World) -> None:
    token = invite(world, 1, "ann@clinic.example")
    invited = world.nodes[1].invitation(token).terms
    (word,) = world.nodes[1].context.store.approvers.words(invited.hash)
    stolen = registries.unwrap(word.word)
    assert isinstance(stolen, Envelope)
    edit(world, lambda entries: [*entries, admission(world, [stolen], invited)], with_root=True)
    assert "[INVITATION_UNKNOWN]" in world.nodes[1].registry_problems()[0]  # she lacks the token
    edit(world, lambda entries: [*entries[:1], admission(world, [stolen])], with_root=True)
    assert "[WRONG_INVITATION]" in world.nodes[1].registry_problems()[0]
    assert [a.name for a in world.nodes[1].approvers()] == ["approver 1"]


def test_an_invitation_that_was_accepted_lets_nobody_else_in(world: World) -> None:
    """The token stands in the entry: whoever reads it there has it, and comes too late."""
    admit_key(world, 1, signing_key("ann"), "ann@clinic.example")
    accepted = RegistryEntry.FromString(world.nodes[1].context.store.approvers.entries()[1][1]).admission
    meant = InvitationTerms(
        accepted.terms.name,
        accepted.terms.email,
        accepted.terms.language,
        (),
        accepted.terms.token_hash,
        accepted.terms.not_after,
    )
    joined = sign(
        Acceptance(
            world.keyring.keyring_id,
            world.keyring.manifest_hash,
            1,
            Thumbprint(EVE.thumbprint),
            meant.hash,
            world.clock(),
        ),
        EVE,
    )
    words = [word.key for word in accepted.invitations]
    again = registries.admission_entry(meant, words, accepted.token, joined.message, world.clock())
    edit(world, lambda entries: [*entries, registries.entry_bytes(again)], with_root=True)
    assert "[INVITATION_SPENT]" in world.nodes[1].registry_problems()[0]
    assert len(world.nodes[1].approvers()) == 2


def test_without_the_storage_root_a_row_more_has_no_effect(world: World) -> None:
    word = invitation(world, world.approvers[1])  # even if she once got hold of a good signature
    edit(world, lambda entries: [*entries, admission(world, [word])], with_root=False)
    assert [a.name for a in world.nodes[1].approvers()] == ["approver 1"]
    assert "[FORGED_ENTRY]" in world.nodes[1].registry_problems()[0]


@pytest.mark.parametrize("change", [lambda e: e[:-1], lambda e: [], lambda e: [*e[:-1], e[0]]])
def test_without_the_storage_root_nobody_who_was_taken_off_comes_back(
    world: World, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    ann = signing_key("ann")
    admit_key(world, 1, ann, "ann@clinic.example")
    assert revoke(world, 1, ann, world.approvers[1]).done
    assert reason_of(lambda: edit(world, change, with_root=False)) == "REGISTRY_DAMAGED"


def test_a_registry_that_is_gone_is_not_begun_anew(world: World) -> None:
    world.nodes.pop(1).close()
    with stores.edited(world.folder / "custodian-1.db") as run:
        run("DELETE FROM approver_entries")
        run("DELETE FROM meta WHERE name = 'approvers_head'")
    world.people[1] = [registries.Approver("eve", ApproverKey.of_key(EVE.public))]
    assert reason_of(world.start, 1) == "REGISTRY_DAMAGED"


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 1), (1, 1)])
def test_another_registry_is_not_begun_in_its_place(world: World, before: int, after: int) -> None:
    """Signed with the node's own key and tagged under its root, it is still not the one of the log."""

    def begin(entries: list[bytes]) -> list[bytes]:
        return [*entries[:before], founding(world), *entries[before:after]]

    assert reason_of(lambda: edit(world, begin, with_root=True)) == "REGISTRY_DAMAGED"


def test_a_line_added_to_the_log_begins_nothing(world: World) -> None:
    """With the root it is easily added: what counts is who came first."""
    second, node = founding(world), world.nodes[1].context
    with node.store.transaction():
        name = registries.founding_hash(second) or b""
        node.ledger.append(LogKind.APPROVERS_FOUNDED, node.now(), name, outcome="CONFIGURED")
    assert reason_of(lambda: edit(world, lambda entries: [second], with_root=True)) == "REGISTRY_DAMAGED"


def test_a_second_beginning_has_no_effect_on_the_list(world: World) -> None:
    node = world.nodes[1].context
    ((_, first),) = node.store.approvers.entries()
    registry = registries.follow(place_of(node), [first, founding(world)])
    assert "[REGISTRY_BEGUN]" in registry.problems[0]
    assert registry.known.keys() == node.registry.known.keys()


def test_a_registry_that_was_emptied_is_not_begun_anew(world: World) -> None:
    world.people[1] = [registries.Approver("eve", ApproverKey.of_key(EVE.public))]
    assert reason_of(lambda: edit(world, lambda entries: [], with_root=True)) == "REGISTRY_DAMAGED"


def test_a_removal_that_was_spoilt_still_removes(world: World) -> None:
    ann = signing_key("ann")
    admit_key(world, 1, ann, "ann@clinic.example")
    assert revoke(world, 1, ann, world.approvers[1]).done

    def spoil(entries: list[bytes]) -> list[bytes]:
        removal = RegistryEntry.FromString(entries[-1])
        signature = removal.removal.revocations[0].key.signatures[0]
        signature.sig = bytes(64)
        return [*entries[:-1], registries.entry_bytes(removal)]

    edit(world, spoil, with_root=True)
    assert [a.name for a in world.nodes[1].approvers() if not a.revoked_at] == ["approver 1"]
    assert "[BAD_SIGNATURE]" in world.nodes[1].registry_problems()[0]


def test_a_spoilt_row_lets_fewer_people_decide_nothing(world: World) -> None:
    """Else one approver and the administrator would be two: who is refused still counts for how many are needed."""
    (only,) = world.nodes[1].approvers()
    registry = registries.Registry({only.thumbprint: only}, invitations_needed=2, lost=1)
    assert registry.quorum == 2


def test_one_approver_s_removal_of_another_is_not_the_administrator_s_to_write(world: World) -> None:
    ann = signing_key("ann")
    admit_key(world, 1, ann, "ann@clinic.example")
    statement = ApproverRevocation(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        1,
        Thumbprint(EVE.thumbprint),
        Thumbprint(ann.thumbprint),
        "",
        world.clock(),
    )
    assert reason_of(world.nodes[1].revoke_approver, sign(statement, EVE).message) == "NOT_AN_APPROVER"


def test_a_yes_that_was_written_into_the_store_counts_for_nobody(world: World) -> None:
    """Where two are needed, one approver and the administrator are not two."""
    world.start(1, options=NodeOptions(approver_quorum=ApproverQuorum(2, 2)))
    ann = signing_key("ann")
    admit_key(world, 1, ann, "ann@clinic.example")
    keys = world.create(world.device("alice"), [LAB])
    prepared = world.prepare(world.device("bob"), keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    world.decide_at(1, prepared)
    name, node = prepared.opened.hash, world.nodes[1]
    forged = [
        (ann, sign(world.approval(1, name, by=ann), EVE).message),
        (EVE, sign(world.approval(1, name, by=EVE), EVE).message),
        (ann, sign(world.approval(1, name, by=ann, verdict=Verdict.DENY), ann).message),
        (ann, sign(replace(world.approval(1, name, by=ann), count=2), ann).message),
        (
            ann,
            sign(replace(world.approval(1, name, by=ann), request_hash=RequestHash(bytes(32))), ann).message,
        ),
    ]
    for who, word in forged:
        with node.context.store.transaction():
            node.context.store.approvers.forget_answers(name)
            kept = StoredWord(Thumbprint(who.thumbprint), registries.word_bytes(word), world.clock())
            node.context.store.approvers.add_answer(name, kept)
        assert node.waiting_view(name).approved == ()
    world.approve(1, name)
    assert node.waiting_view(name).approved != ()  # one of two
