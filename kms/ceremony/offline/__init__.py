"""A second implementation of what a transcript claims: bytes, signatures, succession, the arithmetic of a reshare.

It shares no code with the nodes but hashing and the file form, and runs on `cryptography` (Ed25519, SHA-256) and
`py_ecc` alone: what verifies here was not made right by the same mistake. `kms.ceremony.verify` is its door.
"""
