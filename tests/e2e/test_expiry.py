"""A manifest that ends soon is said to, wherever people look."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.ceremony import files
from kms.ceremony.proposals import line_of
from kms.dev.cluster import Cluster
from tests.e2e.site import await_condition, run_command

DAYS = 12
SAID = f"manifest 0 expires in {DAYS} days: its admins must renew it"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="kms"))
    cluster = Cluster.create(folder / "c", n=3, threshold=2, valid_seconds=DAYS * 86400 + 3600)
    yield cluster
    cluster.stop()
    shutil.rmtree(folder)


def test_the_log_the_check_and_the_ceremony_say_when_it_ends(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start(["custodian-1"])

    def told() -> list[dict[str, object]]:
        lines = cluster.log("custodian-1").read_text().splitlines()
        return [json.loads(line) for line in lines if '"manifest_expires"' in line]

    await_condition(lambda: bool(told()), "the log's warning")
    cluster.kill("custodian-1", 15)
    ((days, level),) = [(line["days"], line["level"]) for line in told()]
    assert (days, level) == (DAYS, "warning")

    config = cluster.layout.custodian_folder(1) / "custodian.toml"
    checked = run_command(["custodian", "check", "--config", str(config)])
    assert checked.returncode == 0
    assert f"note: {SAID}" in checked.stdout
    facts = json.loads(run_command(["custodian", "check", "--config", str(config), "--json"]).stdout)
    assert facts["notices"] == [SAID]

    chain = tmp_path / "chain.file"
    files.create(chain, [line_of((cluster.layout.folder / "manifest.bin").read_bytes())])
    assert f"note: {SAID}" in run_command(["ceremony", "status", str(chain)]).stdout
    facts = json.loads(run_command(["ceremony", "status", str(chain), "--json"]).stdout)
    assert facts["notices"] == [SAID]
