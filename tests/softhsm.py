"""A PKCS#11 token in software (SoftHSM2), for whoever tests what tokens do."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.storage.token import Token

PIN = "271828"
LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


def library() -> Path:
    """Where SoftHSM2 is; a test that wants it is skipped on a machine without it."""
    found = next((Path(path) for path in LIBRARIES if Path(path).exists()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM2 is not on this machine (Debian's package softhsm2)")
    return found


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The library, with two fresh tokens, `first` and `second`. One set a process: the library reads its file once."""
    module = library()
    folder = tmp_path_factory.mktemp("tokens")
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(config))
        for label in ("first", "second"):
            command = [
                "softhsm2-util",
                "--init-token",
                "--free",
                "--label",
                label,
                "--so-pin",
                PIN,
                "--pin",
                PIN,
            ]
            subprocess.run(command, check=True, capture_output=True)
        yield module


def token(module: Path, label: str = "first", pin: str = PIN) -> Token:
    return Token(module, label, pin)
