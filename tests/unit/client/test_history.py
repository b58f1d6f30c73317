"""An owner's view over five custodians: what happened, proved, saved, checked again, exported."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest

from kms.errors import KmsError
from kms.statements.audit import LogKind
from kms.statements.release import Purpose
from kms_client.exporting import to_csv, to_fhir
from kms_client.history import read
from tests.protocol.histories import ask, history
from tests.protocol.world import Device, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One owner's two records, read by the owner and refused to a stranger; and another owner's."""
    made = World.found(tmp_path_factory.mktemp("world"))
    owner, other = made.device("owner"), made.device("other")
    keys = made.create(owner, [{"category": "laboratory"}, {"category": "imaging"}])
    made.create(other)
    made.release(owner, keys[:1])
    made.release(stranger(made), keys[1:], purpose=Purpose.TREATMENT)
    yield made
    made.close()


def stranger(world: World) -> Device:
    return world.device("back end", "service", ("b",))


def test_the_owner_sees_deposits_reads_and_refusals_at_every_custodian(world: World) -> None:
    owner = world.device("owner")
    found = history(world, owner)
    assert found.failures == {}
    assert found.silences == ()
    by_kind = {
        kind: [one for one in found.told if one.entry.kind is kind]
        for kind in (LogKind.DEPOSIT, LogKind.DECISION, LogKind.RELEASE)
    }
    assert len(found.told) == sum(map(len, by_kind.values()))
    assert {kind: len(many) for kind, many in by_kind.items()} == {
        LogKind.DEPOSIT: 5,
        LogKind.DECISION: 10,
        LogKind.RELEASE: 5,
    }
    asked = {one.entry.principal for one in by_kind[LogKind.DECISION]}
    assert asked == {owner.thumbprint, stranger(world).thumbprint}
    denied = [one for one in by_kind[LogKind.DECISION] if one.entry.principal != owner.thumbprint]
    assert {o.outcome for one in denied for o in one.detail.outcomes} == {"DENY"}
    assert {one.detail.purpose for one in denied} == {Purpose.TREATMENT}


def test_an_owner_sees_nothing_of_others(world: World) -> None:
    mine, theirs = (history(world, world.device(name)) for name in ("owner", "other"))
    keys = [
        {key for one in found.told for o in one.detail.outcomes for key in o.key_ids}
        for found in (mine, theirs)
    ]
    assert keys[0].isdisjoint(keys[1])
    assert [one.entry.kind for one in theirs.told] == [LogKind.DEPOSIT] * 5


def test_a_saved_history_proves_itself_with_the_keyrings_id_alone(world: World) -> None:
    found = history(world, world.device("owner"))
    again = read(found.to_bytes(), world.keyring.keyring_id)
    assert again.told == found.told
    with pytest.raises(KmsError):
        read(found.to_bytes(), bytes(32))


def test_pages_continue_where_the_last_ended(world: World) -> None:
    from kms.statements.history import read_history

    owner = world.device("owner")
    whole, _, _ = read_history(ask(world, 1, owner), world.keyring, 1, owner.thumbprint)
    rest, _, more = read_history(
        ask(world, 1, owner, after=whole[0].entry.index), world.keyring, 1, owner.thumbprint
    )
    assert rest == whole[1:]
    assert not more


def test_csv_has_a_line_for_each_outcome(world: World) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(history(world, world.device("owner"))))))
    assert len(rows) == 20
    assert {row["event"] for row in rows} == {"DEPOSIT", "DECISION", "RELEASE"}
    assert {row["purpose"] for row in rows} == {"", "patient_access", "treatment"}


def test_fhir_is_a_bundle_of_audit_events_with_all_that_r4_demands(world: World) -> None:
    bundle = json.loads(to_fhir(history(world, world.device("owner"))))
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    assert len(bundle["entry"]) == 20
    for entry in bundle["entry"]:
        event = entry["resource"]
        assert event["resourceType"] == "AuditEvent"
        assert event["type"]["system"]
        assert event["type"]["code"]
        assert event["recorded"].endswith("+00:00")
        assert all(isinstance(agent["requestor"], bool) for agent in event["agent"])
        assert event["source"]["observer"]["display"]
        assert event["action"] in "CRUDE"
        assert event["outcome"] in ("0", "4", "8", "12")
        assert event["entity"]
    refused = [e["resource"] for e in bundle["entry"] if e["resource"]["outcome"] == "4"]
    assert len(refused) == 5
    assert {e["purposeOfEvent"][0]["coding"][0]["code"] for e in refused} == {"TREAT"}
