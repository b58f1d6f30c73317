"""Power fails before and after every write of a resharing and of a repair: given again, each comes to its end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from kms.errors import Unavailable
from tests.protocol.ceremonies import make_order
from tests.siege import quiet
from tests.siege.invariants import Law
from tests.siege.records import Records
from tests.siege.views import Adversary, Forms
from tests.siege.world import Founded, Site, founded, seeded

Act = Callable[[Site, Records], object]


def begin(template: Founded) -> tuple[Site, Records, Law]:
    site = template.copy()
    for index in sorted(site.disks):
        site.start(index)
    keys = {key.key_id: key for key in template.keys}
    adversary = Adversary({k: key.descriptor.core.commitments[0] for k, key in keys.items()})
    forms = Forms()
    for key_id, key in keys.items():
        forms.dealt(key.descriptor.version, key_id, key.descriptor.core.commitments)
    return site, Records(site, forms, adversary), Law(site, adversary, keys, set())


def reshare(site: Site, records: Records) -> None:
    quiet.reshare(site, make_order(site), records)


def repair(site: Site, records: Records) -> None:
    quiet.repair(site, 1, records)


def power_back(site: Site) -> None:
    site.reap()
    for index in site.down():
        site.start(index)


def writes_of(act: Act, template: Founded, lost: bool) -> dict[int, int]:
    """How often each custodian writes while this goes undisturbed."""
    site, records, _ = begin(template)
    if lost:
        site.wipe(1)
        site.start(1)
    before = {index: power.writes for index, power in site.powers.items()}
    act(site, records)
    found = {index: power.writes - before[index] for index, power in site.powers.items()}
    site.close()
    return found


@pytest.mark.parametrize("how", ["before", "after", "full"])
@pytest.mark.parametrize(("act", "lost"), [(reshare, False), (repair, True)], ids=["reshare", "repair"])
def test_a_ceremony_that_is_cut_off_at_any_write_goes_on_when_it_is_given_again(
    act: Act, lost: bool, how: str
) -> None:
    with seeded("every write"):
        template = founded(3, 2, 2)
        cut = 0
        for index, writes in writes_of(act, template, lost).items():
            for write in range(writes):
                site, records, law = begin(template)
                if lost:
                    law.faulty = {1}
                    site.wipe(1)
                    site.start(1)
                site.powers[index].arm(how, write)
                with contextlib.suppress(Unavailable):  # the one custodian that nothing goes on without
                    act(site, records)
                cut += site.powers[index].armed is None
                law.check()
                power_back(site)
                act(site, records)
                law.faulty = set()
                law.check()
                everything = {key: len(law.held[index]) for key in law.keys for index in site.disks}
                assert set(everything.values()) == {len(law.keys)}
                if not lost:
                    assert {
                        h.sequence for i in site.disks for k in law.keys for h in law.held[i][k].values()
                    } == {1}
                site.close()
        assert cut >= 6
