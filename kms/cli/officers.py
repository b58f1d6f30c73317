"""`kms custodian officers` and `kms custodian unlock`: k of m people open a custodian's secrets with word lists."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kms.custodian.config import CustodianConfig

app = typer.Typer(help="The officers who open this custodian, each with a word list.", no_args_is_help=True)
Config = Annotated[Path, typer.Option(help="The custodian's TOML file.")]
Of = Annotated[int, typer.Option("--of", help="How many officers there are (2 to 16).")]
Needed = Annotated[int, typer.Option("--needed", help="How many of them it takes (at least 2).")]
Into = Annotated[
    Path | None, typer.Option(help="Write each list into a file of mode 0600 in this folder, and show none.")
]
Words = Annotated[
    list[Path] | None, typer.Option("--words", help="A file with one officer's words; - is standard input.")
]


def _load(path: Path) -> CustodianConfig:
    from kms.custodian.config import CustodianConfig
    from kms.storage.config import load

    return load(CustodianConfig, path)


@app.command()
def new(config: Config, of: Of, needed: Needed, into: Into = None) -> None:
    """Seal this custodian's secrets (made now, if there are none) under word lists of new officers."""
    from kms.custodian.config import appoint_officers

    appoint_officers(_load(config), of, needed, _hand_out(into))
    typer.echo(f"from now on {needed} of {of} officers open this custodian")


@app.command()
def rekey(config: Config, of: Of, needed: Needed, words: Words = None, into: Into = None) -> None:
    """Give out new word lists under a new master secret; it takes the old officers, whose lists then open nothing."""
    from kms.custodian.root import ask_words, open_by_officers
    from kms.storage import officers

    place = _load(config).root()
    given = _given(words)
    secret = open_by_officers(officers.read(place.path), given or ask_words)
    place.seal_to_officers(secret, of, needed, _hand_out(into))
    typer.echo(f"from now on {needed} of {of} officers open this custodian; the old word lists open nothing")


def unlock(
    config: Config,
    words: Annotated[
        Path | None, typer.Option("--words", help="A file with your words; - is standard input.")
    ] = None,
) -> None:
    """Hand your word list to the locked node on this machine. Each officer does so on a terminal of their own."""
    from kms.custodian.root import ask_words
    from kms.custodian.unlocking import get_lock, send_words

    socket = _load(config).socket()
    state = asyncio.run(get_lock(socket))
    if state.locked:
        typer.echo(_progress(state))
        text = _read(words) if words else ask_words("Your words: ")
        state = asyncio.run(send_words(socket, text))
    typer.echo(_progress(state))


def _progress(state: Any) -> str:
    if not state.locked:
        return "the node is open"
    return f"LOCKED: {state.have} of {state.needed} word lists are there (of {state.of} officers)"


def _given(files: Sequence[Path] | None) -> Callable[[str], str] | None:
    if not files:
        return None
    lists: Iterator[str] = (_read(file) for file in files)

    def take(prompt: str) -> str:
        from kms.errors import ConfigError

        try:
            return next(lists)
        except StopIteration:
            raise ConfigError("more word lists are needed: repeat --words for each") from None

    return take


def _read(file: Path) -> str:
    from kms.errors import ConfigError

    if str(file) == "-":
        return sys.stdin.readline()
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"cannot read {file}") from None


def _hand_out(into: Path | None) -> Callable[[Sequence[str]], None]:
    """Into files, or on the terminal, one officer after the other."""
    from kms.errors import ConfigError

    def write(lists: Sequence[str]) -> None:
        assert into is not None
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number, words in enumerate(lists, 1):
            path = into / f"officer-{number}.words"
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except OSError as error:
                raise ConfigError(f"cannot make {path}: {error.strerror}") from None
            with os.fdopen(descriptor, "w") as file:
                file.write(words + "\n")
                file.flush()
                os.fsync(file.fileno())

    def show(lists: Sequence[str]) -> None:
        for number, words in enumerate(lists, 1):
            typer.prompt(
                f"Officer {number} of {len(lists)}, alone at the screen: press Enter", "", show_default=False
            )
            listed = words.split()
            rows = [
                "   ".join(f"{n + 1:2} {listed[n]:<9}" for n in range(start, min(start + 4, len(listed))))
                for start in range(0, len(listed), 4)
            ]
            # The alternate screen: it leaves nothing behind in the window that one could scroll back to.
            typer.echo("\x1b[?1049h\x1b[H\x1b[2J" + "\n".join(rows) + "\n")
            typer.prompt("Written down, and compared word by word: press Enter", "", show_default=False)
            typer.echo("\x1b[2J\x1b[?1049l", nl=False)

    if into is not None:
        return write
    # Of a pipe or a log nobody knows who reads it, and how long it stays.
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise ConfigError("word lists are shown on a terminal only; or write them into a folder: --into")
    return show
