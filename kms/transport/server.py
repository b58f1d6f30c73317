"""The serving end of gRPC: every method passes through `Endpoint`, so nothing can forget a check.

Requests arrive as raw bytes and are parsed by us, because bytes that do not parse must be INVALID_ARGUMENT
with a field's path and not an internal error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from kms.errors import DeadlineExceeded, Denied, Exhausted, KmsError
from kms.statements.codec import parse_known
from kms.transport import failures, logs, metrics
from kms.transport.tap import WireTap

MAX_SECONDS = 120.0
REQUEST_ID_KEY = "x-request-id"


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls (common names of a verified client certificate, empty on a public port), and until when."""

    peer: str
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC. `answer` returns a message, or an async iterator of them where `streams`."""

    name: str
    request: type[Message]
    answer: Callable[[Any, Call], Any]
    streams: bool = False
    public: bool = False
    max_bytes: int = 1 << 20
    max_seconds: float = MAX_SECONDS


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service's methods with what all of them share. `peers` empty means: no client certificate asked."""

    service: str
    methods: Sequence[Method]
    peers: frozenset[str] = frozenset()
    tap: WireTap | None = None

    def handler(self) -> Any:
        """The handler to add to a grpc.aio server."""
        return grpc.method_handlers_generic_handler(
            self.service, {method.name: self._wrap(method) for method in self.methods}
        )

    def _wrap(self, method: Method) -> Any:
        async def unary(data: bytes, context: Any) -> bytes:
            async def answer(call: Call, request: Message) -> bytes:
                response: Message = await method.answer(request, call)
                return self._out(method, response)

            result = await self._guard(method, data, context, answer)
            assert result is not None
            return result

        async def stream(data: bytes, context: Any) -> None:
            async def answer(call: Call, request: Message) -> None:
                events: AsyncIterator[Message] = method.answer(request, call)
                async for event in events:
                    await context.write(self._out(method, event))

            await self._guard(method, data, context, answer)

        if method.streams:
            return grpc.unary_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(unary)

    def _out(self, method: Method, response: Message) -> bytes:
        data = response.SerializeToString()
        if self.tap:
            self.tap.record("sent", method.name, data)
        return data

    async def _guard(
        self,
        method: Method,
        data: bytes,
        context: Any,
        answer: Callable[[Call, Any], Awaitable[bytes | None]],
    ) -> bytes | None:
        started = time.perf_counter()
        metadata = dict(context.invocation_metadata() or ())
        token = logs.request_id.set(_request_id(metadata))
        status = "OK"
        try:
            if self.tap:
                self.tap.record("received", method.name, data + repr(sorted(metadata.items())).encode())
            call = self._admit(method, data, context)
            request = parse_known(method.request, data, "")
            async with asyncio.timeout(call.seconds_left):
                return await answer(call, request)
        except KmsError as error:
            status = error.status
            await _abort(context, error)
        except TimeoutError:
            status = "DEADLINE_EXCEEDED"
            await _abort(context, DeadlineExceeded("not answered in time: try again with the same request"))
        except (asyncio.CancelledError, grpc.aio.AbortError):
            status = "CANCELLED"
            raise
        except Exception as error:
            # Type and place only: the values in a traceback may be somebody's health.
            status = "INTERNAL"
            logs.logger().error("unexpected", error=type(error).__name__, at=_where(error))
            await _abort(context, KmsError("an internal error; the operator's log has this request id"))
        finally:
            seconds = time.perf_counter() - started
            metrics.RPC_TOTAL.labels(self.service, method.name, status).inc()
            metrics.RPC_SECONDS.labels(self.service, method.name).observe(seconds)
            logs.logger().info("call", method=method.name, status=status, ms=round(seconds * 1000, 1))
            logs.request_id.reset(token)
        return None

    def _admit(self, method: Method, data: bytes, context: Any) -> Call:
        peer = _peer(context)
        if self.peers and not method.public and peer not in self.peers:
            raise Denied("this method wants the client certificate of a known relay", reason="UNKNOWN_PEER")
        if len(data) > method.max_bytes:
            raise Exhausted(f"a request of at most {method.max_bytes} bytes", reason="TOO_LARGE")
        remaining = context.time_remaining()
        limit = method.max_seconds if remaining is None else min(remaining, method.max_seconds)
        return Call(peer, limit)


def _peer(context: Any) -> str:
    names = context.auth_context().get("x509_common_name") or [b""]
    return bytes(names[0]).decode("utf-8", "replace")


def _request_id(metadata: dict[str, Any]) -> str:
    given = metadata.get(REQUEST_ID_KEY, "")
    if isinstance(given, str) and 1 <= len(given) <= 64 and given.isalnum():
        return given
    return logs.new_request_id()


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else ""


async def _abort(context: Any, error: KmsError) -> None:
    details = failures.to_details(error, logs.request_id.get())
    await context.abort(
        failures.status_of(error), error.message, trailing_metadata=((failures.DETAILS_KEY, details),)
    )
