"""Signatures add up to a chain or an order, and to nothing less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.ceremony import drafts
from kms.ceremony.files import Attachment, Enveloped, read_lines, write_lines
from kms.ceremony.proposals import (
    gather,
    lines_of,
    missing,
    parties,
    propose,
    read_chain,
    read_proposal,
    sign,
    with_signatures,
)
from kms.errors import BadSignature, Invalid, KmsError
from kms.statements.chain import open_chain
from tests.unit.ceremony.people import (
    ADMINS,
    NOW,
    all_sign,
    chain,
    draft,
    enrolment,
    founded,
    genesis,
    key,
    next_proposal,
)


def reason(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(KmsError) as refused:
        call(*arguments)
    return refused.value.reason


def test_a_genesis_signed_by_all_is_a_chain_that_nodes_open() -> None:
    proposal = all_sign(genesis(), range(1, 6))
    read = read_chain(gather(proposal, NOW))
    assert read.keyring_id == proposal.keyring_id == proposal.digest
    assert open_chain(read.envelopes, proposal.keyring_id).last.manifest == proposal.statement


def test_a_proposal_travels_as_a_file_with_its_signatures_and_enrolments() -> None:
    proposal = all_sign(genesis(), [2], admins=1)
    read = read_proposal(read_lines(write_lines(lines_of(proposal))))
    assert (read.statement, read.signers, read.digest) == (
        proposal.statement,
        proposal.signers,
        proposal.digest,
    )
    assert [e.statement for e in read.enrolments] == [e.statement for e in proposal.enrolments]
    assert {p.name for p in parties(read) if p.signed} == {"admin 1", "custodian 2 (Organisation 2)"}


@pytest.mark.parametrize(("custodians", "admins"), [((1, 2, 3, 4), 3), ((1, 2, 3, 4, 5), 2), ((), 0)])
def test_a_genesis_lacks_whoever_has_not_signed(custodians: tuple[int, ...], admins: int) -> None:
    proposal = all_sign(genesis(), custodians, admins)
    assert missing(proposal)
    assert reason(gather, proposal, NOW) == "SIGNATURES_MISSING"


def test_a_signature_under_another_proposal_is_refused() -> None:
    other = genesis(name="Another")
    assert reason(with_signatures, genesis(), sign(other, ADMINS[0])) == "WRONG_PROPOSAL"


def test_a_strangers_signature_is_refused() -> None:
    assert reason(with_signatures, genesis(), sign(genesis(), key("stranger"))) == "WRONG_SIGNER"


def test_a_forged_signature_is_refused() -> None:
    line = replace(sign(genesis(), ADMINS[0]), signatures=((ADMINS[0].public, bytes(64)),))
    assert reason(with_signatures, genesis(), line) == "BAD_SIGNATURE"


@pytest.mark.parametrize("line", [Attachment("a", b""), Enveloped("other", b"", ())])
def test_another_kind_of_file_is_no_signature(line: Attachment | Enveloped) -> None:
    assert reason(with_signatures, genesis(), line) == "WRONG_TYPE"


def test_a_next_manifest_is_signed_by_old_and_new() -> None:
    known = chain()
    proposal = next_proposal(known, draft(remove=("Organisation 5",)), [enrolment(6)])
    assert proposal.digest != proposal.keyring_id
    lacking = all_sign(proposal, [1, 2, 3, 4], admins=2)
    assert missing(lacking) == ["custodian 6 (Organisation 6)"]
    lines = gather(all_sign(lacking, [6], admins=0), NOW)
    assert [link.manifest.sequence for link in read_chain(lines).links] == [0, 1]
    assert read_chain(lines).last.manifest.indices == (1, 2, 3, 4, 6)


def test_an_order_is_signed_by_the_admins_quorum_and_by_nobody_else() -> None:
    known = chain()
    order = propose(known, drafts.order(known, 1, "refresh", NOW))
    assert missing(order) == ["2 more of 3 admins"]
    assert reason(with_signatures, order, sign(order, key("custodian 1"))) == "WRONG_SIGNER"
    assert reason(gather, all_sign(order, [], admins=1), NOW) == "SIGNATURES_MISSING"
    lines = gather(all_sign(order, [], admins=2), NOW)
    assert read_proposal(lines).digest == order.digest
    assert not missing(read_proposal(lines))


def test_files_that_are_no_proposal_are_refused() -> None:
    signed, order = founded(), drafts.order(chain(), 1, "x", NOW)
    unsigned = lines_of(genesis())
    assert reason(read_proposal, [Attachment("a", b"")]) == "NOT_A_PROPOSAL"
    assert reason(read_proposal, [unsigned[1]]) == "NOT_A_PROPOSAL"
    assert reason(read_proposal, [unsigned[1], unsigned[0]]) == "NOT_A_PROPOSAL"
    assert reason(read_proposal, [*signed, *[propose(chain(), order).line] * 2]) == "NOT_A_PROPOSAL"
    assert reason(read_chain, [unsigned[0]]) == "SIGNATURES_MISSING"
    assert reason(read_chain, [unsigned[1]]) == "NOT_A_CHAIN"
    assert reason(read_chain, []) == "NOT_A_CHAIN"


def test_a_chain_in_a_proposal_is_verified() -> None:
    known, proposal = founded(), next_proposal(chain(), draft())
    assert isinstance(known[0], Enveloped)
    forged = replace(known[0], signatures=known[0].signatures[:-1])
    with pytest.raises(BadSignature):
        read_proposal([forged, proposal.line])


def test_an_enrolment_is_signed_by_the_key_in_it() -> None:
    lines = lines_of(genesis())
    theirs = lines[1]
    assert isinstance(theirs, Enveloped)
    forged = Enveloped(
        theirs.payload_type,
        theirs.payload,
        ((key("x").public, key("x").sign(theirs.payload_type, theirs.payload)),),
    )
    with pytest.raises((BadSignature, Invalid)):
        read_proposal([lines[0], forged])
