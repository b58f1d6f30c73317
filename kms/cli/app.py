"""Puts the nouns together: all of them, or as many as one command line needs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import typer

NOUNS = (
    "admin",
    "audit",
    "ceremony",
    "coordinator",
    "credential",
    "custodian",
    "dev",
    "grant",
    "history",
    "key",
    "keyring",
    "login",
    "owner",
    "policy",
    "retention",
)
"""A module of this folder each, in the order of `kms --help`."""


def command_line(words: Sequence[str] = ()) -> typer.Typer:
    """The commands that these words can mean: all, if they do not begin with a noun.

    Most of what a short command costs is to read the others' files and describe their options.
    """
    noun = words[0] if words else ""
    made = _together([noun] if noun in NOUNS else NOUNS)
    _narrow(made, words)
    return made


def _together(nouns: Sequence[str]) -> typer.Typer:
    made = typer.Typer(
        name="kms",
        help="Threshold KMS: a record opens only where a quorum of independent custodians releases its key.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    made.callback()(_root)
    for noun in nouns:
        module = import_module(f"kms.cli.{noun}")
        if noun == "login":
            made.command()(module.login)
        else:
            made.add_typer(module.app, name=noun)
    return made


def _root() -> None:
    """Keeps `kms` a group even if it had one command."""


def _narrow(made: typer.Typer, words: Sequence[str]) -> None:
    """Leave out what stands beside the command that the words name, if they do."""
    for word in words:
        groups = [group for group in made.registered_groups if group.name == word]
        commands = [command for command in made.registered_commands if _name(command) == word]
        if not groups and not commands:
            return
        made.registered_groups, made.registered_commands = groups, commands
        if not groups or groups[0].typer_instance is None:
            return
        made = groups[0].typer_instance


def _name(command: typer.models.CommandInfo) -> str:
    return command.name or (command.callback.__name__.replace("_", "-") if command.callback else "")
