"""What logs, nodes and manifests wrote, as plain text: nothing that a terminal or a browser would obey."""

from __future__ import annotations

from html import escape


def printable(text: str) -> str:
    """One line without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)


def on_page(text: str) -> str:
    """For HTML; lines stay lines."""
    return escape("\n".join(printable(line) for line in text.split("\n")))
