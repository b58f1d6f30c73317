"""The coordinator at the host: directory, relay and workflow. It sees sealed bytes, signed bytes and hashes.

`workflow` decides (what is certified, whom to ask next), `service` speaks gRPC to both sides, `store` keeps
descriptors, receipts and what is still to be delivered. It is trusted for nothing but availability.
"""
