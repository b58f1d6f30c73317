"""A terminal for a command and somebody who answers its questions, as a person would."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
from collections.abc import Mapping
from pathlib import Path

PASSPHRASE = "correct horse battery staple"
_ASKS_FOR_PASSPHRASE = re.compile(rb"(?:Passphrase[^\n:]*|Repeat for confirmation): $")
_ASKS_FOR_PIN = re.compile(rb"PIN of the token[^\n:]*: $")
_ASKS_YES_OR_NO = re.compile(rb"\[y/N\]: $")


def run(script: str, folder: Path, answers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit status and everything that was on the terminal of a bash script in `folder`.

    Passphrases are typed when asked for, and questions are answered with yes; `answers` may say otherwise
    ("passphrase", "confirm"), and say a token's "pin".
    """
    given = {"passphrase": PASSPHRASE, "confirm": "y", "pin": "", **(answers or {})}
    # The terminal is the script's own, since passphrases are read from there and not from standard input.
    child, ours = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvp("bash", ["bash", "-euo", "pipefail", "-c", script])
    seen = b""
    answered = 0
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # how a terminal ends when nobody holds its other side
            break
        if not chunk:
            break
        seen += chunk
        new = seen[answered:]
        if _ASKS_FOR_PASSPHRASE.search(new):
            os.write(ours, given["passphrase"].encode() + b"\n")
        elif _ASKS_FOR_PIN.search(new):
            os.write(ours, given["pin"].encode() + b"\n")
        elif _ASKS_YES_OR_NO.search(new):
            os.write(ours, given["confirm"].encode() + b"\n")
        else:
            continue
        answered = len(seen)
    os.close(ours)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    # What it left running in the background is its own, and ends with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return status, seen.decode(errors="replace").replace("\r\n", "\n")
