"""The `kms` command: one file per noun. `kms --help` lists them."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; a refusal is one line on standard error and exit code 1."""
    from kms.cli.app import command_line
    from kms.errors import KmsError

    try:
        command_line(sys.argv[1:])()
    except KmsError as error:
        print(f"kms: {error.message} [{error.reason}]", file=sys.stderr)
        for field in error.fields[1:]:
            print(f"     {field.path} {field.problem}", file=sys.stderr)
        sys.exit(1)
