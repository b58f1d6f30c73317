"""TOML configuration into frozen dataclasses: every key checked, a wrong one named with the nearest right one."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from kms.errors import ConfigError

C = TypeVar("C")


def load(cls: type[C], path: Path) -> C:
    """The dataclass from the file; ConfigError with the key's path. Relative paths are the file's neighbours."""
    return parse(cls, read(path), path)


def read(path: Path) -> bytes:
    """The file's bytes; ConfigError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None


def parse(cls: type[C], data: bytes, path: Path) -> C:
    """The same from bytes that were read from there already."""
    try:
        table = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    result: C = _build(cls, table, "", path.parent.resolve())
    return result


def _build(cls: Any, data: Any, at: str, base: Path) -> Any:
    if not isinstance(data, dict):
        raise ConfigError(f"{at or 'the file'} must be a table")
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in data:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.0)
            raise ConfigError(f"unknown key {_join(at, key)}: did you mean {_join(at, near[0])}?")
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _value(hints[name], data[name], _join(at, name), base)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{_join(at, name)} is missing")
    return cls(**values)


def _value(hint: Any, value: Any, at: str, base: Path) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        hint = next(a for a in arguments if a is not type(None))
        return _value(hint, value, at, base)
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{at} must be a list")
        return tuple(_value(arguments[0], item, f"{at}[{n}]", base) for n, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{at} must be a table")
        return {key: _value(arguments[1], item, _join(at, key), base) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, at, base)
    if hint is Path:
        if not isinstance(value, str):
            raise ConfigError(f"{at} must be a path")
        return base / value
    if hint is bytes:
        try:
            return bytes.fromhex(value)
        except (TypeError, ValueError):
            raise ConfigError(f"{at} must be hex") from None
    if type(value) is not hint:
        raise ConfigError(f"{at} must be of type {hint.__name__}, not {type(value).__name__}")
    return value


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key
