"""What an organisation says of itself before a keyring is founded, or before it joins one."""

from __future__ import annotations

from dataclasses import dataclass

from kms.statements.codec import SignerRole, message
from kms.statements.envelope import Signed, open_by_all
from kms.statements.manifest import Custodian
from kms.wire.v1 import enrolment_pb2, keyring_pb2


@message(enrolment_pb2.Enrolment, name="enrolment", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Enrolment:
    """Who it is, where, hosted and owned by whom, and the identity key (32 bytes) that it signs with."""

    organisation: str
    jurisdiction: str
    hosting: str
    parent: str
    endpoint: str
    identity_key: bytes

    def as_custodian(self, index: int) -> Custodian:
        """Its entry in a manifest."""
        return Custodian(
            index,
            self.organisation,
            self.jurisdiction,
            self.hosting,
            self.parent,
            self.endpoint,
            self.identity_key,
        )


def open_enrolment(envelope: bytes | keyring_pb2.Envelope) -> Signed[Enrolment]:
    """An enrolment signed by the identity key in it.

    That the key is that organisation's is for people to find out: they compare its words by another way.
    """
    return open_by_all(Enrolment, envelope, lambda enrolment: {enrolment.identity_key}, "enrolment")
