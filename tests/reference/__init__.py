"""A second implementation of the formats, slow and plain, written from the protocol's text.

It imports nothing of `kms`. `scripts/vectors` freezes what it answers; tests hold the product against both.
The only borrowed primitives are hashlib's hashes, AES, X25519 and Ed25519.
"""
