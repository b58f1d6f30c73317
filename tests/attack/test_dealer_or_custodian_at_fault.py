"""Who is at fault: the custodian whose share is wrong, or the dealer whose key check value is."""

from __future__ import annotations

from tests.protocol.adversary import bent, redescribed
from tests.protocol.world import World


def corrupt(world: World, index: int, key_id: bytes) -> None:
    """Custodian `index` keeps another share than it vouched for."""
    context = world.nodes[index].context
    stored = context.store.keys([key_id])[key_id]  # type: ignore[list-item, index]
    share = bent(context.vault.open_share(stored.key_id, stored.row))
    row = context.vault.seal_row(stored.key_id, share, context.vault.open_opening(stored.key_id, stored.row))
    context.store._db.execute(  # type: ignore[attr-defined]
        "UPDATE keys SET wrapped_key = ?, share = ?, opening = ? WHERE wrapped_key = ?",
        (row.wrapped_key, row.share, row.opening, stored.row.wrapped_key),
    )


def test_a_wrong_share_names_its_custodian_and_the_key_opens(world: World) -> None:
    owner = world.device("alice")
    (key,) = world.create(owner)
    corrupt(world, 2, key.key_id)
    collector = world.release(owner, [key])
    assert set(collector.opened) == {key.key_id}
    assert {(f.index, f.reason) for f in collector.faults} == {(2, "WRONG_SHARE")}


def test_two_liars_of_five_are_both_named(world: World) -> None:
    owner = world.device("alice")
    (key,) = world.create(owner)
    corrupt(world, 1, key.key_id)
    corrupt(world, 4, key.key_id)
    collector = world.release(owner, [key])
    assert set(collector.opened) == {key.key_id}
    assert {f.index for f in collector.faults} == {1, 4}


def test_a_wrong_key_check_value_names_the_dealer_and_no_custodian(world: World) -> None:
    dealer = world.device("alice")
    dealt = world.deal(dealer, [{"category": "lab"}])
    (key,) = dealt.keys
    lying = redescribed(key.descriptor, kcv=bytes(32))
    forged = type(dealt)((type(key)(lying, key.secret, key.context, key.salt),), dealt.secrets)
    sent = world.send(dealer, forged)
    for index in world.nodes:
        world.deposit_at(index, sent)
    collector = world.release(dealer, [lying.key_id])
    assert not collector.opened
    assert collector.failure(0).reason == "KEY_MALFORMED"
    assert {f.index for f in collector.faults} == {0}


def test_a_naive_reader_without_a_check_value_takes_the_wrong_key(world: World) -> None:
    """Interpolating whatever came first gives some key, and blames nobody."""
    from kms.crypto.sharing import decode_share, interpolate

    dealt = world.deal(world.device("alice"), [{"category": "lab"}])
    shares = {i: s.shares[0] for i, s in dealt.secrets.items()}
    wrong = {**shares, 2: bent(shares[2])}
    right, taken = (
        interpolate((1, 2, 3), [decode_share(x[i])[0] for i in (1, 2, 3)]) for x in (shares, wrong)
    )
    assert right != taken
