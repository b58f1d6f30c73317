"""Threshold KMS: a record opens only where a quorum of independent custodians releases its key.

Mathematics at the bottom (`crypto`), signed statements on top of it (`statements`), decisions on top of
those (`policy`, `custodian`, `coordinator`), network and disk at the edges (`transport`, `*/service.py`,
`*/sqlite`, `cli`).
"""

__version__ = "0.1.0"
