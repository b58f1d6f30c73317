"""gRPC, once for every node and client: raw bytes in, checked messages inside, rich errors out.

`server` and `client` are the two ends, `failures` maps the error tree to gRPC statuses and back, `tls` makes
credentials, `logs` and `metrics` watch, `process` starts and stops a node.

Settings that gRPC's core takes from the environment stand here, because they must be there before it is
imported. It has no switch for the lowest TLS version: our certificates are P-256 ones, and the only TLS 1.2
suite that is left on offer wants an RSA certificate, so a TLS 1.2 handshake never finds a suite. TLS 1.3
suites are not touched by this, and its key exchange is X25519MLKEM768 where both sides know it.
"""

import os

os.environ.setdefault("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384")
# Processes are started by exec only: gRPC's fork handlers would do nothing but print warnings.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
