"""The rule of succession: which manifest may follow which, when it holds, and what is a rollback or a fork."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from kms.errors import Fork, KmsError, Stale
from kms.statements import chain as chains
from kms.statements import quorums
from kms.statements.chain import Chain, extend, follow, missing_signatures, open_chain
from kms.statements.codec import encode
from kms.statements.manifest import Custodian, Manifest, genesis_keyring_id
from kms.wire.v1 import keyring_pb2
from tests.protocol.adversary import reason_of
from tests.protocol.chains import DAY, DELAY, House, hash_of
from tests.protocol.world import START, custodian_of, signing_key


@pytest.fixture
def house() -> House:
    return House.found()


def refusal(
    house: House, manifest: Manifest, without: Iterable[bytes] = (), also: Any = ()
) -> tuple[str, str]:
    """(reason, message) with which a manifest is refused as the next one; empty if it is taken."""
    try:
        extend(house.chain, house.signed(manifest, without, also))
    except KmsError as error:
        return error.reason, error.message
    return "", ""


def moved(house: House, at: int, **changes: Any) -> tuple[Custodian, ...]:
    """The last manifest's custodians, the one of index `at` changed."""
    return tuple(replace(c, **changes) if c.index == at else c for c in house.chain.last.manifest.custodians)


def but(house: House, *gone: int) -> tuple[Custodian, ...]:
    return tuple(c for c in house.chain.last.manifest.custodians if c.index not in gone)


# -- signatures ------------------------------------------------------------------------------------------------


def test_a_manifest_that_all_signed_follows(house: House) -> None:
    assert house.grow().manifest.sequence == 1
    assert open_chain(house.chain.envelopes, house.genesis.keyring_id) == house.chain


def test_the_quorums_alone_suffice() -> None:
    house = spare()
    before = house.chain.last.manifest
    absent = [before.admins[2], *(before.custodians[n].identity_key for n in (5, 6))]
    assert quorums.agreement(7, 3) == 5
    assert refusal(house, house.next(custodians=but(house, 6, 7), durable_quorum=5), absent) == ("", "")


def test_without_the_admin_quorum_of_the_manifest_before_nothing_follows(house: House) -> None:
    new = [signing_key("new admin 1"), signing_key("new admin 2")]
    house.meet(*new)
    manifest = house.next(admins=tuple(key.public for key in new))
    reason, message = refusal(house, manifest, house.genesis.manifest.admins[:2])
    assert reason == "SIGNATURES_MISSING"
    assert message.endswith("1 more admins of the manifest before")


def test_without_the_admin_quorum_of_this_manifest_nothing_follows(house: House) -> None:
    new = [signing_key("new admin 1"), signing_key("new admin 2")]
    house.meet(*new)
    reason, message = refusal(house, house.next(admins=tuple(key.public for key in new)), [new[1].public])
    assert reason == "SIGNATURES_MISSING"
    assert message.endswith("1 more admins of this manifest")


def test_without_agreement_of_the_custodians_before_nothing_follows(house: House) -> None:
    gone = house.genesis.custodian(1).identity_key, house.genesis.custodian(2).identity_key
    new = (*but(house, 1, 2), house.newcomer(6), house.newcomer(7))
    reason, message = refusal(house, house.next(custodians=new), gone)
    assert reason == "SIGNATURES_MISSING"
    assert message.endswith("1 more custodians of the manifest before")
    assert refusal(house, house.next(custodians=new), gone[:1]) == ("", "")


def test_each_custodian_of_this_manifest_must_have_signed(house: House) -> None:
    manifest = house.next(custodians=(*but(house), house.newcomer(6)))
    for absent in manifest.custodians:
        reason, message = refusal(house, manifest, [absent.identity_key])
        assert reason == "SIGNATURES_MISSING"
        assert message.endswith(f"missing: custodian {absent.index} ({absent.organisation})")


def test_what_is_missing_is_said_quorum_by_quorum(house: House) -> None:
    manifest = house.next()
    lines = missing_signatures(house.chain, manifest, frozenset())
    assert lines[:3] == [
        "2 more admins of the manifest before",
        "2 more admins of this manifest",
        "4 more custodians of the manifest before",
    ]
    assert len(lines) == 3 + 5
    assert missing_signatures(None, house.genesis.manifest, frozenset())[0] == "3 of 3 admins"


def test_a_stranger_s_signature_is_refused_beside_all_the_others(house: House) -> None:
    assert refusal(house, house.next(), also=[signing_key("stranger")])[0] == "WRONG_SIGNER"


