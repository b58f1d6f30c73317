"""Pure functions over bytes and integers: hashing, sharing, sealing, signing, records.

Knows no message, file or socket. Start with `sharing.deal` (a key is born), `derivation` (what it is called
and what it opens), `records` (what it encrypts), `sealing` and `signing` (how its shares travel).
"""
