"""All labels stand in one table, and none serves two primitives."""

from __future__ import annotations

import ast
from collections import Counter
from itertools import permutations
from pathlib import Path

import kms
from kms.crypto import labels

PRODUCT = Path(kms.__file__).parent
PREFIX = b"TKMS1 "
# The demonstration's control: the other design, which the product is compared with and shares nothing with.
CONTROL = PRODUCT / "dev" / "envelope_control.py"


def test_no_two_labels_are_equal() -> None:
    names = Counter((*labels.ALL_HASH_LABELS, *labels.ALL_HKDF_LABELS))
    assert [label for label, count in names.items() if count > 1] == []


def test_the_table_is_complete() -> None:
    constants = {
        target.id
        for node in ast.parse(Path(labels.__file__).read_text()).body
        if isinstance(node, ast.AnnAssign) and isinstance(target := node.target, ast.Name)
    } - {"SUITE_1", "ALL_HASH_LABELS", "ALL_HKDF_LABELS"}
    listed = [*labels.ALL_HASH_LABELS, *labels.ALL_HKDF_LABELS]
    assert sorted(getattr(labels, name) for name in constants if name.startswith("HKDF_")) == sorted(
        labels.ALL_HKDF_LABELS
    )
    assert len(listed) == len(constants)


def test_no_hkdf_label_is_a_hash_label_in_any_spelling() -> None:
    hash_labels = {label.encode() for label in labels.ALL_HASH_LABELS}
    for label in labels.ALL_HKDF_LABELS:
        assert label.startswith(PREFIX)
        assert label not in hash_labels
        assert label.removeprefix(PREFIX) not in hash_labels


def test_no_hkdf_label_begins_another_since_a_digest_follows_it_directly() -> None:
    assert not [(a, b) for a, b in permutations(labels.ALL_HKDF_LABELS, 2) if b.startswith(a)]


def test_no_hkdf_label_can_open_a_hashed_message() -> None:
    # H hashes "TKMS1", then the label's length: no label is 0x20 bytes long, so no message of H starts as
    # one of HKDF's does.
    assert [label for label in labels.ALL_HASH_LABELS if len(label) == PREFIX[-1]] == []


def test_every_hash_label_fits_its_length_byte_and_is_ascii() -> None:
    assert all(0 < len(label.encode("ascii")) < 256 for label in labels.ALL_HASH_LABELS)


def test_every_use_of_h_in_the_product_names_a_label_of_the_table() -> None:
    strays, uses = [], 0
    for source in sorted(PRODUCT.rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "H":
                uses += 1
                label = node.args[0]
                if isinstance(label, ast.Constant):
                    strays.append(f"{source.name}:{node.lineno}")
    assert uses > 10
    assert strays == []


def test_no_module_but_the_table_spells_an_hkdf_label() -> None:
    strays = [
        f"{source.name}:{node.lineno}"
        for source in sorted(PRODUCT.rglob("*.py"))
        if source not in (Path(labels.__file__), CONTROL)
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes) and node.value.startswith(PREFIX)
    ]
    assert strays == []
