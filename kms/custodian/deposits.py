"""Taking shares in: each check in the protocol's order, then disk, then the receipt.

The relay that brings a deposit is the host. It may replay a victim's blobs, rename them, mix batches: the
HPKE info ties a blob to dealer, batch and custodian, and a C_0 that was ever seen is never taken again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from kms.crypto import labels, sealing
from kms.crypto.hashing import H, equal
from kms.crypto.sharing import verify_batch
from kms.custodian import details
from kms.custodian.context import NodeContext
from kms.custodian.drawing import pool_shares
from kms.custodian.vault import SealedRow
from kms.custodian.vouching import vouch
from kms.errors import Denied, Exhausted, Invalid
from kms.policy.attributes import Credential, DepositAttributes, controllers, principal_class
from kms.statements.audit import LogKind
from kms.statements.envelope import Envelope, sign
from kms.statements.evidence import Evidence
from kms.statements.keys import (
    DepositSecrets,
    DepositTarget,
    Descriptor,
    KeyRefusal,
    OpenedDeposit,
    Receipt,
    deposit_info,
    open_deposit,
    parse_context,
)

HOUR = 3600


def take_deposit(node: NodeContext, envelope: Envelope, sealed: bytes, sealed_evidence: bytes) -> bytes:
    """The receipt's envelope. The same deposit again gets the same receipt.

    Raises if the deposit as a whole is refused; a key that is refused by itself stands in the receipt.
    """
    now = node.now()
    opened = open_deposit(envelope, node.keyring, now)
    known = node.store.receipt(opened.hash)
    if known is not None:
        return known
    target = opened.deposit.target(node.me.index)
    credentials = _check_evidence(node, opened, target, sealed_evidence, now)
    names = _quota_names(opened.deposit.dealer_thumbprint, credentials)
    _check_quota(node, names, len(opened.descriptors), now)
    refused = dict(node.store.known_keys(opened.descriptors))
    refused |= _repeated_commitments(opened)
    keys = _open_shares(node, opened, target, sealed, refused, now)
    return _keep(node, opened, keys, refused, names, now)


def _check_evidence(
    node: NodeContext, opened: OpenedDeposit, target: DepositTarget, sealed: bytes, now: int
) -> tuple[Credential, ...]:
    if not equal(sealing.blob_hash(sealed), target.evidence_hash):
        raise Invalid("the evidence is not the one that the deposit names", reason="WRONG_BLOB")
    dealer = opened.deposit.dealer_thumbprint
    evidence = Evidence.parse(
        node.sealing.open(target.sealing_key_id, _info(node, opened, target, evidence=True), sealed, now)
    )
    credentials = vouch(node, evidence.credentials, dealer, now)
    count = len(opened.descriptors)
    outcome = node.policy.decide_deposit(
        DepositAttributes(principal_class(credentials), controllers(credentials), count)
    )
    if outcome.verdict != "allow":
        raise Denied(f"policy does not let this party deposit keys ({outcome.reason})", reason=outcome.reason)
    return credentials


def _check_quota(node: NodeContext, names: list[bytes], count: int, now: int) -> None:
    spent = max(node.counters.total(name, now, HOUR) for name in names)
    if spent + count > node.deposit_quota_per_hour:
        raise Exhausted(f"the quota is {node.deposit_quota_per_hour} keys an hour", reason="QUOTA")


def _info(
    node: NodeContext, opened: OpenedDeposit, target: DepositTarget, *, evidence: bool = False
) -> bytes:
    return deposit_info(
        opened.deposit.batch_root,
        len(opened.descriptors),
        opened.deposit.dealer_thumbprint,
        node.keyring,
        node.me.index,
        target.sealing_key_id,
        evidence=evidence,
    )


def _quota_names(dealer: bytes, credentials: Sequence[Credential]) -> list[bytes]:
    """Under which names a dealer's keys are counted.

    By key and by person: whoever gets credentials for fresh keys must not get a fresh quota with each.
    """
    people = [f"{c.iss}|{c.subject}".encode() for c in credentials]
    return [
        H(labels.PRINCIPAL, b"deposit", dealer),
        *(H(labels.PRINCIPAL, b"deposit subject", person) for person in people),
    ]


def _repeated_commitments(opened: OpenedDeposit) -> dict[int, str]:
    first: dict[bytes, int] = {}
    repeated = {}
    for position, descriptor in enumerate(opened.descriptors):
        if first.setdefault(descriptor.core.commitments[0][1:], position) != position:
            repeated[position] = "COMMITMENT_SEEN"
    return repeated


def _open_shares(
    node: NodeContext,
    opened: OpenedDeposit,
    target: DepositTarget,
    sealed: bytes,
    refused: dict[int, str],
    now: int,
) -> dict[int, tuple[Descriptor, SealedRow]]:
    """The rows to keep, by position; adds to `refused` the positions whose share or opening is wrong."""
    if not equal(sealing.blob_hash(sealed), target.blob_hash):
        raise Invalid("the sealed shares are not those that the deposit names", reason="WRONG_BLOB")
    plain = node.sealing.open(target.sealing_key_id, _info(node, opened, target), sealed, now)
    secrets = DepositSecrets.parse(plain, len(opened.descriptors))
    shares = _with_drawn(node, opened, secrets.shares, refused)
    wrong = verify_batch(
        node.me.index,
        shares,
        [d.core.commitments for d in opened.descriptors],
        node.keyring.threshold,
    )
    keys = {}
    readable = {context: _is_context(context) for context in {o.context for o in secrets.openings}}
    for position, descriptor in enumerate(opened.descriptors):
        opening = secrets.openings[position]
        if position in wrong:
            refused.setdefault(position, wrong[position].reason)
        elif not (readable[opening.context] and opening.opens(descriptor.core.context_commitment)):
            refused.setdefault(position, "WRONG_CONTEXT")
        if position not in refused:
            row = node.vault.seal_row(descriptor.key_id, shares[position], opening.salt + opening.context)
            keys[position] = (descriptor, row)
    return keys


def _with_drawn(
    node: NodeContext, opened: OpenedDeposit, given: Sequence[bytes], refused: dict[int, str]
) -> Sequence[bytes]:
    """The dealer's shares, and in the place of those that it draws our own of the pool's keys."""
    drawn = {p: d for p, d in enumerate(opened.descriptors) if d.jointly_made}
    if not drawn:
        return given
    found, problems = pool_shares(node, drawn)
    for position, reason in problems.items():
        refused.setdefault(position, reason)
    return [found.get(p, b"") if p in drawn else share for p, share in enumerate(given)]


def _is_context(data: bytes) -> bool:
    # One that nobody can read would later stop whole requests in which its key is one of many.
    try:
        parse_context(data)
    except Invalid:
        return False
    return True


def _keep(
    node: NodeContext,
    opened: OpenedDeposit,
    keys: dict[int, tuple[Descriptor, SealedRow]],
    refused: dict[int, str],
    names: list[bytes],
    now: int,
) -> bytes:
    by_reason: dict[str, list[int]] = defaultdict(list)
    for position, reason in sorted(refused.items()):
        by_reason[reason].append(position)
    dealer = opened.deposit.dealer_thumbprint
    told = details.details(
        details.of_keys(
            (d.core.owner_thumbprint, d.key_id, "REFUSED" if p in refused else "KEPT", refused.get(p, ""))
            for p, d in enumerate(opened.descriptors)
        )
    )
    with node.store.transaction():
        log_index = node.ledger.append(
            LogKind.DEPOSIT,
            now,
            opened.hash,
            principal=dealer,
            outcome="REFUSED" if not keys else "PARTLY" if refused else "KEPT",
            count=len(keys),
            detail_root=told.root,
        )
        details.keep(node, log_index, now, told)
        receipt = sign(
            Receipt(
                node.keyring.keyring_id,
                node.keyring.manifest_hash,
                node.me.index,
                opened.hash,
                opened.deposit.batch_root,
                len(opened.descriptors),
                tuple(KeyRefusal(reason, tuple(ps)) for reason, ps in by_reason.items()),
                now,
                log_index,
            ),
            node.identity,
        )
        node.store.add_keys([key for key in keys.values() if not key[0].jointly_made], now)
        drawn = [(position, *key) for position, key in keys.items() if key[0].jointly_made]
        if drawn:
            node.store.pool.draw(opened.hash, drawn)
        node.store.add_receipt(opened.hash, receipt.envelope)
        # Refused keys count too: each costs a check and a line of the log, and junk would come without end.
        for name in names:
            node.counters.add(name, now, len(opened.descriptors))
    return receipt.envelope
