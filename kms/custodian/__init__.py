"""One custodian's node: keeps shares, decides from evidence it checked itself, releases against a quorum.

`node` holds the rules (one step a module: `deposits`, `decisions`, `approvals`, `releases`), without gRPC or
SQL. `store` is the port to the disk and `sqlite` its plug; `service` is the gRPC face; `vault` is what makes
rows unreadable on disk.
"""
