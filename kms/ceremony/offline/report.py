"""An account for people, for programs, and on paper."""

from __future__ import annotations

import json
from html import escape
from typing import Final

from kms.ceremony.offline.account import Account
from kms.ceremony.words import printable, words

HOLDS: Final = "Everything in this file holds."
_REHEARSAL: Final = "REHEARSAL"
_STYLE: Final = """
body { font: 11pt/1.45 Georgia, serif; max-width: 46em; margin: 2em auto; padding: 0 1em; color: #111; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 1.6em; }
dt { font-weight: bold; } dd { margin: 0 0 .6em 0; overflow-wrap: anywhere; }
code { font: .85em monospace; overflow-wrap: anywhere; }
.bad { border: 2px solid #a00; padding: .6em 1em; } .good { border: 2px solid #161; padding: .6em 1em; }
li { margin: .3em 0; break-inside: avoid; } .sign { margin-top: 3em; }
"""


def verdict(account: Account) -> str:
    """One sentence: what holds, or the first line that does not."""
    if account.problem is None and account.name.startswith(_REHEARSAL):
        return f"{HOLDS} {account.name}: this was a rehearsal, with keys that were thrown away."
    if account.problem is None:
        return HOLDS
    return (
        f"LINE {account.problem.line} MUST NOT BE BELIEVED: {account.problem.text}. "
        "The lines after it were not looked at."
    )


def as_text(account: Account) -> str:
    lines = [
        f"{account.lines} lines, SHA-256 {account.sha256}",
        f"keyring {account.keyring_id or 'unknown'}",
        f"        {_words(account)}",
        "",
        "What happened",
        *(f"  line {event.line}: {event.text}" for event in account.events),
    ]
    if account.outcomes:
        lines += ["", "What it adds up to", *(f"  {outcome}" for outcome in account.outcomes)]
    return "\n".join(printable(line) for line in (*lines, "", verdict(account)))


def as_json(account: Account) -> str:
    problem = account.problem
    return json.dumps(
        {
            "holds": problem is None,
            "problem": None if problem is None else {"line": problem.line, "text": problem.text},
            "keyring_id": account.keyring_id,
            "words": _words(account),
            "name": account.name,
            "lines": account.lines,
            "sha256": account.sha256,
            "events": [{"line": event.line, "text": event.text} for event in account.events],
            "outcomes": account.outcomes,
        }
    )


def as_html(account: Account) -> str:
    """A page without scripts, pictures or addresses, to print and to sign by hand."""
    events = "".join(
        f'<li value="{event.line}">{escape(printable(event.text))}</li>' for event in account.events
    )
    outcomes = "".join(f"<li>{escape(printable(outcome))}</li>" for outcome in account.outcomes)
    mood = "good" if account.problem is None else "bad"
    title = escape(printable(account.name) or "A ceremony")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head><body>
<h1>Record of a key ceremony: {title}</h1>
<p class="{mood}">{escape(printable(verdict(account)))}</p>
<dl><dt>Keyring</dt><dd><code>{escape(account.keyring_id)}</code><br>{escape(_words(account))}</dd>
<dt>SHA-256 of the file ({account.lines} lines)</dt><dd><code>{account.sha256}</code></dd></dl>
<h2>What happened, line by line</h2><ol>{events}</ol>
{"<h2>What it adds up to</h2><ul>" + outcomes + "</ul>" if outcomes else ""}
<p class="sign">Place, date, signature: ______________________________________________</p>
</body></html>
"""


def _words(account: Account) -> str:
    return words(bytes.fromhex(account.keyring_id)) if account.keyring_id else ""
