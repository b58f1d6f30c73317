"""Each promise is broken, and seen to be, as soon as the product does not keep it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kms.custodian import resharing
from kms.custodian.sealing_keys import SealingKeys
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.sqlite.versions import SqliteVersions
from kms.errors import CryptoError
from kms.policy.engine import Outcome, PolicyEngine
from kms.statements import ceremony
from tests.siege.run import run

ENOUGH = 400
"""Seeds after which a missing check must have shown."""
Remove = Callable[[pytest.MonkeyPatch], None]


def any_certificate(patch: pytest.MonkeyPatch) -> None:
    """One INSTALLED is taken for a quorum's."""
    check = ceremony.check_certificate
    patch.setattr(
        resharing, "check_certificate", lambda words, bound, version, _: check(words, bound, version, 1)
    )


def unverified_shares(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resharing, "verify_batch", lambda *_: {})


def shares_stay(patch: pytest.MonkeyPatch) -> None:
    """ERASED is signed, and nothing erased."""
    patch.setattr(SqliteVersions, "drop_older", lambda *_: 0)
    patch.setattr(SqliteCustodianStore, "erase_dealt", lambda *_: None)


def what_was_erased_comes_back(patch: pytest.MonkeyPatch) -> None:
    """Nobody remembers which certificate was acted on."""
    patch.setattr(SqliteCustodianStore, "raise_floor", lambda *_: None)


def sealing_keys_stay(patch: pytest.MonkeyPatch) -> None:
    def rotate(self: Any, now: int) -> Any:
        period = now // self._length
        made = [live.signed for live in self._live.values() if live.signed.statement.period == period]
        return made[0] if made else self._make(period, now)

    patch.setattr(SealingKeys, "rotate", rotate)


def strangers_are_allowed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PolicyEngine, "decide_release", lambda *_: Outcome("allow", "ANY"))


def every_dealing_is_blamed(patch: pytest.MonkeyPatch) -> None:
    def wrong(*_: Any, **__: Any) -> None:
        raise CryptoError("wrong", reason="WRONG_SHARE")

    patch.setattr(resharing, "verify_sub_share", wrong)


def nothing_is_installed(patch: pytest.MonkeyPatch) -> None:
    """Every plan is one too many."""
    patch.setattr(resharing, "MAX_PLANS_OF_ONE_ORDER", 0)


@pytest.mark.parametrize(
    ("remove", "promise"),
    [
        (any_certificate, "Durable"),
        (unverified_shares, "Same"),
        (shares_stay, "Erased"),
        (what_was_erased_comes_back, "Erased"),
        (sealing_keys_stay, "Secret"),
        (strangers_are_allowed, "Secret"),
        (every_dealing_is_blamed, "Fair"),
        (nothing_is_installed, "Live"),
    ],
)
def test_a_promise_that_is_not_kept_is_seen(
    monkeypatch: pytest.MonkeyPatch, remove: Remove, promise: str
) -> None:
    remove(monkeypatch)
    # Another promise may break before it in another seed: one lie seldom comes alone.
    broken = next((o for o in map(run, range(ENOUGH)) if o.wrong.startswith(f"{promise}:")), None)
    assert broken is not None
    assert broken.replay == f"scripts/siege {broken.seed}"
