"""A reader with no right to a key, whom all corrupted custodians and the coordinator help."""

from __future__ import annotations

from collections.abc import Sequence

from kms.custodian.node import CustodianNode
from kms.errors import KmsError
from kms.statements.codec import decode
from kms.statements.envelope import Envelope, Signed
from kms.statements.release import Decision, Purpose, ShareRelease, build_certificate, open_decision
from kms_client.cache import OpenKey
from kms_client.requesting import Prepared
from tests.protocol.ceremonies import message
from tests.protocol.world import evidence_for
from tests.siege.byzantine import Liar
from tests.siege.network import Coordinator


def ask_without_a_right(c: Coordinator, keys: Sequence[OpenKey]) -> None:
    """What honest custodians send in the end, if anything, the adversary reads."""
    mallory = c.site.device("mallory")
    prepared = c.site.prepare(mallory, keys, purpose=Purpose.TREATMENT)
    decisions = []
    asked = {blob.index for blob in prepared.message.blobs}
    for index, node in c.site.members.items():
        if index not in asked:
            continue
        try:
            decisions.append(_decision(c, index, node, prepared))
        except KmsError as error:
            c.count(f"refused {error.reason}")
    certificate = build_certificate(prepared.opened.hash, decisions)
    for index, node in c.site.members.items():
        if index in c.site.liars:
            continue
        try:
            envelope, _ = node.release(prepared.opened.hash, certificate)
        except KmsError as error:
            c.count(f"refused {error.reason}")
            continue
        for position, version in decode(ShareRelease, message(envelope).payload).in_order():
            key = prepared.opened.request.key_ids[position]
            c.records.adversary.learn({key: c.records.forms.share(version, key, index)})


def _decision(c: Coordinator, index: int, node: CustodianNode, prepared: Prepared) -> Signed[Decision]:
    request: Envelope = prepared.message.request
    if isinstance(node, Liar):
        envelope = node.allow(request)
    else:
        envelope = node.decide(request, evidence_for(prepared, index)).envelope
    count = len(prepared.opened.request.key_ids)
    return open_decision(envelope, c.site.keyring, index, prepared.opened.hash, count)
