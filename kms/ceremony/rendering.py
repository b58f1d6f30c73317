"""What is proposed, in the words that everybody is shown: admins, custodians, a notary, later readers."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from kms.ceremony.changes import changes
from kms.ceremony.checks import objections
from kms.ceremony.drafts import DAY, REHEARSAL
from kms.ceremony.proposals import Order, Proposal, chain_of, missing, parties
from kms.ceremony.words import printable, words
from kms.crypto.signing import thumbprint
from kms.policy.anchors import name_anchor
from kms.policy.rule_words import rules_in_words
from kms.policy.schedule import schedule_in_words
from kms.statements import quorums
from kms.statements.manifest import Custodian, Issuer, Manifest
from kms.statements.notices import notices
from kms.statements.pool import PoolOrder

WIDTH: Final = 110
REHEARSAL_WARNING: Final = "THIS IS A REHEARSAL. Its keys are thrown away; nothing real may rest on it."


def render(proposal: Proposal, now: int) -> str:
    """The whole proposal for people to read, ending with what stands against it and with its words."""
    lines: list[str] = []
    statement = proposal.statement
    manifest = isinstance(statement, Manifest)
    if _rehearsed(proposal):
        lines += [REHEARSAL_WARNING, ""]
    if isinstance(statement, Manifest):
        lines += _manifest(proposal, statement)
    else:
        lines += [
            _order_title(statement),
            f"  keyring    {proposal.chain.last.manifest.name if proposal.chain else '?'}",
            f"  reason     {statement.reason}",
            f"  made       {when(statement.created_at)}",
            f"  committee  of the manifest {statement.manifest_hash.hex()}",
        ]
    against = objections(proposal, now)
    lines += ["", "Against signing it:" if against else "The checks found nothing against signing it."]
    lines += [f"  ! {problem.path}: {problem.problem}" for problem in against]
    lacking = missing(proposal)
    lines += ["", "Signatures: " + ("missing: " + "; ".join(lacking) if lacking else "complete")]
    title = "The keyring's id" if manifest and proposal.chain is None else "Its hash"
    lines += [
        "",
        f"{title}, for all to compare:",
        f"  {proposal.digest.hex()}",
        f"  {words(proposal.digest)}",
    ]
    if _rehearsed(proposal):
        lines += ["", REHEARSAL_WARNING]
    return "\n".join(_wrapped(lines))


def _order_title(order: Order) -> str:
    if isinstance(order, PoolOrder):
        return f"An order to make {order.count} keys that nobody knows, for deposits to draw"
    return f"An order to deal every key anew (number {order.sequence})"


def facts(proposal: Proposal, now: int) -> dict[str, Any]:
    """The same for programs."""
    statement = proposal.statement
    result: dict[str, Any] = {
        "kind": "order",
        "keyring_id": proposal.keyring_id.hex(),
        "hash": proposal.digest.hex(),
        "words": words(proposal.digest),
        "rehearsal": _rehearsed(proposal),
        "objections": [{"path": o.path, "problem": o.problem} for o in objections(proposal, now)],
        "missing": missing(proposal),
        "notices": standing(proposal, now),
        "parties": [
            {"role": p.role, "name": p.name, "key": p.key.hex(), "signed": p.signed}
            for p in parties(proposal)
        ],
    }
    if not isinstance(statement, Manifest):
        number = (
            {"keys": statement.count}
            if isinstance(statement, PoolOrder)
            else {"sequence": statement.sequence}
        )
        return (
            result
            | number
            | {
                "reason": statement.reason,
                "manifest_hash": statement.manifest_hash.hex(),
                "created_at": statement.created_at,
            }
        )
    return result | {
        "kind": "manifest",
        "name": statement.name,
        "sequence": statement.sequence,
        "threshold": statement.threshold,
        "custodians": [
            {name: getattr(c, name) for name in Custodian.__slots__} | {"identity_key": c.identity_key.hex()}
            for c in statement.custodians
        ],
        "admins": [key.hex() for key in statement.admins],
        "admin_quorum": statement.admin_quorum,
        "durable_quorum": statement.durable_quorum,
        "created_at": statement.created_at,
        "expires_at": statement.expires_at,
        "change_delay": statement.change_delay,
        "emergency": statement.emergency,
        "recovery_delay": statement.recovery_delay,
        "destruction_delay": statement.destruction_delay,
        "survives": survives(statement),
        "changes": changes(proposal.chain.last.manifest, statement) if proposal.chain else [],
        "golden_hash": statement.golden_hash.hex(),
        "budgets": budgets(statement),
        "retention": schedule_in_words(statement.policy),
        "rules": [
            {"name": r.name, "effect": r.effect, "text": r.text} for r in rules_in_words(statement.policy)
        ],
    }


def budgets(manifest: Manifest) -> list[str]:
    """Each budget with what it comes to over all custodians."""
    return [b.in_words(len(manifest.custodians), manifest.threshold) for b in manifest.budgets]


def standing(proposal: Proposal, now: int) -> list[str]:
    """What is to be known of the chain: an end that is near, a manifest that is to hold."""
    known = chain_of(proposal)
    return [] if known is None else notices(known, now)


def when(seconds: int) -> str:
    """Unix seconds as a date and time in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} seconds after 1970"


