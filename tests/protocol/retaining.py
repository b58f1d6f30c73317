"""Schedules of retention over a world's nodes: policies with lengths, orders by age, and what custodians say is due."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kms.custodian.outlook import Outlook
from kms.policy.engine import default_policy
from kms.statements.envelope import Signed, sign
from kms.statements.retention import RetentionOrder, RetentionQuestion
from kms_client.cache import OpenKey
from tests.protocol.destroying import ids_of
from tests.protocol.world import Device, World

DAY = 86400
LAB_DAYS = 100


def rule(category: str, days: int | str, name: str = "") -> str:
    """A rule that ends a category's records by their age."""
    return (
        f'@id("{name or category}-ends") @after_days("{days}")\n'
        'permit (principal, action == Action::"expire", resource)'
        f' when {{ context.category == "{category}" }};\n'
    )


def kept(category: str) -> str:
    """A rule that keeps them for good."""
    return (
        f'@id("{category}-stays")\nforbid (principal, action == Action::"expire", resource)'
        f' when {{ context.category == "{category}" }};\n'
    )


def policy(lengths: Mapping[str, int | str] | None = None, more: str = "") -> str:
    """The default policy with lengths for these categories (laboratory: a hundred days)."""
    lengths = {"laboratory": LAB_DAYS} if lengths is None else lengths
    return default_policy() + "".join(rule(*one) for one in lengths.items()) + more


def messenger(world: World) -> Device:
    """Whom an issuer calls an operator."""
    return world.device("night watch", "operator", ("b",))


def make_retention_order(
    world: World, by: Device, keys: Sequence[OpenKey], **changes: Any
) -> Signed[RetentionOrder]:
    """What a messenger signs; nobody has it yet."""
    order = RetentionOrder(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        secrets.token_bytes(16),
        ids_of(keys),
        0,
        world.clock(),
        by.thumbprint,
    )
    return sign(replace(order, **changes), by.key)


def look(
    world: World,
    index: int,
    by: Device,
    under: str = "",
    after: int = 0,
    of_index: int = 0,
    due_only: bool = False,
    **changes: Any,
) -> Outlook:
    """What custodian `index` tells a messenger; asked of another one if `of_index` says so."""
    asked = RetentionQuestion(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        of_index or index,
        under,
        world.clock(),
        by.thumbprint,
    )
    question = sign(replace(asked, **changes), by.key).message
    return world.nodes[index].outlook(question, tuple(world.credentials(by)), after, due_only)
