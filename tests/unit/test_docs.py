"""What the pages say holds together: links, anchors, words, labels, configuration keys, commands."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from kms.cli.app import command_line
from kms.coordinator.config import CoordinatorConfig
from kms.crypto import labels
from kms.custodian.approvers import ApproverQuorum
from kms.custodian.config import ApproverConfig, ConsoleConfig, CustodianConfig
from kms.custodian.notifying import MailConfig, NotifyConfig, WebhookConfig
from kms.custodian.root import UnlockConfig
from kms.statements.passkeys import RelyingParty
from kms.transport import metrics
from kms.transport.tls import TlsFiles

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)|(?:src|href|srcset)=\"([^\"]+)\"")
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
FORBIDDEN = ("everlasting", "unbreakable")


def prose(page: Path) -> str:
    return CODE.sub("", BLOCK.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+)$", BLOCK.sub("", page.read_text()), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found.add(name)
    return found


def targets(page: Path) -> list[str]:
    found = [a or b for a, b in LINK.findall(prose(page))]
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def test_pages_are_found() -> None:
    names = {page.name for page in PAGES}
    assert names >= {
        "README.md",
        "CHANGELOG.md",
        "protocol.md",
        "threat-model.md",
        "operations.md",
        "quickstart.md",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_local_link_and_anchor_resolves(page: Path) -> None:
    broken = []
    for target in targets(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_promises_what_nobody_can(page: Path) -> None:
    text = page.read_text().lower()
    assert [word for word in FORBIDDEN if word in text] == []


def test_every_attack_stands_in_the_threat_model() -> None:
    page = ROOT / "docs" / "threat-model.md"
    listed = [Path(target).name for target in targets(page) if "/attack/" in target]
    shown = [file.name for file in (ROOT / "tests" / "attack").glob("test_*.py")]
    assert sorted(listed) == sorted(shown)


def test_every_label_stands_in_the_protocol() -> None:
    text = (ROOT / "docs" / "protocol.md").read_text()
    known = [*labels.ALL_HASH_LABELS, *(label.decode() for label in labels.ALL_HKDF_LABELS)]
    assert len(known) > 20
    assert [label for label in known if f"`{label}`" not in text] == []


@pytest.mark.parametrize(
    "config",
    [
        CoordinatorConfig,
        CustodianConfig,
        ApproverConfig,
        ConsoleConfig,
        ApproverQuorum,
        MailConfig,
        NotifyConfig,
        RelyingParty,
        WebhookConfig,
        TlsFiles,
        UnlockConfig,
    ],
)
def test_every_configuration_key_stands_in_operations(config: type) -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    names = [field.name for field in dataclasses.fields(config)]
    assert names
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.parametrize("config", [CoordinatorConfig, CustodianConfig])
def test_every_default_stands_beside_its_key(config: type) -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    wrong = []
    for field in dataclasses.fields(config):
        if isinstance(field.default, (bool, int, str)):
            # JSON spells strings, numbers and truth as TOML does.
            shown = json.dumps(field.default)
            rows = re.findall(rf"^\| `{field.name}` \| (.+?) \|", text, re.MULTILINE)
            if not any(shown in row or row == "as above" for row in rows):
                wrong.append(f"{config.__name__}.{field.name} = {shown}")
    assert wrong == []


def test_every_metric_stands_in_operations() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    ours = [
        metrics.RPC_TOTAL,
        metrics.RPC_SECONDS,
        metrics.KEYS_TOTAL,
        metrics.BUDGET_KEYS_TOTAL,
        metrics.FORBIDS_REFUSED,
        metrics.ISSUER_KEYS_LEFT,
        metrics.ISSUER_SWITCHED,
    ]
    names = {sample.name for metric in ours for family in metric.collect() for sample in family.samples}
    # A counter without samples yet still has its name; a histogram's parts go by the one that is documented.
    names |= {"kms_rpc_total", "kms_rpc_seconds", "kms_keys_total", "kms_budget_keys_total"}
    names |= {"kms_issuer_keys_left_seconds", "kms_issuer_switched"}
    documented = {name for name in names if not name.endswith(("_created", "_bucket", "_sum", "_count"))}
    assert [name for name in sorted(documented) if f"`{name}`" not in text] == []


def test_every_command_that_a_page_shows_exists_with_its_options() -> None:
    shown = []
    for page in PAGES:
        for line in re.findall(
            r"\bkms (?:admin|audit|ceremony|coordinator|credential|custodian|dev|grant|history|key|keyring|login"
            r"|owner|policy)"
            r" [^`\n|;()]*",
            page.read_text(),
        ):
            shown.append((page.name, line.split()))
    assert len(shown) > 10
    whole = typer.main.get_command(command_line())
    unknown = []
    for name, words in shown:
        command: Any = whole
        rest = words[1:]
        while rest and rest[0] in getattr(command, "commands", {}):
            command = command.commands[rest.pop(0)]
        options = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        strange = [word for word in rest if word.startswith("--") and word not in options]
        if hasattr(command, "commands") or strange:
            unknown.append((name, " ".join(words)))
    assert unknown == []
