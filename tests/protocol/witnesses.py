"""Witnesses on a store, outside any node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from kms.crypto.merkle import Nodes
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.witness import Witness, WitnessStore
from kms.errors import KmsError
from kms.statements.checkpoint import CheckpointNote, cosigned_at, read_note, read_signatures, witness_name
from tests.protocol.loose_logs import KEYRING
from tests.protocol.world import START, signing_key

Tree = Callable[[str], tuple[CheckpointNote, Nodes] | None]


def open_store(path: Path, index: int = 9) -> SqliteCustodianStore:
    if path.exists():
        return SqliteCustodianStore.open(path)
    return SqliteCustodianStore.create(path, KEYRING, index)


def witness_of(
    store: WitnessStore, logs: Mapping[str, bytes], index: int = 9, tree: Tree = lambda origin: None
) -> Witness:
    name = witness_name(KEYRING, index)
    return Witness(store, name, signing_key(f"custodian {index}"), lambda: logs, lambda: START, tree)


def refusal(witness: Witness, body: bytes) -> KmsError:
    """What a witness says instead of cosigning."""
    try:
        answer = witness.add_checkpoint(body)
    except KmsError as error:
        return error
    raise AssertionError(f"it cosigned: {answer!r}")


def cosigned(witness: Witness, body: bytes, index: int = 9) -> bool:
    """Whether it answers with a cosignature that verifies under the note that was sent."""
    lines = read_signatures(witness.add_checkpoint(body).decode())
    note = read_note(body.partition(b"\n\n")[2]).with_signatures(lines)
    return cosigned_at(note, witness.name, signing_key(f"custodian {index}").public) == START


def stored(path: Path) -> closing[SqliteCustodianStore]:
    return closing(open_store(path))
