"""What attackers do with what they have: no check of the client's is in their way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from kms.crypto.secret import KeySecret
from kms.crypto.sharing import decode_share, encode_share, interpolate
from kms.crypto.signing import SigningKey
from kms.errors import KmsError
from kms.statements import codec
from kms.statements.envelope import Envelope
from kms.statements.keys import Core, Descriptor, Receipt, describe
from kms.statements.release import Decision, ShareRelease, release_info
from kms.wire.v1 import keyring_pb2, release_pb2
from kms_client.requesting import Prepared
from tests.protocol.coordinator import Event, kind


def opened_shares(prepared: Prepared, events: Iterable[Event]) -> dict[int, dict[int, bytes]]:
    """Position -> custodian -> share, from every delivery that opens; signatures and certificates aside."""
    found: dict[int, dict[int, bytes]] = defaultdict(dict)
    for event in events:
        if kind(event) != "shares":
            continue
        payload = event.shares.share_release.payload
        release = codec.decode(ShareRelease, payload)
        order = release.in_order()
        info = release_info(prepared.opened, release.certificate_hash, release.index, order)
        plain = release_pb2.ReleasedShares.FromString(prepared.recipient.open(info, event.shares.sealed))
        for (position, _), share in zip(order, plain.shares, strict=True):
            found[position][release.index] = share
    return found


def secret_of(shares: Mapping[int, bytes], threshold: int = 3) -> KeySecret:
    """Shamir 1979 on the first t shares."""
    base = tuple(shares)[:threshold]
    value = interpolate(base, [decode_share(shares[i])[0] for i in base])
    return KeySecret(value.to_bytes(32, "big"))


def bent(share: bytes, by: int = 1) -> bytes:
    """Another valid-looking share."""
    a, b = decode_share(share)
    return encode_share(a + by, b)


def redescribed(descriptor: Descriptor, kcv: bytes | None = None, **changes: Any) -> Descriptor:
    """The same commitments under another description."""
    core: Core = replace(descriptor.core, **changes)
    return describe(core, descriptor.key_check_value if kcv is None else kcv, descriptor.public_key)


def resigned(envelope: Envelope, payload: bytes, key: SigningKey) -> Envelope:
    """An envelope of the same type over other bytes, signed by `key`."""
    kind_ = envelope.payload_type
    signature = keyring_pb2.Signature(keyid=key.public, sig=key.sign(kind_, payload))
    return keyring_pb2.Envelope(payload_type=kind_, payload=payload, signatures=[signature])


def with_payload(envelope: Envelope, payload: bytes) -> Envelope:
    """The old signature over other bytes."""
    altered = keyring_pb2.Envelope()
    altered.CopyFrom(envelope)
    altered.payload = payload
    return altered


def decision(envelope: bytes) -> Decision:
    """What a decision says."""
    return codec.decode(Decision, keyring_pb2.Envelope.FromString(envelope).payload)


def ruling(envelope: bytes, position: int = 0) -> tuple[str, str]:
    """(verdict's name, reason) of one key."""
    found = decision(envelope).by_position()[position]
    return found.verdict.name, found.reason


def reason_of(step: Any, *arguments: Any) -> str:
    """The stable reason with which a step refuses; empty if it does not."""
    try:
        step(*arguments)
    except KmsError as error:
        return error.reason
    return ""


def refusals(envelope: bytes) -> dict[int, str]:
    """Position -> reason, of the keys that a receipt does not take."""
    receipt = codec.decode(Receipt, keyring_pb2.Envelope.FromString(envelope).payload)
    return dict(receipt.refused)
