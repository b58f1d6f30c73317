"""A release request is refused before anybody looks at its keys if their list is not one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kms.errors import Invalid
from kms.statements.ids import KeyId, KeyringId, ManifestHash, Thumbprint
from kms.statements.release import EvidenceTarget, Purpose, ReleaseRequest

IDS = tuple(KeyId(bytes([n]) * 32) for n in (1, 2, 3))


def request() -> ReleaseRequest:
    return ReleaseRequest(
        KeyringId(bytes(32)),
        ManifestHash(bytes(32)),
        bytes(16),
        IDS,
        Purpose.TREATMENT,
        bytes(32),
        bytes(1216),
        Thumbprint(bytes(32)),
        1000,
        1900,
        (EvidenceTarget(1, bytes(32), bytes(32)),),
    )


@pytest.mark.parametrize(
    "listed",
    [
        lambda a, b, c: (b, a, c),
        lambda a, b, c: (a, c, b),
        lambda a, b, c: (a, a, b),
        lambda a, b, c: (a, b, b),
    ],
)
def test_keys_are_sorted_and_each_is_named_once(listed: Callable[..., tuple[KeyId, ...]]) -> None:
    with pytest.raises(Invalid, match="key_ids must be sorted and unique"):
        replace(request(), key_ids=listed(*IDS))


def test_the_list_as_it_stands_is_taken() -> None:
    assert request().key_ids == IDS
