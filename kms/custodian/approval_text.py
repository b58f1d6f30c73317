"""What an approver reads, in their language. The hash of the very text is what the approval signs.

It is made of facts that the node verified and of nothing else, so that the page, which shows the same facts, and the
text cannot differ. Free text from the requester is quoted with control characters made visible, so that it cannot
imitate a line of ours or move the cursor of a terminal.
"""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from kms.custodian.budgets import Excess
from kms.custodian.case import VERDICTS, Case, attributes
from kms.custodian.context import NodeContext
from kms.policy.attributes import controllers, is_clinical
from kms.statements.budgets import BudgetExcess
from kms.statements.release import Purpose, Verdict
from kms.statements.waiting import Asker, Evidence, EvidenceKind, Expected, Held, Kind, WaitingFacts

WIDTH: Final = 60
_COLUMN: Final = 13
ISSUERS_LOOKED_FOR: Final = 2
"""Independent issuers: what the default policy wants without the owner."""


def gather_facts(
    node: NodeContext, case: Case, positions: Sequence[int], now: int, held: Sequence[Excess] = ()
) -> WaitingFacts:
    """Who asks, for what, how many keys of which kinds, on which evidence, and what the rules would say after a yes.

    `held`: what budgets hold of them.
    """
    request = case.opened.request
    kinds = Counter(case.categories[p] for p in positions)
    expected: dict[tuple[Verdict, str], int] = defaultdict(int)
    for attrs, alike in attributes(node, case, now, approvals=node.registry.approvals_needed).items():
        outcome = node.policy.decide_release(attrs)
        expected[VERDICTS[outcome.verdict], outcome.reason] += len(set(alike).intersection(positions))
    count = len(positions)
    return WaitingFacts(
        case.opened.hash,
        node.keyring.manifest.name,
        node.me.index,
        node.me.organisation,
        Purpose(request.purpose),
        count,
        tuple(Kind(name, n, is_clinical(name)) for name, n in sorted(kinds.items())),
        tuple(
            Asker(c.subject, c.holder_class, c.iss, c.controlled_by, c.organisation, c.email)
            for c in case.credentials
        ),
        (
            Evidence(EvidenceKind.ISSUERS, len(controllers(case.credentials)), ISSUERS_LOOKED_FOR),
            Evidence(EvidenceKind.OWNER, sum(case.owned(p) for p in positions), count),
            Evidence(EvidenceKind.GRANT, sum(case.grant_for(p) is not None for p in positions), count),
            Evidence(EvidenceKind.REASON, int(bool(case.justification.strip())), 1),
        ),
        tuple(reason for _, reason in case.lost_grants),
        case.justification,
        tuple(Expected(verdict, why, n) for (verdict, why), n in sorted(expected.items()) if n),
        now,
        request.ends_at,
        tuple(Held(one.budget, one.keys) for one in held if one.budget.on_excess is BudgetExcess.HOLD),
    )


def render(facts: WaitingFacts, language: str) -> str:
    """Several lines of text; the same bytes for the same facts and language, for ever."""
    w = WORDS[language]
    lines = [
        w["head"].format(
            index=facts.index, organisation=_plain(facts.organisation), name=_plain(facts.keyring_name)
        ),
        _line(w["request"], facts.request_hash.hex()),
        _line(w["purpose"], w[f"purpose {facts.purpose.name}"]),
        _line(w["keys"], f"{facts.count}: " + ", ".join(_kind(kind, w) for kind in facts.kinds)),
        _line(w["asked at"], _utc(facts.asked_at)),
        _line(w["until"], _utc(facts.expires_at)),
        *(_asker(asker, w) for asker in facts.askers),
        *(_evidence(item, facts, w) for item in facts.evidence),
        *(_line(w["budget"], held) for held in holding(facts, language)),
        *(_line(w["rule"], _expected(each, w)) for each in facts.expected),
        _line(w["reason"], quoted(facts.justification)),
    ]
    return "\n".join(lines) + "\n"


def holding(facts: WaitingFacts, language: str) -> list[str]:
    """The budgets that hold keys of the request, each in words."""
    w = WORDS[language]
    return [
        w["held"].format(
            keys=held.keys,
            limit=held.budget.limit,
            window=w[f"window {held.budget.window.name}"],
            scope=w[f"scope {held.budget.scope.name}"],
        )
        for held in facts.held
    ]


def texts(facts: WaitingFacts) -> Mapping[str, str]:
    """The text in every language."""
    return {language: render(facts, language) for language in WORDS}


def _line(label: str, text: str) -> str:
    return f"{label:<{_COLUMN}}{text}"


def _kind(kind: Kind, w: Mapping[str, str]) -> str:
    name = quoted(kind.category) if kind.category else w["no category"]
    return f"{kind.count} {name}" + (f" ({w['clinical']})" if kind.clinical else "")


def _asker(asker: Asker, w: Mapping[str, str]) -> str:
    klass = w.get(f"class {asker.holder_class}", asker.holder_class)
    lines = [
        _line(w["asked by"], quoted(asker.subject)),
        _line(
            "",
            w["vouched"].format(klass=klass, issuer=quoted(asker.issuer), owner=quoted(asker.controlled_by)),
        ),
    ]
    if asker.organisation:
        lines.append(_line("", f"{w['organisation']} {quoted(asker.organisation)}"))
    if asker.email:
        lines.append(_line("", f"{w['address']} {quoted(asker.email)}"))
    return "\n".join(lines)


