"""`kms audit` and `kms history` against real processes: logs over gRPC, promises of coordinator and client, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kms_client.history import read
from tests.e2e.site import Site, await_condition, run_command


def audit(site: Site, folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    layout = site.layout
    report = folder / "report.json"
    done = run_command(
        [
            *("audit", "run", "--chain", str(layout.folder / "manifest.bin")),
            *("--keyring-id", layout.keyring_id.hex(), "--authorities", str(layout.authorities)),
            *("--state", str(folder / "state"), "--json", str(report), "--html", str(folder / "report.html")),
            *more,
        ]
    )
    assert report.exists(), done.stderr
    return done.returncode, json.loads(report.read_text())


def test_an_audit_over_the_wire_and_an_owners_view_of_the_same(site: Site, tmp_path: Path) -> None:
    client = site.client("an owner who looks", promises=tmp_path / "kept.promises", hear_out=1.0)
    keys = client.create_keys([{"patient": "p", "category": "lab"}] * 3)
    records = [client.encrypt(b"negative", one) for one in keys]
    for record in records:
        client.forget()
        assert client.decrypt(record) == b"negative"

    promises = ("--promises", str(tmp_path / "kept.promises"), "--coordinator", site.layout.coordinator)
    status, report = audit(site, tmp_path, *promises)
    assert (status, report["accused"], report["findings"]) == (0, [], [])
    assert [log["read_whole"] for log in report["logs"]] == [True] * 3
    assert report["promises"] >= 3 * 2 * 2
    assert report["decisions_checked"] >= 3 * 2 * 2
    assert "<svg" in (tmp_path / "report.html").read_text()

    client.forget()
    client.decrypt(records[0])
    status, again = audit(site, tmp_path, *promises)
    assert (status, again["findings"]) == (0, [])
    assert 0 < again["logs"][0]["entries_new"] < report["logs"][0]["entries"]
    listed = run_command(
        [
            *("audit", "verify", str(tmp_path / "report.json"), "--json"),
            *("--chain", str(site.layout.folder / "manifest.bin")),
            *("--keyring-id", site.layout.keyring_id.hex()),
        ]
    )
    assert json.loads(listed.stdout) == {"holds": True, "findings": []}

    found = client.history()
    assert found.failures == {}
    assert found.silences == ()
    assert {one.index for one in found.told} == {1, 2, 3}
    kinds = {one.entry.kind.name for one in found.told}
    assert kinds == {"DEPOSIT", "DECISION", "RELEASE"}
    saved = tmp_path / "mine.json"
    saved.write_bytes(found.to_bytes())
    assert read(saved.read_bytes(), site.layout.keyring_id).told == found.told
    verify = ("history", "verify", str(saved), "--keyring-id", site.layout.keyring_id.hex())
    shown = run_command(
        [*verify, "--json", "--csv", str(tmp_path / "mine.csv"), "--fhir", str(tmp_path / "f")]
    )
    assert len(json.loads(shown.stdout)["events"]) == len(found.told)
    assert (tmp_path / "mine.csv").read_text().count("\n") > len(found.told)
    assert json.loads((tmp_path / "f").read_text())["resourceType"] == "Bundle"


def test_a_custodian_that_is_away_is_told_and_not_accused(own_site: Any, tmp_path: Path) -> None:
    site: Site = own_site()
    site.terminate("custodian-3")
    await_condition(lambda: not site.cluster.running("custodian-3"), "custodian 3's end")
    status, report = audit(site, tmp_path)
    assert (status, report["accused"]) == (3, [])
    assert [(f["custodian"], f["kind"]) for f in report["findings"]] == [(3, "SILENT")]
