"""A host keeps the mailbox that people pass proposals through: it can lose them, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from kms.ceremony import files
from kms.ceremony.mailbox import Mailbox, opened
from kms.ceremony.proposals import lines_of, read_proposal, sign, with_signatures
from kms.errors import BadSignature, Denied, Invalid
from tests.unit.ceremony.people import ADMINS, NOW, genesis, key


def test_another_proposal_under_a_known_name_is_refused() -> None:
    meant, other = genesis(), genesis(name="Clinics of the host")
    swapped = files.write_lines(lines_of(with_signatures(other, sign(other, ADMINS[0]))))
    # It is a good proposal by itself: who takes whatever comes would sign it.
    assert read_proposal(files.read_lines(swapped)).digest == other.digest
    with pytest.raises(Invalid) as caught:
        opened(swapped, meant.digest)
    assert caught.value.reason == "WRONG_PROPOSAL"


def test_signatures_of_another_proposal_do_not_count_under_this_one() -> None:
    meant, other = genesis(), genesis(name="Clinics of the host")
    borrowed = sign(other, ADMINS[1])
    line = files.Enveloped(meant.payload_type, meant.payload, borrowed.signatures)
    data = files.write_lines([line, *lines_of(meant)[1:]])
    with pytest.raises(BadSignature):
        opened(data, meant.digest)


def test_strangers_fill_no_disk(tmp_path: Path) -> None:
    box = Mailbox(tmp_path / "mailbox", lambda: {ADMINS[0].public}, lambda: float(NOW))
    for number in range(3):  # a keyring of one's own is easily made, and signed by oneself
        proposal = genesis(name=f"junk {number}", admins=(key("mallory").public,), admin_quorum=1)
        proposal = with_signatures(proposal, sign(proposal, key("mallory")))
        with pytest.raises(Denied) as caught:
            box.put(files.write_lines(lines_of(proposal)))
        assert caught.value.reason == "NO_OPENER"
    assert not (tmp_path / "mailbox").exists()
