"""How many shares a repair has before it, as far as what custodians said of themselves tells."""

from __future__ import annotations

from kms.coordinator.repairs import expected
from kms.statements.ceremony import Status, VersionCount
from kms.statements.ids import KeyringId, ManifestHash, Version

OLD, NEW = Version(b"o" * 32), Version(b"n" * 32)


def status(index: int, **counts: int) -> Status:
    held = tuple(
        VersionCount(version, 3, sequence, counts[name])
        for sequence, (name, version) in enumerate((("old", OLD), ("new", NEW)))
        if name in counts
    )
    return Status(KeyringId(bytes(32)), ManifestHash(bytes(32)), index, 0, 1, 0, held, 0)


def test_the_most_that_another_has_of_each_version_less_its_own() -> None:
    said = {1: status(1, old=10, new=90), 2: status(2, old=7, new=100), 3: status(3, new=60)}
    assert expected(said, 3) == 10 + 40
    assert expected(said, 2) == 3
    assert expected(said, 4) == 110  # one of which nothing was heard


def test_nothing_is_expected_of_nobody() -> None:
    assert expected({}, 1) == 0
    assert expected({1: status(1, old=5)}, 1) == 0
