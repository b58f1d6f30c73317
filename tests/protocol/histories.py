"""What nodes of a world tell an owner, as the owner's client takes it."""

from __future__ import annotations

from collections.abc import Iterable

from kms.crypto.sealing import SealingPrivateKey
from kms.errors import KmsError
from kms.statements.envelope import Signed, sign
from kms.statements.history import HistoryQuestion, open_answer, read_history
from kms_client.history import History, merged
from tests.protocol.world import Device, World


def question(
    world: World,
    index: int,
    asker: Device,
    recipient: SealingPrivateKey,
    *,
    owner: Device | None = None,
    after: int = 0,
) -> Signed[HistoryQuestion]:
    """What an owner's device signs to ask custodian `index`."""
    asked = HistoryQuestion(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        index,
        (owner or asker).thumbprint,
        asker.thumbprint,
        after,
        recipient.public,
        world.clock(),
    )
    return sign(asked, asker.key)


def ask(world: World, index: int, asker: Device, *, owner: Device | None = None, after: int = 0) -> bytes:
    """The exact bytes of what custodian `index` answers."""
    recipient = SealingPrivateKey.generate()
    asked = question(world, index, asker, recipient, owner=owner, after=after)
    envelope, sealed = world.nodes[index].history_of(asked.message)
    return open_answer(envelope, sealed, world.keyring, asked, recipient)


def history(world: World, owner: Device, indices: Iterable[int] = (1, 2, 3, 4, 5)) -> History:
    """What these custodians tell; who is not up is away."""
    answers: dict[int, list[bytes]] = {}
    failures: dict[int, str] = {}
    for index in indices:
        after = 0
        answers[index] = []
        try:
            while True:
                page = ask(world, index, owner, after=after)
                told, _, more = read_history(page, world.keyring, index, owner.thumbprint)
                answers[index].append(page)
                if not more:
                    break
                after = told[-1].entry.index
        except KeyError:
            failures[index] = "UNAVAILABLE"
        except KmsError as error:
            failures[index] = error.reason
    return merged(world.chain, owner.thumbprint, answers, failures)
