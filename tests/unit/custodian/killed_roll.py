"""A roll in a process of its own, which may be killed at any statement and any step on files.

The processes are forked by a server that does nothing else: a fork of a test's own process would inherit locks that
gRPC's threads hold at that moment, and wait for them for ever.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from kms.custodian.sqlite import SqliteCustodianStore
from kms.storage import erasable
from kms.storage.database import Place
from tests.unit.custodian import rolled_store as rolled

LIMIT = 9
"""Rows in a step, so that there are many."""

WAIT = 120
"""Seconds after which a child is given up as stuck."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


class Points:
    """Counts the points at which a process may be killed, and kills it at one of them (0: at none)."""

    def __init__(self, kill_at: int) -> None:
        self.count, self._kill_at = 0, kill_at

    def pass_one(self, *_: object) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, step: Callable[..., object]) -> Callable[..., object]:
        """The step, with a point before and one after it."""

        def stepped(*arguments: object, **named: object) -> object:
            self.pass_one()
            result = step(*arguments, **named)
            self.pass_one()
            return result

        return stepped


def _roll(folder: Path, kill_at: int, telling: Connection) -> None:
    points = Points(kill_at)
    erasable.os.fsync = points.around(os.fsync)  # type: ignore[attr-defined]
    Path.rename = points.around(Path.rename)  # type: ignore[method-assign, assignment]
    Path.unlink = points.around(Path.unlink)  # type: ignore[assignment, method-assign]
    erasable.secrets.token_bytes = points.around(erasable.secrets.token_bytes)  # type: ignore[attr-defined]
    whole = SqliteCustodianStore.open

    def traced(path: Place) -> SqliteCustodianStore:
        store = whole(path)
        store._db.set_trace_callback(points.pass_one)
        return store

    SqliteCustodianStore.open = traced  # type: ignore[method-assign]
    opened = rolled.open_at(folder)
    opened.rolling.begin(rolled.NOW)
    while opened.rolling.step(LIMIT) is not None:
        pass
    opened.store.close()
    telling.send(points.count)


def roll(folder: Path, kill_at: int) -> int:
    """Open and roll in a process of its own; how many points it passed, or 0 if it was killed."""
    told, telling = _processes.Pipe(duplex=False)
    child = _processes.Process(target=_roll, args=(folder, kill_at, telling))
    child.start()
    telling.close()
    child.join(WAIT)
    if child.exitcode is None:
        child.kill()
        child.join()
        raise AssertionError(f"the roll to be killed at {kill_at} stood still for {WAIT} s")
    with told:
        if child.exitcode == -signal.SIGKILL:
            return 0
        assert child.exitcode == 0
        count = told.recv()
    assert isinstance(count, int)
    return count
