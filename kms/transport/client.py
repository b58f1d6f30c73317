"""The calling end of gRPC: a deadline on every call, the request id passed on, errors as our own types."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from kms.errors import Invalid
from kms.statements.codec import parse_known
from kms.transport import failures, logs
from kms.transport.server import REQUEST_ID_KEY
from kms.transport.tap import WireTap
from kms.transport.tls import CHANNEL_OPTIONS

R = TypeVar("R", bound=Message)


class Channel:
    """A connection to one party. Answers are parsed and shape-checked like any input from outside."""

    def __init__(
        self,
        target: str,
        credentials: grpc.ChannelCredentials | None,
        *,
        tap: WireTap | None = None,
    ) -> None:
        self.target = target
        self._tap = tap
        self._channel: Any
        self._callables: dict[str, Any] = {}
        if credentials is None:  # a local socket, guarded by the file system
            self._channel = grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(target, credentials, options=CHANNEL_OPTIONS)

    async def call(
        self, service: str, method: str, request: Message, response: type[R], *, timeout: float
    ) -> R:
        """One answer, or a KmsError."""
        data = request.SerializeToString()
        self._record("sent", method, data)
        try:
            answer = await self._unary(f"/{service}/{method}")(data, timeout=timeout, metadata=_metadata())
        except grpc.aio.AioRpcError as error:
            raise failures.from_rpc_error(error) from None
        self._record("received", method, answer)
        return _parse(response, answer, self.target)

    async def stream(
        self, service: str, method: str, request: Message, response: type[R], *, timeout: float
    ) -> AsyncGenerator[R, None]:
        """Each answer as it comes, or a KmsError. Leaving the iteration cancels the call."""
        data = request.SerializeToString()
        self._record("sent", method, data)
        call = self._channel.unary_stream(f"/{service}/{method}")(data, timeout=timeout, metadata=_metadata())
        try:
            async for answer in call:
                self._record("received", method, answer)
                yield _parse(response, answer, self.target)
        except grpc.aio.AioRpcError as error:
            raise failures.from_rpc_error(error) from None
        finally:
            call.cancel()

    def _unary(self, path: str) -> Any:
        if path not in self._callables:
            self._callables[path] = self._channel.unary_unary(path)
        return self._callables[path]

    def _record(self, direction: str, method: str, data: bytes) -> None:
        if self._tap:
            self._tap.record(direction, method, data)

    async def close(self) -> None:
        await self._channel.close()


def _parse(response: type[R], answer: bytes, target: str) -> R:
    try:
        return parse_known(response, answer, "response")
    except Invalid as error:
        raise Invalid(f"{target} answered garbage: {error.message}", reason="GARBAGE") from None


def _metadata() -> tuple[tuple[str, str], ...]:
    return ((REQUEST_ID_KEY, logs.request_id.get() or logs.new_request_id()),)
