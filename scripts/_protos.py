"""Generates the message stubs in kms/wire from the contract in protos/, or checks that they are fresh.

The contract's own package is called `kms.v1`, and the Python package is called `kms` too. So that the two
do not fight for one name, the stubs live below `kms.wire` and every import between them is rewritten:

    protos/kms/v1/x.proto               kms.wire.v1.x_pb2
    protos/kms/dev/v1/x.proto           kms.wire.dev.v1.x_pb2
    protos/buf/validate/validate.proto  kms.wire.buf.validate.validate_pb2

The names inside the descriptors stay as the contract has them. Only messages are generated: services are
bound by hand in kms/transport.
"""

from __future__ import annotations

import argparse
import filecmp
import re
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = ROOT / "protos"
WIRE = ROOT / "kms" / "wire"

INIT = '"""Generated from protos/ by scripts/protos: never edit."""\n'
STUB = ("*_pb2.py", "*_pb2.pyi", "__init__.py")

# `from kms.v1 import x_pb2 as y`, `from buf.validate import validate_pb2 as z`: in .py and .pyi alike.
IMPORT = re.compile(r"^from (kms|buf)((?:\.\w+)*) import (\w+_pb2\b)", re.MULTILINE)
# The module that the builder writes into each message class, which is what pickle and repr believe.
OWNER = re.compile(r"(BuildTopDescriptorsAndMessages\(DESCRIPTOR, ')(kms|buf)((?:\.\w+)*_pb2')")
# A whole-module import has no form that could be rewritten line by line; protoc writes it only for
# files without a package, so that meeting one means that the contract has gone astray.
STRAY = re.compile(r"^(?:import (?:kms|buf)\b|from (?:kms(?!\.wire\.)|buf)\b).*", re.MULTILINE)


def wire_package(package: str) -> str:
    """The Python package that holds the stubs of a proto folder, both dotted: `kms.v1` -> `kms.wire.v1`."""
    if package == "kms" or package.startswith("kms."):
        return "kms.wire" + package.removeprefix("kms")
    return "kms.wire." + package


def rewritten(source: str) -> str:
    """A generated module with its imports and message owners below `kms.wire`.

    Raises:
        ValueError: an import between stubs has a form that this does not know.
    """
    source = IMPORT.sub(lambda m: f"from {wire_package(m[1] + m[2])} import {m[3]}", source)
    source = OWNER.sub(lambda m: f"{m[1]}{wire_package(m[2] + m[3])}", source)
    if stray := STRAY.search(source):
        raise ValueError(f"an import that is not rewritten: {stray[0]!r}")
    return source


def generate(contract: Path, wire: Path) -> list[Path]:
    """Writes the stubs of every .proto file below `contract` into the empty or absent folder `wire`.

    Returns the files written, relative to `wire`, sorted. The same contract and the same grpcio-tools
    give the same bytes.

    Raises:
        ValueError: protoc refused the contract (its reasons are on standard error), or it is empty.
    """
    protos = sorted(path.relative_to(contract).as_posix() for path in contract.rglob("*.proto"))
    if not protos:
        raise ValueError(f"no .proto file below {contract}")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder)
        well_known = resources.files("grpc_tools") / "_proto"
        arguments = [f"--proto_path={contract}", f"--proto_path={well_known}"]
        arguments += [f"--python_out={raw}", f"--pyi_out={raw}", *protos]
        if protoc.main(["protoc", *arguments]) != 0:
            raise ValueError("protoc refused the contract")
        written = []
        for path in sorted([*raw.rglob("*_pb2.py"), *raw.rglob("*_pb2.pyi")]):
            package = wire_package(".".join(path.parent.relative_to(raw).parts))
            target = wire.joinpath(*package.removeprefix("kms.wire").strip(".").split("."), path.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(rewritten(path.read_text("utf-8")), "utf-8")
            written.append(target)
    for parent in sorted({above for path in written for above in path.relative_to(wire).parents}):
        init = wire / parent / "__init__.py"
        init.write_text(INIT, "utf-8")
        written.append(init)
    return sorted(path.relative_to(wire) for path in written)


def present(wire: Path) -> list[Path]:
    """Every stub that lies in `wire`, relative to it, sorted."""
    return sorted({path.relative_to(wire) for pattern in STUB for path in wire.rglob(pattern)})


def stale(contract: Path, wire: Path) -> list[str]:
    """What differs between `wire` and freshly generated stubs, one line for each file; empty if nothing."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        expected, found = generate(contract, fresh), present(wire)
        differing = [f"missing: {path}" for path in expected if path not in found]
        differing += [f"has no .proto any more: {path}" for path in found if path not in expected]
        differing += [
            f"differs: {path}"
            for path in expected
            if path in found and not filecmp.cmp(fresh / path, wire / path, shallow=False)
        ]
    return sorted(differing)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/protos", description="Generates kms/wire from protos/.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if kms/wire is not fresh")
    parser.add_argument("--contract", type=Path, default=CONTRACT, help=argparse.SUPPRESS)
    parser.add_argument("--wire", type=Path, default=WIRE, help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        differing = stale(options.contract, options.wire)
        if options.check:
            for line in differing:
                print(f"kms/wire: {line}", file=sys.stderr)
            if differing:
                print("kms/wire is not what protos/ says: run scripts/protos", file=sys.stderr)
            return 1 if differing else 0
        if differing:
            before = present(options.wire)
            written = generate(options.contract, options.wire)
            for path in before:
                if path not in written:
                    (options.wire / path).unlink()
    except ValueError as error:
        print(f"scripts/protos: {error}", file=sys.stderr)
        return 1
    print(f"kms/wire: {len(present(options.wire))} files, {len(differing)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
