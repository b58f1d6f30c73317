"""Whose logs there are, and whose signatures count under them: by the chain of manifests, and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kms.statements.chain import Chain
from kms.statements.checkpoint import log_origin


@dataclass(frozen=True, slots=True)
class Party:
    """A custodian, its log's name, and the keys that may have signed it: those of all manifests, the newest first."""

    index: int
    organisation: str
    origin: str
    keys: tuple[bytes, ...]
    endpoint: str


@dataclass(frozen=True, slots=True)
class Parties:
    """Everybody who ever was a custodian of a keyring."""

    chain: Chain
    members: Mapping[int, Party]
    current: tuple[int, ...]
    """Those of the manifest in force."""
    floor: int
    """The least threshold of any manifest: no key of the keyring ever opened with fewer."""

    @classmethod
    def of(cls, chain: Chain, now: int) -> Parties:
        members: dict[int, Party] = {}
        for link in reversed(chain.links):
            for custodian in link.manifest.custodians:
                known = members.get(custodian.index)
                keys = (*(known.keys if known else ()), custodian.identity_key)
                members[custodian.index] = Party(
                    custodian.index,
                    known.organisation if known else custodian.organisation,
                    log_origin(chain.keyring_id, custodian.index),
                    tuple(dict.fromkeys(keys)),
                    known.endpoint if known else custodian.endpoint,
                )
        floor = min(link.manifest.threshold for link in chain.links)
        return cls(chain, dict(sorted(members.items())), chain.in_force(now).manifest.indices, floor)
