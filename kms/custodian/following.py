"""Which manifest a node lives by: it follows the chain from its pinned keyring, and says where it stands.

A human of this organisation accepted each manifest by signing it with the identity key; the software only checks
that all whom the rule of succession names have signed, and then lives by it.
"""

from __future__ import annotations

from collections.abc import Sequence

from kms.custodian.context import NodeContext
from kms.custodian.store import CustodianStore
from kms.errors import Fork, Unavailable
from kms.statements.audit import LogKind
from kms.statements.ceremony import Status, VersionCount
from kms.statements.chain import Chain, extend, follow, open_chain
from kms.statements.envelope import Signed, sign
from kms.statements.manifest import Keyring

MAX_VERSIONS_SHOWN = 1000


def stored_chain(store: CustodianStore, offered: Chain) -> Chain:
    """The longer of what the store holds and what was configured; Fork if they part, Stale on a rollback."""
    chain = offered
    known = store.versions.manifests()
    if known:
        mine = open_chain([offered.links[0].envelope, *known], offered.keyring_id)
        chain = mine if len(mine.links) > len(offered.links) else follow(mine, offered)
        if chain is mine:
            follow(offered, mine)
    return chain


def keep_chain(store: CustodianStore, chain: Chain) -> None:
    """Write down the manifests that the store does not have yet. Inside a transaction."""
    known = len(store.versions.manifests())
    for link in chain.links[known + 1 :]:
        store.versions.add_manifest(link.manifest.sequence, link.envelope)


def longer_chain(node: NodeContext, envelopes: Sequence[bytes]) -> Chain | None:
    """The chain that follows from these envelopes, if it is longer than ours; Fork with evidence if it parts.

    A shorter one is no news: whoever offers it is behind.
    """
    chain = node.chain
    for position, envelope in enumerate(envelopes):
        if position >= len(chain.links):
            chain = extend(chain, envelope)
        elif envelope != chain.links[position].envelope:
            _check_same(node, position, envelope)
    return chain if len(chain.links) > len(node.chain.links) else None


def _check_same(node: NodeContext, position: int, envelope: bytes) -> None:
    # The same manifest may carry another quorum's signatures; another manifest, validly signed, is a fork.
    ours = node.chain.links[position]
    if position == 0:
        open_chain([envelope], node.chain.keyring_id)
        return
    other = extend(Chain(node.chain.links[:position]), envelope).last
    if other.manifest_hash != ours.manifest_hash:
        raise Fork(
            f"two manifests of sequence {position}: {ours.manifest_hash.hex()} and {other.manifest_hash.hex()}",
            evidence=(ours.envelope, envelope),
        )


def membership(keyring: Keyring, index: int, chain: Chain) -> Keyring:
    """The newest manifest that has this custodian; Unavailable if none has."""
    if index in keyring.manifest.indices:
        return keyring
    for link in reversed(chain.links):
        if index in link.manifest.indices:
            return link
    raise Unavailable(f"no manifest of this keyring has a custodian {index}", reason="NOT_A_MEMBER")


def status(node: NodeContext) -> Signed[Status]:
    """This node's word on its manifest, its orders and its inventory."""
    versions = [VersionCount(*count) for count in node.store.versions.counts()]
    versions += [
        VersionCount(version, threshold, 0, count)
        for version, (threshold, count) in node.store.count_dealt().items()
    ]
    return sign(
        Status(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            node.keyring.manifest.sequence,
            node.now(),
            node.store.versions.order_seen()[0],
            tuple(versions[:MAX_VERSIONS_SHOWN]),
            node.store.count_missing(),
        ),
        node.identity,
    )


def log_manifest(node: NodeContext, keyring: Keyring) -> None:
    """Inside a transaction."""
    node.ledger.append(
        LogKind.MANIFEST, node.now(), keyring.manifest_hash, outcome=f"SEQUENCE_{keyring.manifest.sequence}"
    )
