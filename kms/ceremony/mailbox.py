"""Where people leave a ceremony's files for one another when no stick goes between them.

A file for each proposal, with all signatures that came, and one for each organisation's enrolment. What comes is opened
as everybody opens it, so junk stops at the door; whoever fetches opens it again, so that nobody is trusted with more
than keeping files. A proposal is carried only if somebody who may open a box has signed it: else strangers could fill
the disk. Files lie in a folder and are forgotten 30 days after they last changed.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from kms.ceremony import files
from kms.ceremony.enrolments import enrolments_of, is_enrolment
from kms.ceremony.files import Attachment, Line
from kms.ceremony.proposals import (
    MANIFEST,
    ORDERS,
    Proposal,
    line_of,
    lines_of,
    read_proposal,
    with_signatures,
)
from kms.crypto.hashing import equal
from kms.errors import Denied, Exhausted, Invalid, NotFound

MAX_BOXES: Final = 64
MAX_ENROLMENTS: Final = 256
MAX_FILE: Final = 3 << 20
"""Bytes of a file that comes or goes."""
MAX_ENROLMENT: Final = 16 << 10
KEEP_SECONDS: Final = 30 * 86400


class Mailbox:
    """`openers` gives the keys of whoever may open a box; `now` unix seconds."""

    def __init__(
        self, folder: Path, openers: Callable[[], Collection[bytes]], now: Callable[[], float] = time.time
    ) -> None:
        self._folder, self._openers, self._now = folder, openers, now

    def put(self, data: bytes) -> Proposal | None:
        """Take a file; the proposal that it belongs to, as it is now, or None if it holds enrolments.

        Invalid or BadSignature if it is none of a ceremony's files or a signature of nothing that is here, Denied if
        nobody who may open a box signed a new proposal, Exhausted if there is no room.
        """
        lines = files.read_lines(data)
        self._forget_old()
        if all(is_enrolment(line) for line in lines):
            self._put_enrolments(lines)
            return None
        known = self._known(lines)
        if known is not None:
            (statement,) = (
                line for line in lines if not isinstance(line, Attachment) and line.payload == known.payload
            )
            proposal = with_signatures(known, statement)
        else:
            proposal = read_proposal(lines)
            if proposal.chain is None and not proposal.enrolments:
                # The others could not tell whom it names, nor what it follows.
                raise Invalid("a signature alone: send its proposal first", reason="PROPOSAL_FIRST")
            if not proposal.signers & frozenset(self._openers()):
                raise Denied(
                    "a proposal is carried once an admin of this keyring has signed it: send its signature too",
                    reason="NO_OPENER",
                )
            if len(self.boxes()) >= MAX_BOXES:
                raise Exhausted(f"{MAX_BOXES} proposals are here already", reason="MAILBOX_FULL")
        kept = files.write_lines(lines_of(proposal))
        if len(kept) > MAX_FILE:
            raise Invalid(f"a proposal of more than {MAX_FILE} bytes", reason="TOO_LARGE")
        self._write(f"{proposal.digest.hex()}.proposal", kept)
        return proposal

    def boxes(self) -> list[Proposal]:
        """All proposals that are here, with the signatures that came."""
        self._forget_old()
        return [read_proposal(files.read(path)) for path in self._files("proposal")]

    def enrolments(self) -> int:
        """Of how many organisations there is an enrolment."""
        self._forget_old()
        return len(self._files("enrolment"))

    def fetch(self, digest: bytes) -> bytes:
        """The file of a proposal, or of all enrolments if `digest` is empty; NotFound if there is none."""
        self._forget_old()
        if digest:
            path = self._folder / f"{digest.hex()}.proposal"
            found = [path] if path.exists() else []
        else:
            found = self._files("enrolment")
        if not found:
            raise NotFound("nothing of that name is in the mailbox", reason="NOT_IN_MAILBOX")
        return b"".join(files.read_bytes(path) for path in found)

    def _known(self, lines: Sequence[Line]) -> Proposal | None:
        """The proposal here that one of these lines is the statement of."""
        payloads = {
            line.payload
            for line in lines
            if not isinstance(line, Attachment) and line.payload_type in (MANIFEST, *ORDERS)
        }
        return next((box for box in self.boxes() if box.payload in payloads), None)

    def _put_enrolments(self, lines: Sequence[Line]) -> None:
        for signed in enrolments_of(lines):
            name = f"{signed.statement.identity_key.hex()}.enrolment"
            if len(signed.envelope) > MAX_ENROLMENT:
                raise Invalid(f"an enrolment of more than {MAX_ENROLMENT} bytes", reason="TOO_LARGE")
            if not (self._folder / name).exists() and self.enrolments() >= MAX_ENROLMENTS:
                raise Exhausted(f"{MAX_ENROLMENTS} enrolments are here already", reason="MAILBOX_FULL")
            self._write(name, files.write_lines([line_of(signed.envelope)]))

    def _files(self, kind: str) -> list[Path]:
        return sorted(self._folder.glob(f"*.{kind}"))

    def _write(self, name: str, data: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        part = self._folder / f".{secrets.token_hex(8)}"
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.utime(part, (self._now(), self._now()))
        part.replace(self._folder / name)

    def _forget_old(self) -> None:
        for path in (*self._files("proposal"), *self._files("enrolment")):
            if path.stat().st_mtime < self._now() - KEEP_SECONDS:
                path.unlink()


def opened(data: bytes, digest: bytes) -> Proposal:
    """A fetched file, verified, of the very proposal that was asked for; Invalid if it is another.

    The words are compared by people; this keeps a host from handing out something else under a name that they know.
    """
    proposal = read_proposal(files.read_lines(data, "the fetched file"))
    if not equal(proposal.digest, digest):
        raise Invalid("the coordinator gave another proposal than the one asked for", reason="WRONG_PROPOSAL")
    return proposal
