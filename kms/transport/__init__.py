"""gRPC, once for every node and client: raw bytes in, checked messages inside, rich errors out.

`server` and `client` are the two ends, `failures` maps the error tree to gRPC statuses and back, `tls` makes
credentials, `logs` and `metrics` watch, `process` starts and stops a node.
"""
