"""A custodian's own rules are taken up without a restart, can only forbid, and a bad file changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.custodian.forbids import file_source
from kms.custodian.node import CustodianNode, NodeOptions
from kms.errors import ConfigError, Denied, Unavailable
from kms.statements.audit import LogEntry, LogKind
from kms.statements.codec import decode
from kms.statements.envelope import open_signed
from kms.statements.manifest import forbids_hash
from kms.statements.release import Decision, Purpose, build_certificate
from kms_client.requesting import Prepared
from tests.protocol.adversary import decision, ruling
from tests.protocol.world import World

BOTH = 'action in [Action::"release", Action::"request"]'
NONE_AT_ALL = f'@id("closed-today") forbid (principal, {BOTH}, resource);'
OPENS = '@id("open") permit (principal, action == Action::"release", resource) when { context.isOwner };'
BAD = {
    "a permit": OPENS.encode(),
    "a permit among forbids": f"{NONE_AT_ALL}\n{OPENS}".encode(),
    "a template": NONE_AT_ALL.replace("principal,", "principal == ?principal,").encode(),
    "an unknown attribute": NONE_AT_ALL.replace(";", " when { context.mood == 1 };").encode(),
    "half a rule": NONE_AT_ALL[:-9].encode(),
    "not text": b"\xff\xfe",
}


class Node:
    """Custodian 1 of 2 of 3, with a file of its own rules."""

    def __init__(self, folder: Path) -> None:
        self.world = World.found(folder / "world", n=3, threshold=2)
        self.file = folder / "own.cedar"
        self.file.write_text("")
        self.alice = self.world.device("alice")
        self.keys = self.world.create(self.alice)
        self.start()

    def start(self, *, fail_closed: bool = False) -> CustodianNode:
        options = NodeOptions(forbids=file_source(self.file), forbids_fail_closed=fail_closed)
        return self.world.start(1, options=options)

    @property
    def node(self) -> CustodianNode:
        return self.world.nodes[1]

    def put(self, rules: str | bytes) -> None:
        self.file.write_bytes(rules if isinstance(rules, bytes) else rules.encode())
        self.node.tick()
        self.node.tick()  # a change counts when two looks agree

    def asks(self) -> Prepared:
        return self.world.prepare(self.alice, self.keys, purpose=Purpose.PATIENT_ACCESS)

    def answer(self) -> tuple[str, str]:
        return ruling(self.world.decide_at(1, self.asks()))

    def log(self) -> list[str]:
        entries = self.node.context.store.log.entries(0, 1000)
        parsed = [decode(LogEntry, payload, "log") for payload in entries]
        return [entry.outcome for entry in parsed if entry.kind is LogKind.FORBIDS]


@pytest.fixture
def custodian(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    yield made
    made.world.close()


def test_rules_are_taken_up_changed_and_dropped_without_a_restart(custodian: Node) -> None:
    assert custodian.answer() == ("ALLOW", "OWNER_READS_OWN")
    custodian.put(NONE_AT_ALL)
    assert custodian.answer() == ("DENY", "CLOSED_TODAY")
    custodian.put(NONE_AT_ALL.replace("closed-today", "still-closed"))
    assert custodian.answer() == ("DENY", "STILL_CLOSED")
    custodian.put("")
    assert custodian.answer() == ("ALLOW", "OWNER_READS_OWN")
    custodian.node.tick()
    assert custodian.log() == ["IN_FORCE", "IN_FORCE", "NONE"]


def test_a_decision_tells_by_hash_that_there_are_own_rules(custodian: Node) -> None:
    keyring = custodian.world.keyring
    assert decision(custodian.world.decide_at(1, custodian.asks())).forbids_hash == b""
    custodian.put(NONE_AT_ALL)
    made = decision(custodian.world.decide_at(1, custodian.asks()))
    assert made.policy_hash == keyring.policy_hash
    assert made.forbids_hash == forbids_hash(keyring.policy_hash, NONE_AT_ALL)


@pytest.mark.parametrize("rules", BAD.values(), ids=BAD.keys())
def test_a_bad_file_changes_nothing_and_is_told(custodian: Node, rules: bytes) -> None:
    custodian.put(NONE_AT_ALL)
    custodian.put(rules)
    custodian.node.tick()
    assert custodian.answer() == ("DENY", "CLOSED_TODAY")
    assert custodian.node.forbids.problem
    assert custodian.log() == ["IN_FORCE", "REFUSED"]
    custodian.put(NONE_AT_ALL)
    assert custodian.node.forbids.problem == ""


def test_a_look_between_emptying_and_writing_a_file_lifts_no_rule(custodian: Node) -> None:
    custodian.put(NONE_AT_ALL)
    custodian.file.write_text("")
    custodian.node.tick()
    assert custodian.answer() == ("DENY", "CLOSED_TODAY")
    custodian.file.write_text(NONE_AT_ALL)
    custodian.node.tick()
    custodian.file.write_text("")
    custodian.node.tick()
    assert custodian.answer() == ("DENY", "CLOSED_TODAY")
    assert custodian.log() == ["IN_FORCE"]


def test_a_file_that_is_gone_changes_nothing_either(custodian: Node) -> None:
    custodian.put(NONE_AT_ALL)
    custodian.file.unlink()
    custodian.node.tick()
    custodian.node.tick()
    assert custodian.answer() == ("DENY", "CLOSED_TODAY")
    assert custodian.log() == ["IN_FORCE", "REFUSED"]


def test_a_node_that_is_to_fail_closed_decides_and_releases_nothing_without_its_rules(
    custodian: Node,
) -> None:
    custodian.start(fail_closed=True)
    asked = custodian.asks()
    certificate = _certificate(custodian, asked)
    custodian.put(OPENS)
    for step in (custodian.answer, lambda: custodian.node.release(asked.opened.hash, certificate)):
        with pytest.raises(Unavailable) as refused:
            step()
        assert refused.value.reason == "FORBIDS_REFUSED"
    custodian.put("")
    assert custodian.answer()[0] == "ALLOW"


def test_what_was_allowed_before_a_rule_does_not_go_out_after_it(custodian: Node) -> None:
    asked = custodian.asks()
    certificate = _certificate(custodian, asked)
    custodian.put(NONE_AT_ALL)
    with pytest.raises(Denied):
        custodian.node.release(asked.opened.hash, certificate)


def test_a_node_does_not_start_with_a_bad_file_and_remembers_a_good_one(custodian: Node) -> None:
    custodian.file.write_text(NONE_AT_ALL)
    custodian.start()
    assert custodian.answer() == ("DENY", "CLOSED_TODAY")
    custodian.file.write_text(OPENS)
    with pytest.raises(ConfigError, match="must all be forbid"):
        custodian.start()


def _certificate(custodian: Node, asked: Prepared) -> bytes:
    world = custodian.world
    signed = [open_signed(Decision, world.decide_at(i, asked), world.identities[i].public) for i in (1, 2)]
    return build_certificate(asked.opened.hash, signed)