def test_an_admin_of_the_manifest_before_last_has_no_part_any_more(house: House) -> None:
    new = [signing_key("new admin 1"), signing_key("new admin 2")]
    house.meet(*new)
    house.grow(admins=tuple(key.public for key in new))
    assert refusal(house, house.next(), also=[signing_key("admin")])[0] == "WRONG_SIGNER"


def test_one_key_does_not_sign_twice(house: House) -> None:
    assert refusal(house, house.next(), also=[signing_key("admin")])[0] == "DUPLICATE_SIGNATURE"


def test_signatures_of_another_manifest_do_not_count(house: House) -> None:
    other = keyring_pb2.Envelope.FromString(house.signed(house.next(created_at=START + 2 * DAY)))
    other.payload = encode(house.next())
    assert reason_of(extend, house.chain, other.SerializeToString(deterministic=True)) == "BAD_SIGNATURE"


# -- place in the chain ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequence", [2, 1])
def test_a_sequence_that_leaves_one_out_or_repeats_one_is_refused(house: House, sequence: int) -> None:
    if sequence == 1:
        house.grow()
    reason, message = refusal(house, house.next(sequence=sequence))
    assert reason == "INVALID_FIELD"
    assert "manifest.sequence" in message


def test_a_manifest_that_names_another_one_before_it_is_refused(house: House) -> None:
    other = hash_of(house.next(expires_at=START + 300 * DAY))
    house.grow()
    assert refusal(house, house.next(previous_hash=other))[0] == "WRONG_PREVIOUS"
    assert refusal(house, house.next(previous_hash=house.genesis.manifest_hash))[0] == "WRONG_PREVIOUS"


def test_a_manifest_for_another_keyring_is_refused(house: House) -> None:
    reason, message = refusal(house, house.next(keyring_id=b"k" * 32))
    assert reason == "INVALID_FIELD"
    assert "manifest.keyring_id" in message


def test_a_manifest_older_than_the_one_before_is_refused(house: House) -> None:
    # Dated back, its delay would have passed before anybody could see it.
    reason, message = refusal(house, house.next(created_at=START - 1))
    assert reason == "INVALID_FIELD"
    assert "manifest.created_at" in message


def test_a_chain_starts_with_the_pinned_genesis(house: House) -> None:
    house.grow()
    assert reason_of(open_chain, house.chain.envelopes[1:], house.genesis.keyring_id) != ""
    other = House.found(expires_at=START + 30 * DAY)
    assert reason_of(open_chain, other.chain.envelopes, house.genesis.keyring_id) == "WRONG_KEYRING"
    assert reason_of(open_chain, [], house.genesis.keyring_id) == "NOT_A_CHAIN"


@pytest.mark.parametrize(
    "changes", [{"sequence": 1}, {"previous_hash": b"p" * 32}, {"keyring_id": b"k" * 32}, {"emergency": True}]
)
def test_what_is_no_genesis_starts_no_chain(house: House, changes: dict[str, Any]) -> None:
    manifest = replace(house.genesis.manifest, **changes)
    pinned = genesis_keyring_id(encode(manifest))
    assert reason_of(open_chain, [house.signed(manifest)], pinned) == "NOT_GENESIS"


def test_a_genesis_that_not_all_signed_starts_no_chain(house: House) -> None:
    absent = house.genesis.manifest.admins[:1]
    envelope = house.signed(house.genesis.manifest, absent)
    assert reason_of(open_chain, [envelope], house.genesis.keyring_id) == "SIGNATURES_MISSING"


def test_a_chain_has_an_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "MAX_LENGTH", 2)
    house.grow()
    assert open_chain(house.chain.envelopes, house.genesis.keyring_id) == house.chain
    house.grow()
    assert reason_of(open_chain, house.chain.envelopes, house.genesis.keyring_id) == "NOT_A_CHAIN"


# -- who is who ------------------------------------------------------------------------------------------------


def test_an_index_is_not_given_to_another_organisation(house: House) -> None:
    other = house.newcomer(5, "another key", organisation="Another organisation")
    reason, message = refusal(house, house.next(custodians=(*but(house, 5), other)))
    assert reason == "INVALID_FIELD"
    assert "never given to another" in message


def test_an_index_that_was_given_up_two_manifests_ago_is_not_given_to_another(house: House) -> None:
    house.grow(custodians=(*but(house, 5), house.newcomer(6)))
    house.grow()
    other = house.newcomer(5, "another key", organisation="Another organisation")
    reason, message = refusal(house, house.next(custodians=(*but(house, 4), other)))
    assert reason == "INVALID_FIELD"
    assert "never given to another" in message


