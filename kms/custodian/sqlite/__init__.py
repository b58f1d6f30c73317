"""The store of a custodian in SQL: one module and one schema file for each thing that is kept.

`storage.postgres` speaks SQLite's words to PostgreSQL, so the same modules are both plugs.
"""

from kms.custodian.sqlite.store import MIGRATIONS, SqliteCustodianStore

__all__ = ["MIGRATIONS", "SqliteCustodianStore"]
