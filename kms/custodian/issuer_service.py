"""Issuers at a running node: keys fetched in the background, and the local door through which people see and accept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from kms.custodian.fetching import fetch_keys
from kms.custodian.node import CustodianNode
from kms.custodian.providers import KnownIssuer
from kms.custodian.turns import Run
from kms.errors import KmsError
from kms.statements.manifest import Issuer
from kms.statements.providers import ProviderKey, fingerprint
from kms.transport import logs, metrics
from kms.transport.client import Channel
from kms.transport.server import Call, Method
from kms.wire.v1 import provider_pb2 as pb

SERVICE: Final = "kms.v1.IssuerService"
LOOK_SECONDS: Final = 1.0
"""How often it is asked whether a provider is due; asking is a look at a few numbers."""
FETCH_FAILED: Final = "FETCH_FAILED"
"""Why keys could not be fetched: an error that is no refusal of ours."""
_TIMEOUT: Final = 10.0


class IssuerService:
    """`fetch` asks a provider for its keys. It runs beside the node's turn: no decision ever waits for a provider."""

    def __init__(
        self,
        node: Callable[[], CustodianNode],
        run: Run,
        fetch: Callable[[Issuer], Awaitable[tuple[ProviderKey, ...]]] = fetch_keys,
    ) -> None:
        self._node, self._run, self._fetch = node, run, fetch

    def methods(self) -> tuple[Method, ...]:
        """Methods of the local socket."""
        return (
            Method("ListIssuers", pb.ListIssuersRequest, self.list_issuers),
            Method("AcceptIssuerKeys", pb.AcceptIssuerKeysRequest, self.accept),
        )

    async def list_issuers(self, request: pb.ListIssuersRequest, call: Call) -> pb.ListIssuersResponse:
        known = await self._run(self._node().known_issuers)
        return pb.ListIssuersResponse(issuers=map(_shown, known))

    async def accept(self, request: pb.AcceptIssuerKeysRequest, call: Call) -> pb.AcceptIssuerKeysResponse:
        await self._run(self._node().accept_issuer_keys, request.iss, request.fingerprint)
        logs.logger().warning("issuer_keys", issuer=request.iss, outcome="ACCEPTED")
        return pb.AcceptIssuerKeysResponse()

    async def keep_keys(self, opened: asyncio.Event) -> None:
        """Fetch what is due, for as long as the node runs and is open."""
        await opened.wait()
        while True:
            try:
                due = await self._run(self._node().due_issuers)
                await asyncio.gather(*map(self._refresh, due))
                self._measure(await self._run(self._node().known_issuers))
            except KmsError as error:  # of a clock that jumped, or a disk that is full
                logs.logger().warning("issuers", reason=error.reason)
            except Exception as error:  # whatever it is, keys must go on being fetched
                logs.logger().error("issuers", error=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def _refresh(self, issuer: Issuer) -> None:
        try:
            shown = await self._fetch(issuer)
            outcome = await self._run(self._node().take_issuer_keys, issuer, shown)
        except KmsError as error:
            await self._run(self._node().miss_issuer_keys, issuer, error.reason)
            logs.logger().warning("issuer_keys", issuer=issuer.iss, reason=error.reason)
            return
        except (
            Exception
        ) as error:  # what nobody thought of is a miss too: people see it, and it is tried less often
            await self._run(self._node().miss_issuer_keys, issuer, FETCH_FAILED)
            logs.logger().error("issuer_keys", issuer=issuer.iss, error=type(error).__name__)
            return
        if outcome == "SWITCHED":
            logs.logger().error("issuer_keys", issuer=issuer.iss, outcome=outcome)
        elif outcome:
            logs.logger().info("issuer_keys", issuer=issuer.iss, outcome=outcome)

    def _measure(self, known: Sequence[KnownIssuer]) -> None:
        for one in known:
            if one.issuer.is_provider:
                metrics.ISSUER_KEYS_LEFT.labels(one.issuer.iss).set(one.seconds_left)
                refused = one.state is not None and one.state.refused
                metrics.ISSUER_SWITCHED.labels(one.issuer.iss).set(int(refused))


def _shown(known: KnownIssuer) -> pb.KnownIssuer:
    iss, state = known.issuer.iss, known.state
    shown = pb.KnownIssuer(
        iss=iss,
        controlled_by=known.issuer.controlled_by,
        is_provider=known.issuer.is_provider,
        is_certified=bool(known.issuer.authorities),
        seconds_left=known.seconds_left,
        failure=known.failure,
    )
    if state is not None:
        shown.state.MergeFromString(state.to_bytes())
        shown.keys_fingerprint = fingerprint(iss, state.shown)
        shown.exchanged_fingerprint = fingerprint(iss, state.exchanged) if state.exchanged else b""
    return shown


async def list_issuers(socket: Path) -> Sequence[pb.KnownIssuer]:
    """What the node behind this socket knows of its issuers."""
    channel = Channel(f"unix:{socket}", None)
    try:
        answer = await channel.call(
            SERVICE, "ListIssuers", pb.ListIssuersRequest(), pb.ListIssuersResponse, timeout=_TIMEOUT
        )
        return answer.issuers
    finally:
        await channel.close()


async def accept_keys(socket: Path, iss: str, named: bytes) -> None:
    """Let the node behind this socket believe the set of keys of this fingerprint."""
    channel = Channel(f"unix:{socket}", None)
    try:
        await channel.call(
            SERVICE,
            "AcceptIssuerKeys",
            pb.AcceptIssuerKeysRequest(iss=iss, fingerprint=named),
            pb.AcceptIssuerKeysResponse,
            timeout=_TIMEOUT,
        )
    finally:
        await channel.close()
