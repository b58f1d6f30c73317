"""Two requests start from one size at a witness: the second must not take back what it said to the first."""

from __future__ import annotations

from pathlib import Path

from kms.custodian.sqlite.witness import SqliteWitness
from kms.custodian.witness import Witness, Witnessed
from tests.protocol.loose_logs import Log, entries
from tests.protocol.witnesses import cosigned, open_store, refusal, witness_of
from tests.protocol.world import signing_key

LOG = Log(1, signing_key("custodian 1"), entries(4))
SHORT, LONG = LOG.grown(entries(2)), LOG.grown(entries(9))
FORKED = LOG.grown(entries(9, "other"))
KNOWN = {LOG.origin: LOG.key.public}


class Racing(SqliteWitness):
    """Between this request's look and its write, another one is answered."""

    other: tuple[Witness, bytes] | None = None

    def last(self, origin: str) -> Witnessed | None:
        seen = super().last(origin)
        if self.other is not None:
            (witness, body), self.other = self.other, None
            assert cosigned(witness, body)
        return seen


def race(path: Path, before: int, first: bytes, second: bytes) -> tuple[str, int]:
    """(why the second was refused, the size that is kept) where `first` overtakes `second`."""
    store = open_store(path)
    racing = Racing(store._db)
    if before:
        assert cosigned(witness_of(store.witness, KNOWN), LOG.addition(0))
    racing.other = (witness_of(store.witness, KNOWN), first)
    reason = refusal(witness_of(racing, KNOWN), second).reason
    kept = store.witness.last(LOG.origin)
    assert kept is not None
    store.close()
    return reason, kept.size


def test_the_shorter_does_not_roll_the_longer_back(tmp_path: Path) -> None:
    assert race(tmp_path / "w.db", 4, LONG.addition(4), SHORT.addition(4)) == ("OLD_SIZE", 13)


def test_of_two_branches_one_is_cosigned(tmp_path: Path) -> None:
    assert race(tmp_path / "w.db", 4, LONG.addition(4), FORKED.addition(4)) == ("OLD_SIZE", 13)


def test_of_two_first_requests_one_is_cosigned(tmp_path: Path) -> None:
    assert race(tmp_path / "w.db", 0, LONG.addition(0), FORKED.addition(0)) == ("OLD_SIZE", 13)