def survives(manifest: Manifest) -> list[str]:
    """How many custodians and admins may be lost or turn, before something stops or opens."""
    n, t, quorum = len(manifest.custodians), manifest.threshold, manifest.durable_quorum
    admins, m = len(manifest.admins), manifest.admin_quorum
    agree = quorums.agreement(n, t)
    lines = [
        f"reading goes on while {t} of {n} custodians answer: {n - t} may be lost",
        f"new keys are taken while {quorum} answer: {n - quorum} may be lost",
        f"a next manifest needs {agree} of these custodians: {n - agree} may be lost",
        f"{t - 1} custodians together open nothing; {t} together can open every record",
        f"{n - t + 1} custodians together can stop all reading",
        f"admins: {admins - m} of {admins} may be lost; {m} together can propose a change and order ceremonies, "
        "and open nothing",
    ]
    for what in ("jurisdiction", "hosting", "parent"):
        name, size = Counter(getattr(c, what) for c in manifest.custodians).most_common(1)[0]
        lines.append(f"the largest share under one {what} is {size} of {n} ({name}); {t} would open")
    tight = quorums.warning(n, t)
    return [*lines, f"tight: {tight}"] if tight else lines


def _rehearsed(proposal: Proposal) -> bool:
    names = [link.manifest.name for link in proposal.chain.links] if proposal.chain else []
    if isinstance(proposal.statement, Manifest):
        names.append(proposal.statement.name)
    return any(name.startswith(REHEARSAL) for name in names)


def _manifest(proposal: Proposal, manifest: Manifest) -> list[str]:
    n, t = len(manifest.custodians), manifest.threshold
    what = "A new keyring" if proposal.chain is None else f"Manifest {manifest.sequence} of a keyring"
    lines = [
        f"{what}: {manifest.name}",
        f"  opens      where {t} of {n} custodians agree",
        f"  made       {when(manifest.created_at)}",
        f"  ends       {when(manifest.expires_at)}",
        f"  changes    hold {manifest.change_delay / DAY:g} days after they are made",
    ]
    if manifest.destruction_delay:
        wait = manifest.destruction_delay / DAY
        lines.append(f"  destroying waits {wait:g} days after an order, and can be called off until then")
    if manifest.recovery_delay:
        lines.append(
            f"  recovery   a new key counts for a lost one {manifest.recovery_delay / DAY:g} days after two issuers "
            "vouched for its holder, unless the old one objects"
        )
    if proposal.chain is not None:
        lines.append(f"  keyring    {proposal.keyring_id.hex()}")
        if not manifest.emergency:
            before = proposal.chain.last.manifest
            since = max(proposal.chain.holds_from(before.sequence), manifest.created_at + before.change_delay)
            lines.append(f"  holds      from {when(since)} at the earliest")
    if manifest.emergency:
        lines.append("  EMERGENCY  it takes custodians out and holds at once")
    lines += ["", "Custodians"]
    for custodian in manifest.custodians:
        lines += _custodian(custodian)
    lines += ["", f"Admins: {manifest.admin_quorum} of {len(manifest.admins)} act together"]
    for key in manifest.admins:
        lines += [f"  {key.hex()}", f"    {words(thumbprint(key))}"]
    lines += ["", "Issuers whose word about people counts"]
    for issuer in manifest.issuers:
        classes = ", ".join(klass.name.lower() for klass in issuer.classes)
        lines.append(f"  {issuer.iss}, controlled by {issuer.controlled_by}, for: {classes}")
        lines += _issuer_source(issuer)
    lines += ["", "What it survives"] + [f"  {line}" for line in survives(manifest)]
    lines += ["", "The policy, rule by rule"]
    lines += [f"  {rule.name}: {rule.text}" for rule in rules_in_words(manifest.policy)]
    if manifest.golden_hash:
        lines += ["  it passes the golden decisions of this hash:", f"    {manifest.golden_hash.hex()}"]
    kept = schedule_in_words(manifest.policy)
    if kept:
        lines += ["", "How long records are kept, by category", *(f"  {line}" for line in kept)]
    if manifest.budgets:
        lines += ["", "Budgets: how many keys are given to whom", *(f"  {b}" for b in budgets(manifest))]
    if proposal.chain is not None:
        lines += ["", "What changes against the manifest before"]
        lines += [f"  {line}" for line in changes(proposal.chain.last.manifest, manifest)]
    return lines


def _issuer_source(issuer: Issuer) -> list[str]:
    """Where its keys come from, and what its credentials must be."""
    lines = [f"    key {key.kid} ({key.type.name}): {key.public_key.hex()}" for key in issuer.keys]
    if issuer.is_provider:
        delay, age = (f"{seconds / 3600:g} hours" for seconds in (issuer.key_delay, issuer.max_key_age))
        lines += [
            "    each custodian fetches its keys itself, over TLS that only these authorities vouch for:"
        ]
        lines += [f"      {name_anchor(anchor)}" for anchor in issuer.trust_anchors]
        lines += [
            f"    a new key counts {delay} after it was first seen beside one that counts",
            f"    keys that cannot be fetched any more count for {age}",
        ]
    if issuer.authorities:
        lines.append("    certificates under these authorities name services:")
        lines += [f"      {name_anchor(authority)}" for authority in issuer.authorities]
    if issuer.audience:
        lines.append(f"    its credentials are for the audience {issuer.audience!r} alone")
    if issuer.nonce_bound:
        lines.append("    its ID tokens are bound to a device's key by their nonce")
    return lines


def _custodian(c: Custodian) -> list[str]:
    return [
        f"  {c.index}. {c.organisation}, in {c.jurisdiction}, hosted by {c.hosting}, owned by {c.parent}",
        f"    reached at {c.endpoint}",
        f"    key {c.identity_key.hex()}",
    ]


def _wrapped(lines: Iterable[str]) -> Iterable[str]:
    for line in map(printable, lines):
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        yield from textwrap.wrap(
            line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]
