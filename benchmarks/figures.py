"""What is measured, what it must reach, and reading a report of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kms.errors import ConfigError

TARGETS: Final[Mapping[str, tuple[str, float]]] = {
    "encrypt_10MiB_vs_raw": (">=", 0.7),
    "decrypt_10MiB_vs_raw": (">=", 0.7),
    "encrypt_1KiB_us": ("<=", 25),
    "encrypt_1KiB_vs_aws_esdk": (">=", 25),
    "overhead_bytes": ("<=", 200),
    "release_one_p50_ms": ("<=", 20),
    "release_one_p99_ms": ("", 0),
    "release_batch_keys_per_s": (">=", 5000),
    "create_batch_keys_per_s": (">=", 1500),
    "custodian_bytes_per_key": ("<=", 600),
    "growth_10x_ratio": ("<=", 1.2),
    "reshare_3_of_5_keys_per_s": (">=", 400),
    "repair_keys_per_s": (">=", 800),
    "release_p50_during_reshare_ratio": ("<=", 2),
    "relay_bytes_per_key": ("<=", 1536),
    "generate_keys_per_s": ("", 0),
    "console_first_page_ms": ("<=", 100),
    "decision_256_keys_ms": ("<=", 8),
    "roll_keys_per_s": (">=", 2000),
    "log_append_per_s": (">=", 20_000),
    "log_proof_ms": ("<=", 5),
    "log_proof_bytes": ("<=", 2048),
    "log_bytes_per_entry": ("<=", 200),
    "audit_five_logs_of_a_million_s": ("<=", 600),
    "audit_1000_new_s": ("<=", 5),
}
NEEDED: Final = (
    "machine",
    "figures.create_batch_keys_per_s",
    "figures.custodian_bytes_per_key",
    "figures.release_p50_during_reshare_ratio",
    "figures.relay_bytes_per_key",
    "profile.primitives_us",
    "profile.create_batch_1000_cpu_ms.custodians",
    "profile.create_wire_bytes_per_key",
    "profile.release_one_cpu_ms",
    "profile.release_batch_256_cpu_ms",
    "profile.ceremonies.reshare.keys_per_s",
    "profile.ceremonies.reshare.cpu_s",
    "profile.ceremonies.reshare.wire_bytes_per_key",
    "profile.ceremonies.reshare.transcript_bytes_per_key",
    "profile.ceremonies.repair.keys_per_s",
    "profile.ceremonies.repair.cpu_s",
    "profile.ceremonies.repair.wire_bytes_per_key",
)
"""What the pages of docs/ are computed from; the shapes besides, which `scripts/bench --quick` does not measure."""


def met(name: str, value: float | None) -> str:
    """met, missed, or nothing where there is no target or no value."""
    sign, target = TARGETS[name]
    if not sign or value is None:
        return ""
    return "met" if (value >= target if sign == ">=" else value <= target) else "missed"


def rows(figures: Mapping[str, float | None]) -> list[tuple[str, str, str, str]]:
    """Name, value, target, met or missed."""
    result = []
    for name, (sign, target) in TARGETS.items():
        value = figures.get(name)
        shown = "not measured" if value is None else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
        result.append((name, shown, f"{sign} {target:g}" if sign else "", met(name, value)))
    return result


def read(path: Path) -> Mapping[str, Any]:
    """A report that `scripts/bench --json` wrote; ConfigError names what the pages need and it has not."""
    try:
        report: Mapping[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no report of scripts/bench: {error}") from None
    lacking = [name for name in NEEDED if _find(report, name) is None]
    if lacking:
        raise ConfigError(f"{path} has no {', '.join(lacking)}")
    return report


def _find(report: Any, name: str) -> Any:
    for part in name.split("."):
        report = report.get(part) if isinstance(report, Mapping) else None
    return report
