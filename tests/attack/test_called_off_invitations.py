"""An invitation that was called off lets nobody in, whoever holds its link, and whoever holds the node's disk."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kms.crypto.signing import SigningKey
from kms.custodian.approvers import ApproverQuorum, _head
from kms.custodian.node import NodeOptions
from kms.custodian.store import StoredWord
from kms.custodian.vault import Vault
from kms.statements.approver import ToSign
from kms.statements.codec import encode, payload_type
from kms.statements.envelope import Envelope, sign
from kms.statements.ids import Thumbprint
from kms.statements.invitations import Invitation, InvitationTerms, InvitationWithdrawal
from kms.statements.registry import RegistryEntry, entry_bytes, withdrawal_entry
from tests import stores
from tests.protocol.adversary import reason_of
from tests.protocol.people import acceptance, admit_key, invite, signed_invitation, withdraw
from tests.protocol.world import World, signing_key, storage_root

EVE = signing_key("eve")  # found the link
ANN = signing_key("ann")


@pytest.fixture
def called_off(world: World) -> tuple[str, Envelope, InvitationTerms, list[StoredWord]]:
    """The token of an invitation that was called off, Eve's yes to it, its terms, and its rows of the store."""
    token = invite(world, 1, "ann@clinic.example")
    joining = sign(acceptance(world, 1, token, EVE), EVE).message
    terms = world.nodes[1].invitation(token).terms
    rows = world.nodes[1].context.store.approvers.words(terms.hash)
    withdraw(world, 1, token, world.approvers[1])
    return token, joining, terms, rows


Case = tuple[str, Envelope, InvitationTerms, list[StoredWord]]


def signed_by(world: World, terms: InvitationTerms, by: SigningKey) -> Envelope:
    statement = Invitation(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        1,
        Thumbprint(by.thumbprint),
        terms,
        world.clock(),
    )
    return signed_invitation(ToSign(payload_type(Invitation), encode(statement)), by)


def test_an_approver_s_further_signature_does_not_open_it_again(world: World, called_off: Case) -> None:
    token, joining, terms, _ = called_off
    node, by = world.nodes[1], world.approvers[1]
    assert reason_of(node.invite, signed_by(world, terms, by)) == "INVITATION_WITHDRAWN"
    # Nor other terms under the same token: it is the link that went astray.
    other = InvitationTerms("Eve", "eve@host.example", "en", (), terms.token_hash, terms.not_after)
    assert reason_of(node.invite, signed_by(world, other, by)) == "INVITATION_WITHDRAWN"
    assert reason_of(node.redeem, token, joining) == "INVITATION_WITHDRAWN"


def test_rows_that_are_put_back_into_the_store_open_nothing(world: World, called_off: Case) -> None:
    token, joining, terms, rows = called_off
    node = world.nodes[1]
    with node.context.store.transaction():
        for row in rows:
            node.context.store.approvers.put_word(terms.hash, row)
    assert node.invitations() == []
    assert reason_of(node.redeem, token, joining) == "INVITATION_WITHDRAWN"
    assert reason_of(node.cosign_to_sign, Thumbprint(ANN.thumbprint), terms.hash) == "INVITATION_WITHDRAWN"
    node.tick()
    assert node.context.store.approvers.words(terms.hash) == []
    assert [a.name for a in node.approvers()] == ["approver 1"]


def edit(world: World, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """The administrator, who has the storage root too, rewrites the registry of node 1 and starts it again."""
    world.nodes.pop(1).close()
    with stores.edited(world.folder / "custodian-1.db") as run:
        entries = change([entry for (entry,) in run("SELECT entry FROM approver_entries ORDER BY position")])
        run("DELETE FROM approver_entries")
        for position, entry in enumerate(entries):
            run("INSERT INTO approver_entries VALUES (?, ?)", position, entry)
        head = _head(Vault(storage_root(1)), entries)
        run("UPDATE meta SET value = ? WHERE name = 'approvers_head'", head)
    world.start(1)


def test_a_withdrawal_that_was_spoilt_still_calls_off(world: World, called_off: Case) -> None:
    token, joining, terms, rows = called_off

    def spoil(entries: list[bytes]) -> list[bytes]:
        entry = RegistryEntry.FromString(entries[-1])
        entry.withdrawal.withdrawal.key.signatures[0].sig = bytes(64)
        return [*entries[:-1], entry_bytes(entry)]

    edit(world, spoil)
    node = world.nodes[1]
    assert "[BAD_SIGNATURE]" in node.registry_problems()[0]
    with node.context.store.transaction():
        for row in rows:
            node.context.store.approvers.put_word(terms.hash, row)
    assert reason_of(node.redeem, token, joining) == "INVITATION_WITHDRAWN"


def test_whoever_came_in_before_is_not_hidden_by_a_withdrawal(world: World) -> None:
    """Called off too late it says so: else all would think that nobody came in."""
    token = invite(world, 1, "ann@clinic.example")
    terms, by = world.nodes[1].invitation(token).terms, world.approvers[1]
    world.nodes[1].redeem(token, sign(acceptance(world, 1, token, EVE), EVE).message)
    said = sign(_statement(world, terms, by), by).message
    assert reason_of(world.nodes[1].withdraw_invitation, said) == "INVITATION_CLOSED"
    edit(world, lambda entries: [*entries, entry_bytes(withdrawal_entry(terms, said, world.clock()))])
    assert "[INVITATION_SPENT]" in world.nodes[1].registry_problems()[0]
    assert len(world.nodes[1].approvers()) == 2


@pytest.mark.parametrize(
    ("how", "reason"), [("the node's own key", "NOT_AN_APPROVER"), ("another's", "WRONG_INVITATION")]
)
def test_a_withdrawal_that_no_approver_signed_is_told(world: World, how: str, reason: str) -> None:
    """It keeps somebody out all the same, as whoever has the disk always can: everybody sees that it was forged."""
    admit_key(world, 1, ANN, "ann@clinic.example")
    token = invite(world, 1, "bea@clinic.example")
    terms = world.nodes[1].invitation(token).terms
    elsewhere = InvitationTerms("Cid", "cid@clinic.example", "en", (), terms.token_hash, terms.not_after)
    by = world.identities[1] if reason == "NOT_AN_APPROVER" else ANN
    said = sign(_statement(world, terms if by is not ANN else elsewhere, by), by).message
    edit(world, lambda entries: [*entries, entry_bytes(withdrawal_entry(terms, said, world.clock()))])
    assert f"[{reason}]" in world.nodes[1].registry_problems()[0], how


def _statement(world: World, terms: InvitationTerms, by: SigningKey) -> InvitationWithdrawal:
    return InvitationWithdrawal(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        1,
        Thumbprint(by.thumbprint),
        terms.hash,
        world.clock(),
    )


def test_where_two_must_invite_one_who_calls_off_gains_nobody(world: World) -> None:
    world.start(1, options=NodeOptions(approver_quorum=ApproverQuorum(2, 2)))
    admit_key(world, 1, ANN, "ann@clinic.example")
    token = invite(world, 1, "bea@clinic.example", by=ANN)
    withdraw(world, 1, token, ANN)
    fresh = invite(world, 1, "bea@clinic.example", by=ANN)
    assert not world.nodes[1].invitation(fresh).complete
