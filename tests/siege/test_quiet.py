"""The coordinator's own ceremonies, with one custodian that says the wrong thing at one place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kms.statements.envelope import sign
from tests.protocol.ceremonies import make_order
from tests.siege import quiet
from tests.siege.invariants import Law
from tests.siege.records import Records
from tests.siege.test_every_write import begin
from tests.siege.world import Site, founded, seeded


@pytest.fixture(autouse=True)
def drawn_from_a_seed() -> Iterator[None]:
    with seeded("quiet"):
        yield


def refreshed(site: Site, records: Records, law: Law) -> set[int]:
    """Who has a share of order 1 of every key after the coordinator carried it out."""
    quiet.reshare(site, make_order(site), records)
    law.check()
    return {
        index
        for index in site.disks
        if all(any(h.sequence == 1 for h in law.held[index].get(key, {}).values()) for key in law.keys)
    }


def test_a_member_whose_sealing_key_is_over_is_left_out_and_stops_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site, records, law = begin(founded(4, 2, 1))
    key = site.nodes[1].sealing_key()
    over = sign(replace(key.statement, not_after=key.statement.not_before + 1), site.identities[1])
    monkeypatch.setattr(site.nodes[1], "sealing_key", lambda: over)
    assert refreshed(site, records, law) == {2, 3, 4}
    site.close()


def test_a_newcomer_is_told_of_its_keys_by_who_knows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    site, records, law = begin(founded(3, 2, 2))
    law.faulty = {3}
    site.wipe(3)
    site.start(3)
    (one, _) = site.nodes[1].descriptors(list(law.keys))
    monkeypatch.setattr(site.nodes[1], "descriptors", lambda _: [one, one])
    assert refreshed(site, records, law) == {1, 2, 3}
    site.close()
