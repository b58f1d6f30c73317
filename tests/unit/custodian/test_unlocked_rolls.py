"""Whatever opens the storage root opens the row root that lies under it, before a roll and after it."""

from __future__ import annotations

from pathlib import Path

from kms.custodian.rolling import Rolling
from kms.custodian.root import StorageRoot, UnlockConfig, open_by_officers
from kms.custodian.sqlite import SqliteCustodianStore
from kms.custodian.vault import Vault
from kms.storage import keyfile, officers
from tests.softhsm import PIN, tokens
from tests.unit.custodian import rolled_store as rolled
from tests.unit.custodian.rolled_store import NOW, ROOT, Opened

__all__ = ["tokens"]


def opens(folder: Path, vault: Vault) -> None:
    """A store under this vault is filled, rolled and opened again."""
    SqliteCustodianStore.create(folder / "store.db", bytes(32), 1).close()
    before = None
    for _ in range(2):
        store = SqliteCustodianStore.open(folder / "store.db")
        opened = Opened(store, vault, Rolling(folder / "row.root", store, vault, NOW))
        if before is None:
            rolled.fill(opened, vault)
            before = list(rolled.contents(opened))
        assert list(opened.rolling.roll(NOW))[-1].lost == 0
        assert list(rolled.contents(opened)) == before
        store.close()


def test_by_a_file_or_a_passphrase(tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("a long one\n")
    for name, passphrase in (("none", None), ("argon2id", tmp_path / "passphrase")):
        folder = tmp_path / name
        folder.mkdir()
        place = StorageRoot(folder / "storage.root", None, passphrase)
        place.create(ROOT, place.passphrase())
        opens(folder, Vault(place.read()))


def test_by_officers_old_and_new(tmp_path: Path) -> None:
    path = tmp_path / "storage.root"
    place = StorageRoot(path, UnlockConfig("officers"), None)
    lists: list[str] = []
    place.seal_to_officers(ROOT, 3, 2, lists.extend)
    words = iter(lists)
    opens(tmp_path, Vault(open_by_officers(officers.read(path), lambda _: next(words))))
    lists.clear()
    place.seal_to_officers(
        ROOT, 3, 2, lists.extend
    )  # others from now on: the row root lies under the same root
    words = iter(lists)
    store = SqliteCustodianStore.open(tmp_path / "store.db")
    vault = Vault(open_by_officers(officers.read(path), lambda _: next(words)))
    opened = Opened(store, vault, Rolling(tmp_path / "row.root", store, vault, NOW))
    assert len(list(rolled.contents(opened))) > 0
    assert keyfile.load(path)["kdf"] == "slip39"


def test_by_a_token(tokens: Path, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text(PIN + "\n")
    place = StorageRoot(
        tmp_path / "storage.root", UnlockConfig("token", tokens, "first", tmp_path / "pin"), None
    )
    place.create(ROOT, None)
    opens(tmp_path, Vault(place.read()))
