"""Golden decisions: a table of cases with the answers that they must have, named by its hash in the manifest.

Who reads a policy's rules may misread them; who reads the table sees what they come to. A policy that fails the table
which its manifest names is not proposed and not accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from kms.errors import ConfigError
from kms.policy.cases import Asked
from kms.policy.engine import PolicyEngine, reason_code
from kms.policy.reasons import REASONS
from kms.policy.rule_words import rules_in_words

VERDICTS = ("allow", "deny", "pending")


@dataclass(frozen=True, slots=True)
class Golden:
    """A case and its answer; `reason` may be left out where any will do."""

    name: str
    asked: Asked
    verdict: str
    reason: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ConfigError(f"verdict: {self.verdict!r} is none of {', '.join(VERDICTS)}")


@dataclass(frozen=True, slots=True)
class GoldenTable:
    """All decisions of a table, in its order."""

    decision: tuple[Golden, ...]

    def __post_init__(self) -> None:
        names = [golden.name for golden in self.decision]
        if not names or len(set(names)) != len(names):
            raise ConfigError("decision: there must be some, each with a name of its own")


@dataclass(frozen=True, slots=True)
class Failure:
    """A case whose answer is another than the table says."""

    name: str
    expected: str
    actual: str


def default_golden() -> bytes:
    """The table that the default policy passes."""
    return (resources.files("kms.policy") / "golden.toml").read_bytes()


def failures(engine: PolicyEngine, table: GoldenTable) -> list[Failure]:
    """Cases that come out otherwise; empty if the policy passes."""
    failed = []
    for golden in table.decision:
        outcome = engine.decide(golden.asked.action, golden.asked.attributes())
        if outcome.verdict != golden.verdict or golden.reason not in ("", outcome.reason):
            expected = f"{golden.verdict} {golden.reason}".strip()
            failed.append(Failure(golden.name, expected, f"{outcome.verdict} {outcome.reason}"))
    return failed


def unused_rules(policy: str, table: GoldenTable) -> list[str]:
    """Rules that no case of the table names as its reason: nobody would notice if they went."""
    named = {golden.reason for golden in table.decision}
    return [
        rule.name
        for rule in rules_in_words(policy)
        if reason_code(rule.name) not in named and reason_code(rule.name) not in REASONS
    ]
