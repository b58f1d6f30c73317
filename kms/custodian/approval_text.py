"""What an approver reads: a rendering of verified bytes only. Its hash is what the approval signs.

Free text from the requester is quoted with control characters made visible, so that it cannot imitate a line
of ours or move the cursor of a terminal.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence

from kms.custodian.case import Case
from kms.custodian.context import NodeContext
from kms.statements.release import Purpose

WIDTH = 60


def render(node: NodeContext, case: Case, positions: Sequence[int]) -> str:
    """Several lines: who asks, for what, how many keys of which kind, on which evidence, until when."""
    request = case.opened.request
    kinds = Counter(case.contexts[p].get("category", "(none)") for p in positions)
    lines = [
        f"Custodian {node.me.index} ({node.me.organisation}), keyring {node.keyring.manifest.name}",
        f"Request   {case.opened.hash.hex()}",
        f"Purpose   {Purpose(request.purpose).name.lower()}",
        f"Keys      {len(positions)}: "
        + ", ".join(f"{n} {_quoted(kind)}" for kind, n in sorted(kinds.items())),
        f"Until     {_utc(request.expires_at)}",
        "Asked by  " + ("; ".join(_who(case)) or "(nobody known)"),
        f"Grants    {len(case.grants)} valid, {len(case.lost_grants)} refused",
        f"Reason    {_quoted(case.justification)}",
    ]
    return "\n".join(lines) + "\n"


def _who(case: Case) -> list[str]:
    return [
        f"{_quoted(c.subject)} as {c.holder_class}, vouched for by {_quoted(c.iss)}" for c in case.credentials
    ]


def _quoted(text: str) -> str:
    visible = "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in text)
    # Broken here, each line marked as quoted: a terminal must not wrap it into what looks like a line of ours.
    lines = [visible[start : start + WIDTH] for start in range(0, len(visible), WIDTH)] or [""]
    return '"' + "\n        | ".join(lines) + '"'


def _utc(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
