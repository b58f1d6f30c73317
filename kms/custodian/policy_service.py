"""The door to why a node decides as it does: both ends of it, on the local socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from kms.custodian.explaining import ExplainedKeys
from kms.policy.explain import Explanation, Tried, Way
from kms.policy.rule_words import RuleInWords
from kms.statements.ids import RequestHash
from kms.transport.client import Channel
from kms.transport.server import Call, Method
from kms.wire.v1 import policy_pb2

SERVICE: Final = "kms.v1.PolicyService"
_TIMEOUT: Final = 30.0
Asked = Callable[[str], Awaitable[tuple[RequestHash, tuple[ExplainedKeys, ...]]]]


class PolicyService:
    """`ask` runs the node's step on its turn."""

    def __init__(self, ask: Asked) -> None:
        self._ask = ask

    def methods(self) -> tuple[Method, ...]:
        return (Method("Explain", policy_pb2.ExplainRequest, self.explain),)

    async def explain(self, request: policy_pb2.ExplainRequest, call: Call) -> policy_pb2.ExplainResponse:
        name, keys = await self._ask(request.digits)
        return policy_pb2.ExplainResponse(request_hash=name, keys=[_keys(one) for one in keys])


def _keys(one: ExplainedKeys) -> policy_pb2.ExplainedKeys:
    told = one.explanation
    return policy_pb2.ExplainedKeys(
        positions=one.positions,
        verdict=one.verdict,
        reason=one.reason,
        text=one.text,
        explanation=None if told is None else _explanation(told),
    )


def _explanation(told: Explanation) -> policy_pb2.Explanation:
    return policy_pb2.Explanation(
        verdict=told.verdict,
        reason=told.reason,
        text=told.text,
        rules=[_rule(rule) for rule in told.rules],
        ways=[policy_pb2.ExplainedWay(text=w.text, verdict=w.verdict, rules=w.rules) for w in told.ways],
        tried=[
            policy_pb2.TriedRule(rule=_rule(t.rule), holds=t.holds, failing=t.failing) for t in told.tried
        ],
    )


def _rule(rule: RuleInWords) -> policy_pb2.ExplainedRule:
    return policy_pb2.ExplainedRule(name=rule.name, effect=rule.effect, text=rule.text)


async def ask_node(socket: Path, digits: str) -> tuple[RequestHash, tuple[ExplainedKeys, ...]]:
    """What the node behind this socket says of a request."""
    channel = Channel(f"unix:{socket}", None)
    try:
        answer = await channel.call(
            SERVICE,
            "Explain",
            policy_pb2.ExplainRequest(digits=digits.lower()),
            policy_pb2.ExplainResponse,
            timeout=_TIMEOUT,
        )
    finally:
        await channel.close()
    return RequestHash(answer.request_hash), tuple(
        ExplainedKeys(
            tuple(one.positions),
            one.verdict,
            one.reason,
            one.text,
            _told(one.explanation) if one.HasField("explanation") else None,
        )
        for one in answer.keys
    )


def _told(said: policy_pb2.Explanation) -> Explanation:
    return Explanation(
        said.verdict,  # type: ignore[arg-type]
        said.reason,
        said.text,
        tuple(_spoken(rule) for rule in said.rules),
        tuple(Way(w.text, w.verdict, tuple(w.rules)) for w in said.ways),  # type: ignore[arg-type]
        tuple(Tried(_spoken(t.rule), t.holds, tuple(t.failing)) for t in said.tried),
    )


def _spoken(rule: policy_pb2.ExplainedRule) -> RuleInWords:
    return RuleInWords(rule.name, rule.effect, rule.text)
