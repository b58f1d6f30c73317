"""The table of golden decisions that a manifest names, read from its file and asked before anybody signs."""

from __future__ import annotations

from pathlib import Path

from kms.crypto.hashing import equal
from kms.errors import FieldProblem, Invalid
from kms.policy.engine import PolicyEngine
from kms.policy.golden import GoldenTable, failures
from kms.statements.manifest import Manifest, golden_hash
from kms.storage.config import parse


def read_golden(data: bytes, path: Path) -> GoldenTable:
    """The table of these bytes, which were read from `path`; ConfigError with what is wrong."""
    return parse(GoldenTable, data, path)


def refuse_failing(manifest: Manifest, data: bytes, path: Path) -> None:
    """Invalid unless these are the bytes that the manifest names, and its policy passes them."""
    if not equal(golden_hash(data), manifest.golden_hash):
        raise Invalid(f"{path} is not the table that the manifest names", reason="WRONG_GOLDEN")
    engine = PolicyEngine(manifest.policy, manifest.policy_schema)
    failed = failures(engine, read_golden(data, path))
    if failed:
        raise Invalid(
            f"the policy fails {len(failed)} of its golden decisions: "
            + "; ".join(f"{f.name}: {f.actual} instead of {f.expected}" for f in failed[:3]),
            reason="GOLDEN_FAILED",
            fields=tuple(
                FieldProblem(f"golden[{f.name}]", f"must be {f.expected}, is {f.actual}") for f in failed
            ),
        )
