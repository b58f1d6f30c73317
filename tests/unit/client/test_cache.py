"""The cache of released keys is bounded by age, bytes, uses and number, and prints nothing."""

from __future__ import annotations

from kms.crypto.secret import DataKey
from kms.statements.ids import KeyId
from kms_client.cache import CacheLimits, KeyCache, OpenKey


class Watch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Described:
    """As much of a descriptor as the cache looks at."""

    def __init__(self, name: int) -> None:
        self.key_id = KeyId(bytes([name]) * 32)


def key(name: int) -> OpenKey:
    return OpenKey(Described(name), DataKey(b"secret of the key, thirty-two by"), {"patient": "p"}, bytes(32))  # type: ignore[arg-type]


def test_a_key_is_forgotten_at_its_age_and_not_before() -> None:
    watch = Watch()
    cache = KeyCache(CacheLimits(max_age=10), watch)
    cache.put(key(1))
    watch.seconds = 9.99
    assert cache.take(key(1).key_id) is not None
    watch.seconds = 10
    assert cache.take(key(1).key_id) is None
    assert len(cache) == 0


def test_a_key_serves_so_many_uses() -> None:
    cache = KeyCache(CacheLimits(max_uses=2))
    cache.put(key(1))
    assert [cache.take(key(1).key_id) is not None for _ in range(3)] == [True, True, False]


def test_a_key_serves_so_many_bytes() -> None:
    cache = KeyCache(CacheLimits(max_bytes=100))
    cache.put(key(1))
    assert cache.take(key(1).key_id, 60) is not None
    assert cache.take(key(1).key_id, 41) is None


def test_the_least_recently_used_key_goes_first() -> None:
    cache = KeyCache(CacheLimits(max_keys=2))
    cache.put(key(1))
    cache.put(key(2))
    assert cache.take(key(1).key_id) is not None
    cache.put(key(3))
    assert [cache.take(key(n).key_id) is not None for n in (1, 2, 3)] == [True, False, True]


def test_a_cache_of_no_keys_keeps_nothing() -> None:
    cache = KeyCache(CacheLimits(max_keys=0))
    cache.put(key(1))
    assert cache.take(key(1).key_id) is None


def test_nothing_secret_is_printed() -> None:
    cache = KeyCache()
    cache.put(key(1))
    printed = repr(cache) + repr(key(1))
    assert "thirty-two" not in printed
    assert b"secret of the key".hex() not in printed
    assert "patient" not in printed
