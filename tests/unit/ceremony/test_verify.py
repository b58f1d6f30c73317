"""The offline verifier: what holds is told, what does not is named by its line, and nothing of a node runs in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.ceremony import drafts
from kms.ceremony.drafts import Draft
from kms.ceremony.files import Enveloped, Line, write_lines
from kms.ceremony.offline import messages, report, succession
from kms.ceremony.offline.reader import read
from kms.ceremony.proposals import envelope_of, gather, lines_of, propose, read_chain
from kms.ceremony.verify import verify
from kms.crypto.signing import SigningKey
from kms.errors import Invalid, KmsError
from kms.statements import quorums
from kms.statements.chain import open_chain
from kms.statements.codec import encode, parse_strict
from kms.statements.manifest import Manifest, genesis_keyring_id
from kms.wire.v1 import keyring_pb2
from tests.unit.ceremony.bits import assert_every_flip_is_named
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

FORBIDDEN = ("coincurve", "grpc", "protovalidate", "sqlite3", "sqlite_utils", "cedarpy", "google")


def grown(n: int = 6) -> tuple[Line, ...]:
    """A chain of three: founded, one replaced by another, one evicted."""
    known = chain(n)
    swap = next_proposal(known, draft(remove=("Organisation 5",)), [enrolment(7)])
    lines = gather(all_sign(swap, [1, 2, 3, 4, 6, 7]), NOW)
    evict = next_proposal(read_chain(lines), Draft(remove=("Organisation 7",), emergency=True), now=NOW + 2)
    return gather(all_sign(evict, [1, 2, 3, 4, 6]), NOW)


def test_a_chain_is_told_link_by_link() -> None:
    account = verify(write_lines(grown()))
    assert account.problem is None
    assert [event.line for event in account.events] == [1, 2, 3]
    assert "was founded" in account.events[0].text
    assert "custodians 1, 2, 3, 4, 6, 7" in account.events[1].text
    assert "in an emergency" in account.events[2].text
    assert report.verdict(account) == report.HOLDS


def test_every_changed_bit_is_named_by_its_line() -> None:
    assert_every_flip_is_named([*grown(), *lines_of(genesis())[1:]])


@pytest.mark.long
def test_a_changed_bit_of_every_single_byte_is_named_by_its_line() -> None:
    assert_every_flip_is_named(founded(), every_byte=True)


def test_a_lost_end_and_a_lost_line_are_named() -> None:
    lines = grown()
    assert problem_of(write_lines(lines)[:-1]) == 3
    assert problem_of(write_lines([lines[0], lines[2]])) == 2
    assert problem_of(write_lines(lines[1:])) == 1
    assert problem_of(b"") == 1


def problem_of(data: bytes) -> int | None:
    problem = verify(data).problem
    return None if problem is None else problem.line


def test_another_keyring_than_the_readers_is_refused() -> None:
    data = write_lines(founded())
    assert verify(data, verify(data).keyring_id).problem is None
    problem = verify(data, "00" * 32).problem
    assert problem is not None
    assert "another keyring" in problem.text


def test_a_proposal_that_nobody_signed_is_no_transcript() -> None:
    assert problem_of(write_lines(lines_of(genesis()))) == 1


def manifest_line(manifest: Manifest, keys: list[SigningKey]) -> Enveloped:
    payload, kind = encode(manifest), "application/vnd.threshold-kms.manifest.v1+protobuf"
    return Enveloped(kind, payload, tuple(sorted((k.public, k.sign(kind, payload)) for k in keys)))


def accepted_by_nodes(lines: list[Line]) -> bool:
    try:
        envelopes = [envelope_of(line) for line in lines if isinstance(line, Enveloped)]
        first = lines[0]
        assert isinstance(first, Enveloped)
        open_chain(envelopes, genesis_keyring_id(first.payload))
    except KmsError:
        return False
    return True


PEOPLE = [*ADMINS, *(key(f"custodian {n}") for n in range(1, 8))]


@given(
    st.sets(st.integers(0, len(PEOPLE) - 1), min_size=1),
    st.sampled_from(
        [
            lambda m: m,
            lambda m: replace(m, sequence=2),
            lambda m: replace(m, previous_hash=bytes(32)),
            lambda m: replace(m, keyring_id=bytes(32)),
            lambda m: replace(m, emergency=True),
            lambda m: replace(m, created_at=NOW - 1),
            lambda m: replace(m, custodians=m.custodians[:-1]),
            lambda m: replace(m, custodians=m.custodians[:-1], emergency=True),
            lambda m: replace(m, custodians=m.custodians[:-1], emergency=True, name="x"),
            lambda m: replace(m, custodians=m.custodians[:-1], emergency=True, expires_at=m.expires_at - 1),
            lambda m: replace(m, custodians=(replace(m.custodians[0], index=9), *m.custodians[1:])),
            lambda m: replace(
                m, custodians=(replace(m.custodians[0], organisation="Thief"), *m.custodians[1:])
            ),
            lambda m: replace(m, admins=m.admins[1:]),
            lambda m: replace(m, admin_quorum=3),
        ]
    ),
    st.booleans(),
)
def test_both_implementations_of_succession_agree(
    chosen: set[int], change: Callable[[Manifest], Manifest], everybody: bool
) -> None:
    known = chain(6)
    base = next_proposal(known, Draft(change_delay_days=7)).statement
    assert isinstance(base, Manifest)
    base = replace(base, expires_at=known.last.manifest.expires_at)
    signers = range(len(PEOPLE) - 1) if everybody else chosen
    lines = [*founded(6), manifest_line(change(base), [PEOPLE[n] for n in signers])]
    assert (problem_of(write_lines(lines)) is None) == accepted_by_nodes(lines)


def test_agreement_of_old_custodians_is_counted_as_nodes_count_it() -> None:
    # Custodians who left count among the old ones only.
    known = chain(6)
    proposal = next_proposal(known, draft(remove=("Organisation 5", "Organisation 6")), [enrolment(7)])
    assert quorums.agreement(6, 3) == 5
    few = all_sign(proposal, [1, 2, 3, 4, 7])
    lines = [*founded(6), few.line]
    assert not accepted_by_nodes(lines)
    assert problem_of(write_lines(lines)) == 2
    enough = [*founded(6), all_sign(few, [5], admins=0).line]
    assert accepted_by_nodes(enough)
    assert problem_of(write_lines(enough)) is None


def test_who_comes_back_has_its_old_index() -> None:
    lines = gather(
        all_sign(next_proposal(chain(6), draft(remove=("Organisation 6",))), [1, 2, 3, 4, 5, 6]), NOW
    )
    back = next_proposal(read_chain(lines), draft(), [enrolment(6)], now=NOW + 2)
    assert isinstance(back.statement, Manifest)
    custodians = back.statement.custodians
    moved = replace(custodians[-1], index=7, identity_key=key("custodian 7").public)
    for entry, holds in ((custodians[-1], True), (moved, False)):
        manifest = replace(back.statement, custodians=(*custodians[:-1], entry))
        chained = [*lines, manifest_line(manifest, [*PEOPLE[:-2], PEOPLE[-2 if holds else -1]])]
        assert accepted_by_nodes(chained) is holds
        assert (problem_of(write_lines(chained)) is None) is holds


MANIFEST_BYTES = encode(genesis().statement)


@given(st.integers(0, len(MANIFEST_BYTES) - 1), st.integers(0, 255), st.booleans())
def test_the_second_reader_takes_only_what_protobuf_writes(place: int, value: int, insert: bool) -> None:
    changed = MANIFEST_BYTES[:place] + bytes([value]) + MANIFEST_BYTES[place + (not insert) :]
    try:
        parse_strict(keyring_pb2.Manifest, changed, "manifest")
        strict = True
    except Invalid:
        strict = False
    try:
        read(messages.Manifest, changed)
        second = True
    except Invalid:
        second = False
    if strict:
        assert second
    elif second:  # shapes aside, it is a canonical message
        assert keyring_pb2.Manifest.FromString(changed).SerializeToString(deterministic=True) == changed


def test_the_second_reader_reads_the_delay_of_recoveries() -> None:
    manifest = genesis().statement
    assert isinstance(manifest, Manifest)
    second = read(messages.Manifest, encode(replace(manifest, recovery_delay=86400)))
    assert second.recovery_delay == 86400
    with pytest.raises(Invalid):
        succession.check_shape(replace(second, recovery_delay=91 * 86400))


def test_the_second_reader_reads_what_nodes_read() -> None:
    manifest = genesis().statement
    assert isinstance(manifest, Manifest)
    second = read(messages.Manifest, MANIFEST_BYTES)
    for name in ("name", "threshold", "durable_quorum", "admins", "policy", "created_at", "change_delay"):
        assert getattr(second, name) == getattr(manifest, name)
    assert [c.identity_key for c in second.custodians] == [c.identity_key for c in manifest.custodians]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x08\x81\x00", "longer than"),
        (b"\x08", "does not end"),
        (b"\x08\x00", "is zero"),
        (b"\x10\x01\x08\x01", "out of order"),
        (b"\x08\x01\x08\x01", "twice"),
        (b"\xf8\x07\x01", "unknown field"),
        (b"\x0a\x01a", "another form"),
        (b"\x1a\x05a", "ends within"),
        (b"\x1a\x00", "empty"),
        (b"\x1a\x01\xff", "no text"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "does not end"),
        (b"\x22\x00", "another form"),
        (b"\x2a\x01a", "of 1 bytes"),
        (b"\x38" + b"\xff" * 5 + b"\x01", "too large"),
        (b"\x90\x01\x02", "neither true nor false"),
    ],
)
def test_what_is_not_canonical_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        read(messages.Manifest, data)


def test_reports_are_for_people_programs_and_paper() -> None:
    evil = draft(name="<script>alert(1)</script>\x1b")
    lines = [enrolment(n) for n in range(1, 6)]
    proposal = propose(None, drafts.genesis(evil, [s.statement for s in lines], NOW), lines)
    account = verify(write_lines(gather(all_sign(proposal, range(1, 6)), NOW)))
    assert "\x1b" not in report.as_text(account)
    page = report.as_html(account)
    assert "<script" not in page
    assert "\x1b" not in page
    assert "http" not in page.replace("https://", "")
    facts: dict[str, Any] = json.loads(report.as_json(account))
    assert facts["holds"] is True
    assert facts["keyring_id"] == proposal.keyring_id.hex()
    broken = verify(b"x\n")
    assert json.loads(report.as_json(broken))["problem"]["line"] == 1
    assert "LINE 1 MUST NOT BE BELIEVED" in report.as_text(broken)
    assert 'class="bad"' in report.as_html(broken)


def test_nothing_of_a_node_runs_in_it(tmp_path: Path) -> None:
    path = tmp_path / "chain.file"
    path.write_bytes(write_lines(grown()))
    code = (
        "import sys, json; from pathlib import Path; from kms.ceremony.verify import verify_file;"
        "from kms.ceremony.offline import curve, report; a = verify_file(Path(sys.argv[1]));"
        "report.as_text(a); report.as_html(a); assert a.problem is None;"
        "print(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, check=True, text=True, cwd=root
    )
    loaded = json.loads(done.stdout)
    assert "py_ecc" in loaded
    assert set(FORBIDDEN) & set(loaded) == set()