def test_an_organisation_may_come_back_to_its_own_index(house: House) -> None:
    old = house.genesis.custodian(5)
    house.grow(custodians=(*but(house, 5), house.newcomer(6)))
    house.grow()
    assert refusal(house, house.next(custodians=(*but(house), old))) == ("", "")


@pytest.mark.parametrize("pause", [0, 2])
def test_an_identity_key_does_not_move_to_another_index(house: House, pause: int) -> None:
    old = house.genesis.custodian(5)
    for _ in range(pause):
        house.grow(custodians=(*but(house, 5, 6), house.newcomer(6)))
    new = replace(house.newcomer(7, organisation="Another organisation"), identity_key=old.identity_key)
    reason, message = refusal(house, house.next(custodians=(*but(house, 5), new)))
    assert reason == "INVALID_FIELD"
    assert "was that of custodian 5" in message


@pytest.mark.parametrize("pause", [0, 2])
def test_an_organisation_does_not_change_its_index(house: House, pause: int) -> None:
    # With two indices of one old version it would count twice; coming back after a while does not help it.
    old = house.genesis.custodian(5)
    for _ in range(pause):
        house.grow(custodians=(*but(house, 5, 6), house.newcomer(6)))
    new = house.newcomer(7, organisation=old.organisation)
    reason, message = refusal(house, house.next(custodians=(*but(house, 5), new)))
    assert reason == "INVALID_FIELD"
    assert "must stay 5" in message


def test_a_custodian_may_get_a_new_identity_key(house: House) -> None:
    new = signing_key("custodian 5 anew")
    house.meet(new)
    assert refusal(house, house.next(custodians=moved(house, 5, identity_key=new.public))) == ("", "")


# -- emergency -------------------------------------------------------------------------------------------------


def spare() -> House:
    """Seven custodians of whom three open a key: two can be taken out."""
    keys = {i: signing_key(f"custodian {i}") for i in range(1, 8)}
    apart = tuple(replace(custodian_of(i, key), jurisdiction=f"J{i}") for i, key in keys.items())
    return House.found(keys, durable_quorum=6, custodians=apart)


def test_an_emergency_takes_custodians_out_at_once() -> None:
    house = spare()
    stay = but(house, 7)
    evicted = house.grow(custodians=stay, durable_quorum=6, emergency=True)
    assert house.chain.current(evicted.manifest.created_at) == evicted
    second = house.grow(custodians=but(house, 6), durable_quorum=5, emergency=True)
    assert house.chain.current(second.manifest.created_at) == second


WIDER: dict[str, dict[str, Any]] = {
    "the threshold": {"threshold": 2},
    "the policy": {"policy": "permit (principal, action, resource);"},
    "the schema": {"policy_schema": "entity Nobody;"},
    "the admins": {"admins": tuple(signing_key(f"admin {n}").public for n in ("2", "3"))},
    "the admin quorum": {"admin_quorum": 3},
    "the name": {"name": "another"},
    "a later end": {"expires_at": House.found().genesis.manifest.expires_at + 1},
    "an earlier end": {"expires_at": House.found().genesis.manifest.expires_at - 1},
    "a lower durable quorum": {"durable_quorum": 5},
    "the delay": {"change_delay": 0},
    "the issuers": {"issuers": House.found().genesis.manifest.issuers[:1]},
}


@pytest.mark.parametrize("what", WIDER)
def test_an_emergency_changes_nothing_else(what: str) -> None:
    house = spare()
    evicts: dict[str, Any] = {"custodians": but(house, 7), "durable_quorum": 6, "emergency": True}
    assert refusal(house, house.next(**evicts)) == ("", "")
    assert refusal(house, house.next(**{**evicts, **WIDER[what]}))[0] == "EMERGENCY_TOO_WIDE"


def test_an_emergency_lets_nobody_in_and_alters_nobody() -> None:
    house = spare()
    evicts: dict[str, Any] = {"durable_quorum": 6, "emergency": True}
    joined = (*but(house, 6, 7), house.newcomer(8))
    assert refusal(house, house.next(custodians=joined, **evicts))[0] == "EMERGENCY_TOO_WIDE"
    altered = tuple(replace(c, endpoint="evil.example:1") if c.index == 1 else c for c in but(house, 7))
    assert refusal(house, house.next(custodians=altered, **evicts))[0] == "EMERGENCY_TOO_WIDE"
    assert refusal(house, house.next(**evicts))[0] == "EMERGENCY_TOO_WIDE"  # it must take somebody out


