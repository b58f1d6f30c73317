"""An audit's report for people, for programs, and on paper. Whatever logs and nodes wrote is shown as plain text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from kms.audit.findings import MEANING, Finding
from kms.audit.plots import STYLE as PLOT_STYLE
from kms.audit.plots import Column, stacked
from kms.audit.run import LogReport, Report
from kms.audit.words import on_page, printable

MAX_COLUMNS: Final = 60
_DAY: Final = 86400
_STYLE: Final = """
body { font: 11pt/1.45 Georgia, serif; max-width: 54em; margin: 2em auto; padding: 0 1em; color: #111; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 1.6em; }
table { border-collapse: collapse; width: 100%; font-size: .9em; }
th, td { text-align: left; padding: .2em .6em .2em 0; border-bottom: 1px solid #ccc; vertical-align: top; }
td.n, th.n { text-align: right; } code { font: .85em monospace; overflow-wrap: anywhere; }
.bad { border: 2px solid #a00; padding: .6em 1em; } .good { border: 2px solid #161; padding: .6em 1em; }
.some { border: 2px solid #960; padding: .6em 1em; }
li { margin: .4em 0; break-inside: avoid; overflow-wrap: anywhere; } figure { margin: 1em 0; break-inside: avoid; }
figcaption { font-size: .85em; } .sign { margin-top: 3em; }
"""


def verdict(report: Report) -> str:
    """What it comes to, in one sentence or two."""
    read = sum(log.current for log in report.logs)
    names = [f"{index} ({_name(report, index)})" for index in report.accused]
    if names:
        return f"AT FAULT: custodian {', '.join(names)}. Of what was shown, nothing else is amiss."
    if report.clean:
        return f"All {read} logs are whole, agree with each other, and keep what was promised."
    return f"Nobody is found at fault, but not everything could be looked at: {read} logs were read whole."


def as_json(report: Report) -> str:
    """Everything, the evidence of each finding included."""
    return json.dumps(facts(report), indent=1)


def facts(report: Report) -> dict[str, Any]:
    return {
        "verdict": verdict(report),
        "clean": report.clean,
        "accused": list(report.accused),
        "keyring_id": report.keyring_id.hex(),
        "name": report.name,
        "at": report.at,
        "least_threshold": report.threshold,
        "promises": report.promises,
        "promises_refused": report.refused_promises,
        "decisions_checked": report.checked_decisions,
        "decisions_unread": report.unread_decisions,
        "logs": [_log_facts(log) for log in report.logs],
        "findings": [finding.facts() for finding in report.findings],
    }


def _log_facts(log: LogReport) -> dict[str, Any]:
    return {
        "custodian": log.index,
        "organisation": log.organisation,
        "read_whole": log.current,
        "entries": log.size,
        "entries_new": log.size - log.since,
        "root": log.root.hex(),
        "checkpoint": log.note.decode(errors="replace"),
        "cosigned": {str(index): at for index, at in log.cosigned.items()},
        "kinds": dict(log.kinds),
        "releases_before_trees": log.chained,
    }


def as_text(report: Report) -> str:
    lines = [
        f"keyring {report.keyring_id.hex()} ({report.name})",
        f"audited {_when(report.at)}",
        "",
        "  custodian                       entries         new    releases  cosigned by",
    ]
    for log in report.logs:
        name = f"{log.index} {log.organisation}"[:28]
        seen = ", ".join(map(str, log.cosigned)) or "nobody"
        state = "" if log.current else "  NOT READ WHOLE"
        lines.append(
            f"  {name:28} {log.size:>10,} {log.size - log.since:>11,} {log.releases:>11,}  {seen}{state}"
        )
    lines += [
        "",
        f"{report.checked_decisions:,} decisions that releases rest on were looked up, "
        f"{report.unread_decisions:,} stand in logs that could not be read",
        f"{report.promises:,} promises were held against the logs"
        + (f", {report.refused_promises:,} were nobody's" if report.refused_promises else ""),
    ]
    chained = sum(log.chained for log in report.logs)
    if chained:
        lines.append(f"{chained:,} releases are from before logs were trees, and name no decisions")
    for finding in report.findings:
        lines += ["", *_finding_lines(report, finding)]
    return "\n".join(printable(line) for line in (*lines, "", verdict(report)))


def _finding_lines(report: Report, finding: Finding) -> list[str]:
    head = f"{finding.kind.value}: custodian {finding.index} ({_name(report, finding.index)})"
    return [head, f"  {MEANING[finding.kind]}", f"  {finding.summary}", f"  {_standing(finding)}"]


def _standing(finding: Finding) -> str:
    if not finding.kind.accuses:
        return "This accuses nobody."
    if finding.transferable:
        return "The evidence shows it to anybody (kms audit verify)."
    return "This auditor saw it; the evidence alone does not prove it to others."


def as_html(report: Report) -> str:
    """A page without scripts and addresses, to print and to sign by hand."""
    mood = "bad" if report.accused else "good" if report.clean else "some"
    title = on_page(f"Audit of {report.name}")
    found = "".join(_finding_item(report, finding) for finding in report.findings)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>{_STYLE}{PLOT_STYLE}</style></head><body>
<h1>{title}</h1>
<p class="{mood}">{on_page(verdict(report))}</p>
<p>Keyring <code>{report.keyring_id.hex()}</code><br>Audited {_when(report.at)}. {report.checked_decisions:,} decisions
that releases rest on were looked up ({report.unread_decisions:,} stand in logs that could not be read);
{report.promises:,} promises were held against the logs.</p>
<h2>Findings</h2>{"<ol>" + found + "</ol>" if found else "<p>None.</p>"}
<h2>Logs</h2>{_table(report)}
<h2>What is new in them</h2>{_plots(report)}
<h2>Checkpoints</h2>{"".join(_checkpoint(log) for log in report.logs)}
<p class="sign">Place, date, signature: ______________________________________________</p>
</body></html>
"""


def _finding_item(report: Report, finding: Finding) -> str:
    head, *rest = (on_page(line) for line in _finding_lines(report, finding))
    return f"<li><strong>{head}</strong><br>{'<br>'.join(rest)}</li>"


def _table(report: Report) -> str:
    rows = "".join(
        f"<tr><td>{log.index} {on_page(log.organisation)}</td><td class=n>{log.size:,}</td>"
        f"<td class=n>{log.size - log.since:,}</td><td class=n>{log.releases:,}</td>"
        f"<td>{on_page(', '.join(f'{i} ({_when(at)})' for i, at in log.cosigned.items()) or 'nobody')}</td>"
        f"<td>{'whole' if log.current else 'not whole'}</td></tr>"
        for log in report.logs
    )
    return (
        "<table><tr><th>custodian</th><th class=n>entries</th><th class=n>new</th>"
        f"<th class=n>releases</th><th>cosigned by</th><th>read</th></tr>{rows}</table>"
    )


def _plots(report: Report) -> str:
    names = [f"{log.index} {printable(log.organisation)}" for log in report.logs]
    days = sorted({day for log in report.logs for day in log.days})
    if not days:
        return "<p>No release is new.</p>" + _kinds(report)
    # Whoever writes 1970 and 9999 into a log gets a plot of as many columns as anybody else.
    days = days[-MAX_COLUMNS:]
    columns = [
        Column(
            _day(day) if place in (0, len(days) - 1) else "",
            tuple(float(log.days.get(day, 0)) for log in report.logs),
        )
        for place, day in enumerate(days)
    ]
    total = sum(log.releases for log in report.logs)
    summary = f"{total} releases on {len(days)} days, from {_day(days[0])} to {_day(days[-1])}"
    return stacked("releases", "Releases a day, by custodian", summary, names, columns) + _kinds(report)


def _kinds(report: Report) -> str:
    kinds = sorted({kind for log in report.logs for kind in log.kinds})
    columns = [
        Column(str(log.index), tuple(float(log.kinds.get(kind, 0)) for kind in kinds)) for log in report.logs
    ]
    summary = "; ".join(f"{log.index}: {sum(log.kinds.values())}" for log in report.logs)
    words = [kind.lower().replace("_", " ") for kind in kinds]
    return stacked("kinds", "New entries by kind, of each custodian", summary, words, columns)


def _checkpoint(log: LogReport) -> str:
    note = on_page(log.note.decode(errors="replace"))
    return f"<p>{log.index} {on_page(log.organisation)}</p><pre><code>{note}</code></pre>"


def _name(report: Report, index: int) -> str:
    return next((log.organisation for log in report.logs if log.index == index), "not read")


def _when(at: int) -> str:
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M UTC}"
    except (OverflowError, ValueError, OSError):
        return f"second {at}"


def _day(day: int) -> str:
    return _when(day * _DAY)[:10]