def _evidence(item: Evidence, facts: WaitingFacts, w: Mapping[str, str]) -> str:
    mark = "[x]" if item.there else "[ ]"
    text = w[f"evidence {item.kind.name}"].format(have=item.have, of=item.of)
    if item.kind is EvidenceKind.GRANT and facts.refused_grants:
        reasons = Counter(facts.refused_grants)
        text += f" ({w['refused']} " + ", ".join(f"{n} {_plain(r)}" for r, n in sorted(reasons.items())) + ")"
    return _line(w["evidence"], f"{mark} {text}")


def _expected(each: Expected, w: Mapping[str, str]) -> str:
    return w[f"expected {each.verdict.name}"].format(count=each.count, reason=_plain(each.reason))


def quoted(text: str) -> str:
    """Somebody else's words, as nothing else could look."""
    visible = _plain(text)
    # Broken here, each line marked as quoted: a terminal must not wrap it into what looks like a line of ours.
    lines = [visible[start : start + WIDTH] for start in range(0, len(visible), WIDTH)] or [""]
    return '"' + ("\n" + " " * (_COLUMN - 2) + "| ").join(lines) + '"'


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in text)


def _utc(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "head": "Custodian {index} ({organisation}), keyring {name}",
        "request": "Request",
        "purpose": "Purpose",
        "purpose TREATMENT": "treatment",
        "purpose PATIENT_ACCESS": "access by the patient",
        "purpose BILLING": "billing",
        "purpose SCHEDULING": "scheduling",
        "purpose EMERGENCY": "emergency",
        "purpose RESEARCH": "research",
        "purpose LEGAL": "a legal demand",
        "keys": "Keys",
        "no category": "without a category",
        "clinical": "health data",
        "asked at": "Asked at",
        "until": "Until",
        "asked by": "Asked by",
        "vouched": "{klass}, says {issuer} of {owner}",
        "class device": "a person's device",
        "class professional": "a health professional",
        "class service": "a service",
        "class operator": "the operator",
        "organisation": "of",
        "address": "address",
        "evidence": "Evidence",
        "evidence ISSUERS": "independent issuers: {have} of {of}",
        "evidence OWNER": "asked by the owner: {have} of {of} keys",
        "evidence GRANT": "granted by the owner: {have} of {of} keys",
        "evidence REASON": "a reason: {have} of {of}",
        "refused": "refused:",
        "budget": "Budget",
        "held": "{keys} beyond the {limit} keys {window} of {scope}",
        "window HOUR": "an hour",
        "window DAY": "a day",
        "window MONTH": "in 30 days",
        "scope PRINCIPAL": "who asks",
        "scope ORGANISATION": "the organisation that asks",
        "scope OWNER": "an owner",
        "scope KEYRING": "the whole keyring",
        "rule": "After a yes",
        "expected ALLOW": "{count} released ({reason})",
        "expected DENY": "{count} refused all the same ({reason})",
        "expected PENDING": "{count} refused all the same ({reason})",
        "reason": "Reason",
    },
    "fr": {
        "head": "Dépositaire {index} ({organisation}), trousseau {name}",
        "request": "Demande",
        "purpose": "Finalité",
        "purpose TREATMENT": "soins",
        "purpose PATIENT_ACCESS": "accès du patient",
        "purpose BILLING": "facturation",
        "purpose SCHEDULING": "prise de rendez-vous",
        "purpose EMERGENCY": "urgence",
        "purpose RESEARCH": "recherche",
        "purpose LEGAL": "réquisition judiciaire",
        "keys": "Clés",
        "no category": "sans catégorie",
        "clinical": "données de santé",
        "asked at": "Demandé le",
        "until": "Jusqu'au",
        "asked by": "Demandeur",
        "vouched": "{klass}, selon {issuer} de {owner}",
        "class device": "appareil d'une personne",
        "class professional": "professionnel de santé",
        "class service": "service",
        "class operator": "exploitant",
        "organisation": "de",
        "address": "adresse",
        "evidence": "Preuves",
        "evidence ISSUERS": "émetteurs indépendants : {have} sur {of}",
        "evidence OWNER": "demandé par le titulaire : {have} clés sur {of}",
        "evidence GRANT": "autorisé par le titulaire : {have} clés sur {of}",
        "evidence REASON": "un motif : {have} sur {of}",
        "refused": "refusées :",
        "budget": "Plafond",
        "held": "{keys} au-delà des {limit} clés {window} {scope}",
        "window HOUR": "par heure",
        "window DAY": "par jour",
        "window MONTH": "en 30 jours",
        "scope PRINCIPAL": "du demandeur",
        "scope ORGANISATION": "de l'organisation qui demande",
        "scope OWNER": "d'un titulaire",
        "scope KEYRING": "du trousseau entier",
        "rule": "Après oui",
        "expected ALLOW": "{count} communiquées ({reason})",
        "expected DENY": "{count} refusées malgré tout ({reason})",
        "expected PENDING": "{count} refusées malgré tout ({reason})",
        "reason": "Motif",
    },
}
