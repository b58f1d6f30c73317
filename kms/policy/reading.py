"""The one way into Cedar's parser, which knows no depth at which it stops.

It goes down into what is nested by calling itself, in native code: some hundred brackets, or a thousand `||`, are the
end of its stack, and with it of the process, which no `except` sees. A policy may come in a message (an admin asks what
it would come to), so whoever may send one could end a custodian with it. What is nested deeper than people write is
turned away before Cedar reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import cedarpy
from cedarpy import pst

MAX_NESTING: Final = 600
"""Of `nesting`. cedarpy 4.12.2, with 8 MB of stack, went down at 1300 operators, and at 650 brackets."""
_BRACKET: Final = 6
"""What a bracket counts: parsers go down through each precedence for it."""
_TOKEN: Final = re.compile(
    # Strings and comments as Cedar's lexer reads them: what is a bracket to it must be one here.
    r'(?P<skipped>"(?:[^"\\]|\\.)*"|//[^\n\r]*)'
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<next>[;,])"
    r"|(?P<loose>&&|\|\||[-+*]|\b(?:if|then|else)\b)|(?P<tight>[=!<>]=|[!<>.=]|\b(?:in|has|like|is)\b)"
    r'|(?P<stray>")'
)


@dataclass(slots=True)
class _Level:
    """What stands between two brackets: operators of the part read now, and the deepest of its brackets and parts.

    Loose ones make a chain of all their operands; tight ones (`context.category == "a"`) stay within one.
    """

    loose: int = 0
    tight: int = 0
    tightest: int = 0
    inner: int = 0
    deepest: int = 0

    def close_operand(self) -> None:
        self.tightest, self.tight = max(self.tightest, self.tight), 0

    def close_part(self) -> int:
        self.close_operand()
        self.deepest = max(self.deepest, self.loose + self.tightest + self.inner)
        self.loose = self.tightest = self.inner = 0
        return self.deepest


def nesting(text: str) -> int:
    """How deep a policy's text may be nested at most, in operators; ValueError if a string in it does not end."""
    levels = [_Level()]
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "open":
                levels[-1].tight += 1  # `context["a"]["b"]` goes down by one for each
                levels.append(_Level())
            case "close" if len(levels) > 1:
                _leave(levels)
            case "loose":
                levels[-1].loose += 1
                levels[-1].close_operand()
            case "tight":
                levels[-1].tight += 1
            case "next":
                levels[-1].close_part()
            case "stray":
                raise ValueError("a string does not end")
    while len(levels) > 1:
        _leave(levels)
    return levels[0].close_part()


def _leave(levels: list[_Level]) -> None:
    depth = levels.pop().close_part() + _BRACKET
    levels[-1].inner = max(levels[-1].inner, depth)


def check_nesting(text: str) -> None:
    """ValueError if a policy is nested deeper than Cedar can be trusted with."""
    if nesting(text) > MAX_NESTING:
        raise ValueError("it is nested too deeply: write it with fewer brackets, or as several rules")


def read_rules(text: str) -> pst.PolicySet:
    """A policy's rules; ValueError if it does not parse, or is nested too deeply."""
    check_nesting(text)
    return cedarpy.policies_to_pst(text)
