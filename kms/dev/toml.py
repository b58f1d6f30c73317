"""Just enough TOML to write configuration files with: strings, integers, lists, tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Write `values` in mode 0600; a mapping becomes a table, a list of mappings an array of inline tables."""
    plain = [f"{key} = {_literal(value)}" for key, value in values.items() if not isinstance(value, Mapping)]
    for name, table in values.items():
        if isinstance(table, Mapping):
            plain += ["", f"[{name}]"] + [f"{_key(k)} = {_literal(v)}" for k, v in table.items()]
    path.touch(mode=0o600)
    path.write_text("\n".join(plain) + "\n")


def _key(name: object) -> str:
    return json.dumps(str(name))


def _literal(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_literal(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, bytes):
        return json.dumps(value.hex())
    if isinstance(value, Path):
        return json.dumps(str(value))
    return json.dumps(value)
