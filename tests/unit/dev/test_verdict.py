"""The verdict counts what is exposed, leaves out what stood there before, and says when it proves nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest
from rich.console import Console

from kms.dev.needles import Needles, SecretKind, Secrets, needle_id
from kms.dev.places import Chunk, Files, PlaceKind
from kms.dev.samples import load, string_values
from kms.dev.verdict import Look, Verdict, exposures, look, table, verdict

VALUES = frozenset().union(*(string_values(record.resource) for record in load()))
KEYS = frozenset(bytes([i]) * 32 for i in range(1, 41))


@dataclass
class Held:
    """A place whose bytes the test sets."""

    kind: PlaceKind
    data: bytes = b"nothing of interest"

    def chunks(self, overlap: int) -> Iterator[Chunk]:
        yield Chunk(f"held {self.kind}", 0x1000, self.data, False, False)


@pytest.fixture(scope="module")
def texts() -> Needles:
    return Needles(Secrets(texts=VALUES))


@pytest.fixture(scope="module")
def everything() -> Needles:
    return Needles(Secrets(texts=VALUES, data_keys=KEYS))


@pytest.fixture
def host() -> dict[PlaceKind, Held]:
    return {kind: Held(kind) for kind in PlaceKind}


def judge(texts: Needles, everything: Needles, host: dict[PlaceKind, Held], **after: bytes) -> Verdict:
    baseline = look(host.values(), texts)
    for kind, data in after.items():
        host[PlaceKind(kind)].data += data
    return verdict(everything, baseline, look(host.values(), everything))


def test_host_that_holds_nothing_gets_zero_everywhere(
    texts: Needles, everything: Needles, host: dict[PlaceKind, Held]
) -> None:
    judged = judge(texts, everything, host)
    assert judged.report() == {
        "searched": len(VALUES) + len(KEYS),
        "left_out": 0,
        "hits": {"database": 0, "log": 0, "wire": 0, "memory": 0},
    }
    assert judged.nothing_found


def test_hits_are_distinct_values_counted_by_place(
    texts: Needles, everything: Needles, host: dict[PlaceKind, Held]
) -> None:
    record = next(record for record in load() if record.resource_type == "Condition")
    # More than its own values: `urn:uuid:<id>` holds the patient's id too.
    in_record = sum(value in record.line.decode() for value in VALUES)
    assert in_record > len(string_values(record.resource))
    key = min(KEYS)
    judged = judge(
        texts,
        everything,
        host,
        database=key + b" " + key.hex().encode(),
        wire=record.line * 3,
        memory=record.line + json.dumps(record.resource).encode("utf-16-le") + key,
    )
    assert judged.report()["hits"] == {"database": 1, "log": 0, "wire": in_record, "memory": in_record + 1}
    assert judged.sound
    assert not judged.nothing_found


def test_values_that_stood_there_before_are_left_out_in_all_places(
    texts: Needles, everything: Needles, host: dict[PlaceKind, Held]
) -> None:
    host[PlaceKind.MEMORY].data += b" finished "
    judged = judge(texts, everything, host, log=b"finished", wire=b"completed")
    assert (judged.left_out, judged.hits[PlaceKind.LOG], judged.hits[PlaceKind.WIRE]) == (1, 0, 1)


def test_leaving_out_five_percent_is_not_sound() -> None:
    judged = Verdict(
        searched=100,
        left_out=4,
        exposed=MappingProxyType({kind: frozenset() for kind in PlaceKind}),
        unread=frozenset(),
        in_runs=0,
    )
    assert judged.nothing_found
    too_many = replace(judged, left_out=5)
    assert not too_many.sound
    assert not too_many.nothing_found
    assert too_many.faults == ["5 of 100 values stood there before any record was written"]


@pytest.mark.parametrize("kind", PlaceKind)
def test_kind_of_place_where_nothing_was_read_is_not_sound(
    texts: Needles, everything: Needles, host: dict[PlaceKind, Held], kind: PlaceKind
) -> None:
    baseline = look(host.values(), texts)
    del host[kind]
    judged = verdict(everything, baseline, look(host.values(), everything))
    assert not judged.nothing_found
    assert judged.faults == [f"nothing was read in: {kind}"]


def test_searching_for_nothing_is_not_sound(host: dict[PlaceKind, Held]) -> None:
    none = Needles(Secrets())
    assert not verdict(none, look(host.values(), none), look(host.values(), none)).sound


def test_code_within_a_hash_is_not_a_hit_and_is_counted(
    texts: Needles, everything: Needles, host: dict[PlaceKind, Held]
) -> None:
    code = min(value for value in VALUES if value.isdigit())
    judged = judge(texts, everything, host, log=b"key=9f1c0a7b" + code.encode() + b"d41d8cd98f00")
    assert judged.nothing_found
    assert judged.in_runs == 1


def test_baseline_of_another_patient_set_leaves_out_nothing_here(
    everything: Needles, host: dict[PlaceKind, Held]
) -> None:
    host[PlaceKind.MEMORY].data += b"a value of other patients"
    others = Needles(Secrets(texts=frozenset(["a value of other patients"])))
    judged = verdict(everything, look(host.values(), others), look(host.values(), everything))
    assert judged.left_out == 0


def test_look_reads_real_files_and_reports_progress(tmp_path: Path, everything: Needles) -> None:
    (tmp_path / "node.log").write_bytes(b"started " + min(KEYS).hex().encode())
    told: list[tuple[PlaceKind, int]] = []
    seen = look([Files(PlaceKind.LOG, tmp_path)], everything, lambda kind, read: told.append((kind, read)))
    assert seen.found[PlaceKind.LOG] == {needle_id(SecretKind.DATA_KEY, min(KEYS))}
    assert told == [(PlaceKind.LOG, 72)]
    assert seen.read == {**dict.fromkeys(PlaceKind, 0), PlaceKind.LOG: 72}


def test_exposure_says_where_and_how_but_not_what(everything: Needles, host: dict[PlaceKind, Held]) -> None:
    key = min(KEYS)
    host[PlaceKind.MEMORY].data = b"in front" + key.hex().encode() + b"behind"
    ids = look(host.values(), everything).everywhere
    (exposure,) = exposures(host.values(), everything, ids)
    assert (exposure.source, exposure.offset, exposure.form) == ("held memory", 0x1008, "hex")
    explained = exposure.explain()
    assert "data key (32 bytes) as hex" in explained
    assert b"in front".hex() in explained
    assert b"behind".hex() in explained
    assert key.hex() not in explained + repr(exposure)
    assert key.hex().encode().hex() not in explained + repr(exposure)


def test_exposures_stop_at_their_limit(everything: Needles, host: dict[PlaceKind, Held]) -> None:
    host[PlaceKind.LOG].data = min(KEYS) + b"." + max(KEYS) + b"." + min(KEYS)
    ids = look(host.values(), everything).everywhere
    assert len(list(exposures(host.values(), everything, ids, limit=2))) == 2
    assert list(exposures(host.values(), everything, frozenset())) == []


def test_table_shows_product_and_control_side_by_side(
    texts: Needles, everything: Needles, host: dict[PlaceKind, Held]
) -> None:
    product = judge(texts, everything, host)
    control = judge(texts, everything, host, memory=b" ".join(sorted(KEYS)))
    printed = Console(file=io.StringIO(), width=100)
    printed.print(table({"this design": product, "keys on a server": control}))
    assert isinstance(printed.file, io.StringIO)
    lines = printed.file.getvalue().splitlines()
    memory = next(line for line in lines if "memory" in line)
    assert [cell.strip() for cell in memory.split("│")[2:4]] == ["0", "40"]
    assert any("this design" in line and "keys on a server" in line for line in lines)


def test_looks_show_no_value_in_their_repr(everything: Needles, host: dict[PlaceKind, Held]) -> None:
    host[PlaceKind.LOG].data = b"finished"
    seen = look(host.values(), everything)
    assert isinstance(seen, Look)
    assert "finished" not in repr(seen)
