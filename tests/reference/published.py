"""Answers that others have published. The reference must meet them before it may freeze anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class XWing:
    """A vector of draft-connolly-cfrg-xwing-kem-10, appendix C, with the ends of its long values.

    The ends are enough: ML-KEM's decapsulation encrypts again, so a ciphertext that differs from the
    published one in any bit does not give the published secret.
    """

    seed: str
    eseed: str
    ss: str
    pk_starts: str
    pk_ends: str
    ct_starts: str
    ct_ends: str


XWING: Final = (
    XWing(
        seed="7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
        eseed="3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2"
        "35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2",
        ss="d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384",
        pk_starts="e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5b19cfc3d",
        pk_ends="eff389b27dce59844570216223593d4ba32d9abac8cd049040ef6534",
        ct_starts="b83aa828d4d62b9a83ceffe1d3d3bb1ef31264643c070c5798927e41fb07914a273f8f96",
        ct_ends="7f31ed6f7cb1600de56f17576740ce2a32fc5145030145cfb97e63e0e41d354274a079d3e6fb2e15",
    ),
    XWing(
        seed="badfd6dfaac359a5efbb7bcc4b59d538df9a04302e10c8bc1cbf1a0b3a5120ea",
        eseed="17cda7cfad765f5623474d368ccca8af0007cd9f5e4c849f167a580b14aabdef"
        "aee7eef47cb0fca9767be1fda69419dfb927e9df07348b196691abaeb580b32d",
        ss="f2e86241c64d60f6649fbc6c5b7d17180b780a3f34355e64a85749949c45f150",
        pk_starts="0333285fa253661508c9fb444852caa4061636cb060e69943b431400134ae1fbc0228724",
        pk_ends="cbb48fd4c562a576549f85b528c953926d96ea8a160b8843f1c89c62",
        ct_starts="c93beb22326705699bbc3d1d0aa6339be7a405debe61a7c337e1a91453c097a6f77c1306",
        ct_ends="00342d123f618aa8c91bdf6e0e03200693c9651e469aee6f91c98bea4127ae66312f4ae3ea155b67",
    ),
    XWing(
        seed="ef58538b8d23f87732ea63b02b4fa0f4873360e2841928cd60dd4cee8cc0d4c9",
        eseed="22a96188d032675c8ac850933c7aff1533b94c834adbb69c6115bad4692d8619"
        "f90b0cdf8a7b9c264029ac185b70b83f2801f2f4b3f70c593ea3aeeb613a7f1b",
        ss="953f7f4e8c5b5049bdc771d1dffada0dd961477d1a2ae0988baa7ea6898d893f",
        pk_starts="36244278824f77c621c660892c1c3886a9560caa52a97c461fd3958a598e749bbc8c7798",
        pk_ends="c1c013747dfee80fb35b5299f555dcc2b787ea4f6f16ffdf66952461",
        ct_starts="0d2e38cbf17a2e2e4e0c87a94ca1e7701ae1552e02509b3b00f9c82c39e3fd435b05b912",
        ct_ends="ca934f541d4cc520fa64de6b6e1c3c8e03db5971a445992227c825590688d203523f527161137334",
    ),
)


@dataclass(frozen=True, slots=True)
class Hkdf:
    """RFC 5869, appendix A (the SHA-256 cases)."""

    ikm: str
    salt: str
    info: str
    prk: str
    okm: str


HKDF: Final = (
    Hkdf(
        ikm="0b" * 22,
        salt=bytes(range(13)).hex(),
        info=bytes(range(0xF0, 0xFA)).hex(),
        prk="077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        okm="3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    Hkdf(
        ikm=bytes(range(0x50)).hex(),
        salt=bytes(range(0x60, 0xB0)).hex(),
        info=bytes(range(0xB0, 0x100)).hex(),
        prk="06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        okm="b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    Hkdf(
        ikm="0b" * 22,
        salt="",
        info="",
        prk="19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        okm="8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
)

# DSSE protocol, "Test vectors".
DSSE_TYPE: Final = "http://example.com/HelloWorld"
DSSE_PAYLOAD: Final = b"hello world"
DSSE_ENCODING: Final = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"

# RFC 8037, appendices A.1 to A.3 (base64url).
JWK_PRIVATE: Final = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
JWK_PUBLIC: Final = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
JWK_THUMBPRINT: Final = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

# RFC 9180, appendix A.1.1: the key schedule of KEM 0x0020, KDF 1, AEAD 1 in base mode.
HPKE_SUITE_ID: Final = b"HPKE" + bytes.fromhex("002000010001")
HPKE_SHARED_SECRET: Final = "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc"
HPKE_INFO: Final = "4f6465206f6e2061204772656369616e2055726e"
HPKE_KEY: Final = "4531685d41d65f03dc48f6b8302c05b0"
HPKE_BASE_NONCE: Final = "56d890e5accaaf011cff4b7d"
