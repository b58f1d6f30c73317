"""What a client keeps of custodians' promises, and who reads it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from kms.errors import ConfigError
from kms.statements.promise_file import lines_of, read_promises
from kms.statements.promises import open_promise
from kms_client.promises import KeptPromises
from tests.protocol.world import START, World


def test_a_read_leaves_the_promises_of_all_who_answered(tmp_path: Path) -> None:
    world = World.found(tmp_path / "world")
    owner = world.device("owner")
    collector = world.release(owner, world.create(owner))
    place = tmp_path / "kept.promises"
    kept = KeptPromises(place)
    kept.keep(collector.promises(), START)
    kept.keep(collector.promises(), START)  # late answers bring the first ones again
    promises = [open_promise(one, world.chain) for one in read_promises(place)]
    assert sorted((p.index, p.name) for p in promises) == sorted(
        (index, name) for index in (1, 2, 3, 4, 5) for name in ("decision", "share-release")
    )
    world.close()


def test_a_folder_gets_a_file_for_each_day(tmp_path: Path) -> None:
    kept = KeptPromises(tmp_path)
    kept.keep([b"one"], START)
    kept.keep([b"two"], START + 40 * 86400)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2027-01-15.promises", "2027-02-24.promises"]
    assert list(read_promises(tmp_path)) == [b"one", b"two"]


def test_a_line_that_was_being_written_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    file.write_bytes(lines_of([b"one", b"two"])[:-3])
    assert list(read_promises(file)) == [b"one"]


def test_a_file_of_something_else_and_a_missing_one_are_plain_errors(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("not base64!\n")
    (tmp_path / "cut").write_bytes(lines_of([b"one"]) + b"AAA\n" + lines_of([b"two"]))
    assert list(read_promises(tmp_path / "cut")) == [b"one", b"two"]
    for name in ("other", "missing"):
        with pytest.raises(ConfigError):
            list(read_promises(tmp_path / name))
    with pytest.raises(ConfigError):
        KeptPromises(tmp_path / "no folder" / "file").keep([b"one"], START)
