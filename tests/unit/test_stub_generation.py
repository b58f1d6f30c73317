"""scripts/protos: stubs below kms.wire, the same bytes every time, and never older than the contract."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def protos() -> ModuleType:
    spec = importlib.util.spec_from_file_location("protos_script", ROOT / "scripts" / "_protos.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """Two small files that import each other's package, as the contract's files do."""
    folder = tmp_path / "protos"
    for name, text in {
        "kms/v1/key.proto": "package kms.v1; message Key { bytes id = 1; }",
        "kms/dev/v1/slot.proto": 'package kms.dev.v1; import "kms/v1/key.proto"; '
        "message Slot { kms.v1.Key key = 1; }",
        "buf/validate/validate.proto": "package buf.validate; message Rule { bool on = 1; }",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f'syntax = "proto3";\n{text}\n', "utf-8")
    return folder


def test_the_generated_stubs_are_fresh(protos: ModuleType) -> None:
    assert protos.stale(ROOT / "protos", ROOT / "kms" / "wire") == []


def test_imports_and_owners_move_below_the_wire_package(
    protos: ModuleType, contract: Path, tmp_path: Path
) -> None:
    written = protos.generate(contract, tmp_path / "wire")
    assert Path("dev/v1/slot_pb2.py") in written
    assert Path("buf/validate/validate_pb2.pyi") in written
    stub = (tmp_path / "wire/dev/v1/slot_pb2.py").read_text("utf-8")
    types = (tmp_path / "wire/dev/v1/slot_pb2.pyi").read_text("utf-8")
    assert "from kms.wire.v1 import key_pb2 as" in stub
    assert "from kms.wire.v1 import key_pb2 as" in types
    assert "'kms.wire.dev.v1.slot_pb2'" in stub
    assert not re.search(r"(?m)^(from|import) (kms(?!\.wire)|buf)\b", stub + types)


def test_the_same_contract_gives_the_same_bytes(protos: ModuleType, contract: Path, tmp_path: Path) -> None:
    first = protos.generate(contract, tmp_path / "one")
    assert first == protos.generate(contract, tmp_path / "two")
    for path in first:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_every_way_of_being_stale_is_named(protos: ModuleType, contract: Path, tmp_path: Path) -> None:
    wire = tmp_path / "wire"
    protos.generate(contract, wire)
    assert protos.stale(contract, wire) == []
    (wire / "v1" / "key_pb2.py").write_text("# edited by hand\n", "utf-8")
    (wire / "dev" / "v1" / "slot_pb2.pyi").unlink()
    (wire / "v1" / "gone_pb2.py").write_text("", "utf-8")
    assert protos.stale(contract, wire) == [
        "differs: v1/key_pb2.py",
        "has no .proto any more: v1/gone_pb2.py",
        "missing: dev/v1/slot_pb2.pyi",
    ]


def test_an_import_of_an_unknown_form_is_refused(protos: ModuleType) -> None:
    with pytest.raises(ValueError, match="not rewritten"):
        protos.rewritten("import kms.v1.key_pb2\n")
