"""One admin who proposes a change with a date of long ago, so that it holds before anybody can object to it.

The delay of a change counts from the time in it. Whoever writes the proposal writes that time; all others sign what
they were given, and count on the days that they were promised.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.ceremony.checks import Standing, objections, refuse_for_admin, refuse_for_custodian
from kms.ceremony.drafts import Draft
from kms.ceremony.proposals import gather, propose, read_chain
from kms.errors import Invalid
from kms.statements.manifest import Manifest
from tests.unit.ceremony.people import ADMINS, NOW, all_sign, chain, draft, key, next_proposal

WEEK = 7 * 86400
TODAY = NOW + 30 * 86400


def test_a_change_dated_so_far_back_that_it_would_hold_at_once_is_signed_by_nobody() -> None:
    known = chain()
    assert known.last.manifest.change_delay == WEEK
    backdated = next_proposal(known, draft(threshold=3, change_delay_days=0), now=NOW + 1)
    # Who signs it unread is bound: what all have signed is in force from that moment on.
    unread = read_chain(gather(all_sign(backdated, range(1, 6)), TODAY))
    assert unread.current(TODAY) == unread.last
    assert [problem.path for problem in objections(backdated, TODAY)] == ["created_at"]
    with pytest.raises(Invalid, match="hold at once"):
        refuse_for_admin(backdated, ADMINS[1].public, TODAY)
    with pytest.raises(Invalid, match="hold at once"):
        refuse_for_custodian(backdated, Standing(key("custodian 1").public), TODAY)


def test_the_same_change_of_today_is_signed_and_waits() -> None:
    known = chain()
    honest = next_proposal(known, draft(threshold=3, change_delay_days=0), now=TODAY)
    assert objections(honest, TODAY) == []
    signed = read_chain(gather(all_sign(honest, range(1, 6)), TODAY))
    assert signed.in_force(TODAY + WEEK - 1) == known.last
    assert signed.in_force(TODAY + WEEK) == signed.last


def test_an_eviction_does_not_cut_the_manifests_life_short() -> None:
    known = chain(6)
    evicts = next_proposal(known, Draft(remove=("Organisation 6",), emergency=True), now=TODAY)
    assert objections(evicts, TODAY) == []
    assert isinstance(evicts.statement, Manifest)
    shorter = propose(known, replace(evicts.statement, expires_at=TODAY + 3600))
    assert [problem.path for problem in objections(shorter, TODAY)] == ["manifest"]