def test_an_emergency_does_not_pull_an_announced_change_forward() -> None:
    house = spare()
    announced = house.grow(policy="permit (principal, action, resource);")
    house.grow(custodians=but(house, 7), durable_quorum=6, emergency=True)
    now = house.chain.last.manifest.created_at
    assert house.chain.current(now) == house.genesis
    assert house.chain.current(announced.manifest.created_at + DELAY) == house.chain.last


# -- when it holds ---------------------------------------------------------------------------------------------


def test_a_change_holds_once_its_delay_has_passed(house: House) -> None:
    new = house.grow()
    holds = new.manifest.created_at + DELAY
    assert house.chain.holds_from(1) == holds
    assert house.chain.current(holds - 1) == house.genesis
    assert house.chain.announced(holds - 1) == (new,)
    assert house.chain.current(holds) == new
    assert house.chain.announced(holds) == ()


def test_the_delay_is_that_of_the_manifest_before(house: House) -> None:
    new = house.grow(change_delay=0)
    assert house.chain.holds_from(1) == new.manifest.created_at + DELAY
    last = house.grow()
    assert house.chain.holds_from(2) == max(last.manifest.created_at, new.manifest.created_at + DELAY)


def test_a_later_manifest_holds_no_earlier_than_the_one_before(house: House) -> None:
    house.grow(change_delay=0)
    quick = house.grow()
    assert house.chain.current(quick.manifest.created_at) == house.genesis


def test_an_expired_manifest_is_said_to_be(house: House) -> None:
    end = house.genesis.manifest.expires_at
    assert house.chain.current(end - 1) == house.genesis
    assert reason_of(house.chain.current, end) == "MANIFEST_EXPIRED"


def test_a_renewal_that_does_not_hold_yet_does_not_help_an_expired_manifest(house: House) -> None:
    end = house.genesis.manifest.expires_at
    house.grow(created_at=end - 1, expires_at=end + 365 * DAY)
    assert reason_of(house.chain.current, end) == "MANIFEST_EXPIRED"
    assert house.chain.current(end - 1 + DELAY) == house.chain.last


def test_the_end_is_announced_thirty_days_before(house: House) -> None:
    end = house.genesis.manifest.expires_at
    assert house.chain.expires_soon(end - 30 * DAY) is None
    assert house.chain.expires_soon(end - 30 * DAY + 1) == 30 * DAY - 1
    assert house.chain.expires_soon(end) == 0
    assert house.chain.expires_soon(end + DAY) == 0


def test_a_manifest_is_found_by_its_hash(house: House) -> None:
    new = house.grow()
    assert house.chain.of(new.manifest_hash) == new
    assert house.chain.of(house.genesis.manifest_hash) == house.genesis
    assert reason_of(house.chain.of, b"m" * 32) == "UNKNOWN_MANIFEST"


# -- following -------------------------------------------------------------------------------------------------


def test_a_longer_chain_is_followed_and_the_first_one_taken(house: House) -> None:
    short = house.chain
    house.grow()
    assert follow(None, short) == short
    assert follow(short, house.chain) == house.chain
    assert follow(house.chain, house.chain) == house.chain
    assert house.chain.seen.sequence == 1
    assert house.chain.seen.manifest_hash == house.chain.last.manifest_hash


def test_a_shorter_chain_is_a_rollback(house: House) -> None:
    short = house.chain
    house.grow()
    with pytest.raises(Stale) as caught:
        follow(house.chain, short)
    assert caught.value.reason == "MANIFEST_ROLLBACK"


def forks(house: House, longer: int) -> tuple[Chain, Chain]:
    """Two chains that part after genesis, the second one with so many more manifests."""
    side = House(house.genesis, house.chain, house.keys)
    house.grow()
    side.grow(expires_at=START + 300 * DAY)
    for _ in range(longer):
        side.grow()
    return house.chain, side.chain


@pytest.mark.parametrize("longer", [0, 1])
def test_two_manifests_in_one_place_are_a_fork_and_prove_it(house: House, longer: int) -> None:
    known, offered = forks(house, longer)
    with pytest.raises(Fork) as caught:
        follow(known, offered)
    assert caught.value.evidence == (known.links[1].envelope, offered.links[1].envelope)
    assert known.last.manifest_hash.hex() in caught.value.message


def test_a_shorter_chain_that_parts_is_a_fork_and_no_mere_rollback(house: House) -> None:
    known, offered = forks(house, 0)
    house.grow()
    with pytest.raises(Fork) as caught:
        follow(house.chain, offered)
    assert caught.value.evidence == (known.links[1].envelope, offered.links[1].envelope)
