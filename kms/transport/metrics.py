"""Prometheus metrics, served on a side port of the loopback interface unless told otherwise."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, start_http_server

RPC_TOTAL = Counter("kms_rpc_total", "Calls answered.", ["service", "method", "status"])
RPC_SECONDS = Histogram("kms_rpc_seconds", "Time to answer a call.", ["service", "method"])
KEYS_TOTAL = Counter("kms_keys_total", "Keys by what was done with them.", ["action", "outcome"])
ISSUER_KEYS_LEFT = Gauge(
    "kms_issuer_keys_left_seconds",
    "For how long a provider's keys count unless they are fetched again.",
    ["issuer"],
)
ISSUER_SWITCHED = Gauge(
    "kms_issuer_switched", "1 while a provider shows keys none of which counts.", ["issuer"]
)

FORBIDS_REFUSED = Gauge("kms_forbids_refused", "1 while the file of a custodian's own rules is not good.")
BUDGET_KEYS_TOTAL = Counter("kms_budget_keys_total", "Keys beyond a budget.", ["scope", "window", "outcome"])
ROW_ROOT_AGE = Gauge("kms_row_root_age_seconds", "Since the last roll of the row root began.")
ROLL_ROWS_LEFT = Gauge("kms_roll_rows_left", "Rows that a roll has not looked at yet.")
LOG_RECOVERY = Gauge("kms_log_recovery", "1 while a node stands still because its log lacks what it signed.")
LOG_MISBEHAVIOUR = Gauge("kms_log_misbehaviour", "Pieces of evidence against custodians' logs that are kept.")
LOG_PEERS = Gauge("kms_log_peers", "Other custodians that answered in the last round about logs.")
LOG_COSIGNED = Gauge(
    "kms_log_cosigned", "1 if a witness cosigned this node's log in the last round.", ["witness"]
)


def serve(listen: str) -> None:
    """Serve /metrics on host:port, in a thread of its own."""
    host, _, port = listen.rpartition(":")
    start_http_server(int(port), addr=host or "127.0.0.1")
