"""What may be seen in a manifest of its issuers being one where two are counted, or being anybody."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kms.errors import ConfigError
from kms.policy.anchors import read_anchor
from kms.policy.issuers import issuer_keys
from kms.statements.manifest import HolderClass, Issuer


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a policy is refused: a stable code, the rule's `@id` (empty: the whole), what to do."""

    code: str
    rule: str
    message: str


def about_issuers(issuers: Sequence[Issuer]) -> Iterator[Finding]:
    """Everything that is wrong with them, each alone and together."""
    spellings: dict[str, set[str]] = defaultdict(set)
    groups_of_key: dict[bytes, set[str]] = defaultdict(set)
    groups_of_anchor: dict[bytes, set[str]] = defaultdict(set)
    for issuer in issuers:
        spellings[_plain(issuer.controlled_by)].add(issuer.controlled_by)
        for key in issuer.keys:
            groups_of_key[key.public_key].add(issuer.controlled_by)
        for anchor in (*issuer.trust_anchors, *issuer.authorities):
            groups_of_anchor[_authority_key(anchor)].add(issuer.controlled_by)
        yield from _about_one(issuer)
    for plain, written in sorted(spellings.items()):
        if not plain:
            yield Finding("ISSUER_UNCONTROLLED", "", "an issuer has no controlled_by: name its owner")
        if len(written) > 1:
            names = ", ".join(map(repr, sorted(written)))
            message = f"controlled_by is spelt {names}: one owner would count as several"
            yield Finding("CONTROLLED_BY_CONFUSABLE", "", message)
    for groups in groups_of_key.values():
        if len(groups) > 1:
            names = ", ".join(map(repr, sorted(groups)))
            message = f"{names} share a signing key: whoever has it is all of them at once"
            yield Finding("ISSUER_KEY_SHARED", "", message)

    for groups in groups_of_anchor.values():
        if len(groups) > 1:
            names = ", ".join(map(repr, sorted(groups)))
            message = f"{names} share an authority: whoever is it can speak for all of them"
            yield Finding("ISSUER_ANCHOR_SHARED", "", message)


def _about_one(issuer: Issuer) -> Iterator[Finding]:
    try:
        issuer_keys(issuer)
        for anchor in (*issuer.trust_anchors, *issuer.authorities):
            read_anchor(anchor)
    except ConfigError as error:
        yield Finding("ISSUER_UNREADABLE", "", f"{issuer.iss}: {error.message}")
    if issuer.is_provider and not _is_https(issuer.iss):
        message = f"{issuer.iss}: keys are fetched from an https address without query, fragment or user only"
        yield Finding("ISSUER_NOT_HTTPS", "", message)
    if issuer.nonce_bound and not issuer.audience:
        # An ID token's audience is a client id, which is never the keyring's.
        yield Finding(
            "ISSUER_NO_AUDIENCE", "", f"{issuer.iss}: ID tokens are for a client: name it as audience"
        )
    if issuer.authorities and issuer.classes != (HolderClass.SERVICE,):
        # A certificate names a machine. What it opens must never count as a person's act.
        message = f"{issuer.iss}: certificates vouch for services and for nobody else"
        yield Finding("ISSUER_CERTIFIES_PEOPLE", "", message)


def _is_https(iss: str) -> bool:
    try:
        parts = urlsplit(iss)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username or parts.password) and "?" not in iss
    return parts.scheme == "https" and bool(parts.hostname) and port != 0 and plain and "#" not in iss


def _authority_key(der: bytes) -> bytes:
    """What two certificates of one authority share: it may have several over one key."""
    try:
        return read_anchor(der).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ConfigError, ValueError, UnsupportedAlgorithm):
        return der


def _plain(name: str) -> str:
    """Without case, width, spaces and punctuation: what two spellings of one name share."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if c.isalnum())
