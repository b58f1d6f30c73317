"""Files that people leave for one another: signatures add up, junk stops at the door, old ones are forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from kms.ceremony import files, mailbox
from kms.ceremony.enrolments import enrolments_of
from kms.ceremony.files import Attachment, write_lines
from kms.ceremony.mailbox import KEEP_SECONDS, Mailbox, opened
from kms.ceremony.proposals import Proposal, gather, line_of, lines_of, missing, sign, with_signatures
from kms.errors import BadSignature, Denied, Exhausted, Invalid, KmsError, NotFound
from tests.unit.ceremony.people import ADMINS, NOW, all_sign, draft, enrolment, genesis, key, next_proposal
from tests.unit.ceremony.people import chain as founded_chain


class Box:
    """A mailbox that admin 1 may open, and its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder / "mailbox", float(NOW)
        self.openers = {ADMINS[0].public}
        self.again()

    def again(self) -> None:
        self.mailbox = Mailbox(self.folder, lambda: self.openers, lambda: self.now)

    def put(self, proposal: Proposal) -> Proposal | None:
        return self.mailbox.put(write_lines(lines_of(proposal)))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def signed(proposal: Proposal, *names: str) -> Proposal:
    for name in names:
        proposal = with_signatures(proposal, sign(proposal, key(name)))
    return proposal


def refusal(box: Box, data: bytes) -> str:
    before = sorted(box.folder.glob("*")) if box.folder.exists() else []
    with pytest.raises(KmsError) as caught:
        box.mailbox.put(data)
    assert (sorted(box.folder.glob("*")) if box.folder.exists() else []) == before
    return caught.value.reason


def test_signatures_that_come_one_by_one_make_a_keyring(box: Box) -> None:
    proposal = genesis()
    assert box.put(signed(proposal, "admin 1")) is not None
    for name in ("custodian 3", "admin 2", *(f"custodian {n}" for n in (1, 2, 4, 5)), "admin 3"):
        box.again()  # whatever it knows is on the disk
        box.mailbox.put(write_lines([sign(proposal, key(name))]))
    got = opened(box.mailbox.fetch(proposal.digest), proposal.digest)
    assert missing(got) == []
    assert got.enrolments == proposal.enrolments
    assert gather(got, NOW) == gather(all_sign(proposal, range(1, 6)), NOW)


def test_a_change_and_its_signatures_come_together(box: Box) -> None:
    known = founded_chain()
    proposal = next_proposal(known, draft(threshold=3), [enrolment(6)])
    box.put(signed(proposal, "admin 1"))
    box.put(signed(proposal, "admin 2", "custodian 6"))
    (there,) = box.mailbox.boxes()
    assert there.signers == {key(name).public for name in ("admin 1", "admin 2", "custodian 6")}
    assert there.digest == proposal.digest


def test_nothing_is_carried_that_nobody_here_signed(box: Box) -> None:
    proposal = genesis()
    for stranger in (proposal, signed(proposal, "admin 2"), signed(proposal, "custodian 1")):
        assert refusal(box, write_lines(lines_of(stranger))) == "NO_OPENER"
    for bare in (proposal, next_proposal(founded_chain(), draft(threshold=3), [enrolment(6)])):
        assert refusal(box, write_lines([sign(bare, ADMINS[0])])) == "PROPOSAL_FIRST"
    box.openers = set()
    with pytest.raises(Denied):
        box.put(signed(proposal, "admin 1"))


def test_a_forged_or_strange_signature_is_refused_and_changes_nothing(box: Box) -> None:
    proposal = genesis()
    box.put(signed(proposal, "admin 1"))
    before = box.mailbox.fetch(proposal.digest)
    forged = files.Enveloped(proposal.payload_type, proposal.payload, ((key("admin 2").public, bytes(64)),))
    with pytest.raises(BadSignature):
        box.mailbox.put(write_lines([forged]))
    with pytest.raises(BadSignature):
        box.mailbox.put(write_lines([sign(proposal, key("mallory"))]))
    assert box.mailbox.fetch(proposal.digest) == before


@pytest.mark.parametrize("data", [b"", b"x\n", write_lines([Attachment("keys", b"1")])])
def test_what_is_no_file_of_a_ceremony_is_refused(box: Box, data: bytes) -> None:
    with pytest.raises(Invalid):
        box.mailbox.put(data)


def test_enrolments_are_handed_on_together_and_a_newer_one_takes_the_place_of_the_older(box: Box) -> None:
    said = [enrolment(1), enrolment(2), enrolment(1, endpoint="moved.example:7001")]
    for each in said:
        assert box.mailbox.put(write_lines([line_of(each.envelope)])) is None
    got = enrolments_of(files.read_lines(box.mailbox.fetch(b"")))
    assert {each.statement.endpoint for each in got} == {"moved.example:7001", "c2.example:7001"}
    assert box.mailbox.enrolments() == 2


def test_there_is_room_for_so_many_and_no_more(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "MAX_BOXES", 2)
    monkeypatch.setattr(mailbox, "MAX_ENROLMENTS", 1)
    for name in ("a", "b"):
        box.put(signed(genesis(name=name), "admin 1"))
    with pytest.raises(Exhausted):
        box.put(signed(genesis(name="c"), "admin 1"))
    box.put(signed(genesis(name="b"), "admin 2"))  # one that is here already
    box.mailbox.put(write_lines([line_of(enrolment(1).envelope)]))
    with pytest.raises(Exhausted):
        box.mailbox.put(write_lines([line_of(enrolment(2).envelope)]))
    box.mailbox.put(write_lines([line_of(enrolment(1).envelope)]))


def test_a_file_is_forgotten_thirty_days_after_it_last_changed(box: Box) -> None:
    proposal = genesis()
    box.put(signed(proposal, "admin 1"))
    box.now += KEEP_SECONDS - 10
    box.put(signed(proposal, "admin 2"))
    box.now += KEEP_SECONDS - 10
    assert len(box.mailbox.boxes()) == 1
    box.now += 20
    assert box.mailbox.boxes() == []
    with pytest.raises(NotFound):
        box.mailbox.fetch(proposal.digest)
