"""The coordinator's own ceremonies over a world's nodes, in one process: what it asks goes straight to a node."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message

from kms.coordinator.ceremonies import Ceremonies
from kms.coordinator.progress import Progress
from kms.coordinator.transcripts import Transcript
from kms.custodian.ceremony_service import CeremonyService
from kms.errors import Unavailable
from kms.statements.envelope import Envelope
from kms.statements.ids import KeyId
from kms.statements.manifest import Keyring
from tests.protocol.ceremonies import message
from tests.protocol.world import World

R = TypeVar("R", bound=Message)
NO_CALL: Any = None


@dataclass(slots=True)
class DirectRelay:
    """Stands for `kms.coordinator.relay.Relay`. `lies` answer instead of the node, by custodian and method."""

    world: World
    lies: dict[tuple[int, str], Callable[[Any], Message]] = field(default_factory=dict)
    calls: int = 0

    @property
    def keyring(self) -> Keyring:
        return self.world.keyring

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(i for i in self.keyring.manifest.indices if i in self.world.nodes)

    @property
    def reachable(self) -> tuple[int, ...]:
        return (*self.indices, *(i for i in self.world.nodes if i not in self.keyring.manifest.indices))

    async def ceremony(
        self, index: int, method: str, request: Message, response: type[R], *, reader: bool = False
    ) -> R:
        self.calls += 1
        if index not in self.world.nodes:
            raise Unavailable("down", reason="DOWN")
        lie = self.lies.get((index, method))
        if lie is not None:
            answer: Any = lie(request)
            return answer  # type: ignore[no-any-return]

        async def run(step: Callable[..., Any], *arguments: object) -> Any:
            return step(*arguments)

        service = CeremonyService(lambda: self.world.nodes[index], run)
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower()
        answered: R = await getattr(service, name)(request, NO_CALL)
        return answered

    async def sealing_key(self, index: int) -> Envelope:
        if index not in self.world.nodes:
            raise Unavailable("down", reason="DOWN")
        return message(self.world.nodes[index].sealing_key().envelope)

    async def look_up(self, index: int, key_ids: Sequence[bytes]) -> list[bytes]:
        return self.world.nodes[index].descriptors([KeyId(key_id) for key_id in key_ids])


def ceremonies(world: World, relay: DirectRelay, folder: Path) -> Ceremonies:
    """The coordinator's ceremonies, writing their transcripts into `folder`."""

    async def nothing(*_: object) -> None:
        return None

    stands_for: Any = relay
    return Ceremonies(
        world.chain, stands_for, nothing, lambda name: Transcript(folder, name), nothing, world.clock
    )


async def at_the_end(run: AsyncIterator[Progress]) -> Progress:
    """How far a ceremony was when it ended."""
    last = Progress()
    async for so_far in run:
        last = so_far
    return last
