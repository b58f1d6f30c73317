"""What the primitives of each figure cost by themselves, in this run."""

from __future__ import annotations

import os
import secrets
import sqlite3
from pathlib import Path

from benchmarks.timing import median_us
from kms.crypto import sealing, sharing, signing
from kms.crypto.sealing import SealingPrivateKey
from kms.crypto.signing import SigningKey
from kms.policy.attributes import ReleaseAttributes
from kms.policy.engine import PolicyEngine, default_policy, default_schema

ATTRIBUTES = ReleaseAttributes(
    "device",
    frozenset({"issuer:a", "owner"}),
    True,
    False,
    0,
    "encounter",
    True,
    "patient_access",
    1,
    0,
    0,
    0,
)


def measure(folder: Path) -> dict[str, float]:
    """Microseconds each; `custodian` and `client` sums are what 3 of 5 needs at least for one key."""
    recipient = SealingPrivateKey.generate()
    share = secrets.token_bytes(200)
    sealed = sealing.seal(recipient.public, b"info", share)
    key = SigningKey.generate()
    payload = os.urandom(400)
    dealt = [sharing.deal(3, [1, 2, 3, 4, 5]) for _ in range(50)]
    shares = [d.shares[4].reveal() for d in dealt]
    rows = [d.commitments for d in dealt]
    engine = PolicyEngine(default_policy(), default_schema())
    database = sqlite3.connect(folder / "commit.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE t (x BLOB)")

    def verify() -> None:
        fresh = os.urandom(400)
        signature = key._key.sign(signing.pae("t", fresh))
        signing.verify(key.public, "t", fresh, signature)

    sign = median_us(lambda: key.sign("t", payload), 9, 50)
    costs = {
        "hpke_seal": median_us(lambda: sealing.seal(recipient.public, b"info", share), 9, 50),
        "hpke_open": median_us(lambda: recipient.open(b"info", sealed), 9, 50),
        "ed25519_sign": sign,
        "ed25519_verify": max(0.0, median_us(verify, 9, 50) - sign),
        "cedar": median_us(lambda: engine.decide_release(ATTRIBUTES), 9, 50),
        "durable_commit": median_us(lambda: database.execute("INSERT INTO t VALUES (?)", (payload,)), 9, 20),
        "deal_3_of_5": median_us(lambda: sharing.deal(3, [1, 2, 3, 4, 5]), 9, 5),
        "verify_share_in_batch": median_us(lambda: sharing.verify_batch(4, shares, rows, 3), 9) / 50,
    }
    database.close()
    c = costs
    costs["release_one_at_a_custodian"] = (
        c["hpke_open"]
        + c["hpke_seal"]
        + 2 * c["ed25519_sign"]
        + 4 * c["ed25519_verify"]
        + c["cedar"]
        + 2 * c["durable_commit"]
    )
    costs["release_one_at_the_client"] = (
        5 * c["hpke_seal"] + 3 * c["hpke_open"] + c["ed25519_sign"] + 6 * c["ed25519_verify"]
    )
    costs["create_per_key_all_processors"] = c["deal_3_of_5"] + 5 * c["verify_share_in_batch"]
    return {name: round(value, 2) for name, value in costs.items()}
