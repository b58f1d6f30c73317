"""A new operator follows docs/custodian.md as it stands; admins and other organisations do their part in between."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import terminal
from tests.e2e.browser import CHROMIUM
from tests.e2e.test_ceremony_script import BLOCK, free_prefix

PAGE = Path(__file__).parents[2] / "docs" / "custodian.md"

OTHERS = """
kms admin key new admin.key > admin.txt
kms dev issuer chamber.key > chamber.txt
kms dev issuer insurer.key > insurer.txt
other() { # number, organisation, jurisdiction
  mkdir "other-$1"
  sed 's/^passphrase_file.*//' node/custodian.toml > "other-$1/custodian.toml"
  kms custodian init --config "other-$1/custodian.toml"
  kms custodian enrol --config "other-$1/custodian.toml" --organisation "$2" --jurisdiction "$3" --hosting "$2" \
    --parent "$2" --endpoint "127.0.0.1:$((9000 + $1))" --out "other-$1.enrolment"
}
other 2 "Patients' Union" DE
other 3 "Medical Chamber" CH
cat > draft.toml <<END
name = "Records of the clinics of Lyon"
threshold = 2
admins = ["$(awk '/^public key/ { print $3 }' admin.txt)"]
admin_quorum = 1
change_delay_days = 0
valid_days = 365
[[issuers]]
iss = "https://chamber.example"
controlled_by = "Medical Chamber"
classes = ["device", "professional"]
keys = [{ kid = "2027", type = "ed25519", public_key = "$(cat chamber.txt)" }]
[[issuers]]
iss = "https://insurer.example"
controlled_by = "Mutual Insurance"
classes = ["device", "professional", "service"]
keys = [{ kid = "2027", type = "ed25519", public_key = "$(cat insurer.txt)" }]
END
kms ceremony propose draft.toml --enrolment hospital.enrolment --enrolment other-2.enrolment \
  --enrolment other-3.enrolment --out new.proposal
"""
GATHER = """
kms ceremony sign new.proposal --key admin.key --out admin.signature
for number in 2 3; do
  kms custodian accept new.proposal --config "other-$number/custodian.toml" --out "other-$number.signature"
done
kms ceremony gather new.proposal admin.signature hospital.signature other-?.signature --out chain.file > keyring.txt
"""
JOIN = """
PYTHONPATH="$root" python -m tests.e2e.joining "http://localhost:${ports}00/join#$token"
kms custodian approver list --config node/custodian.toml
"""
BEFORE = {"6.": OTHERS, "7.": GATHER} | ({"11.": JOIN} if CHROMIUM else {})
"""What others have done by the time that a section of the page begins."""


def script() -> str:
    """All that the page has a shell do, with the others' part where it falls."""
    lines = ["trap '[ $? = 0 ] || echo \"section $section of the page failed\"' EXIT"]
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        number = section.split()[0]
        lines += [f"section={number}", BEFORE.get(number, "")]
        lines += [match[2] for match in BLOCK.finditer(section) if match[1] == "sh"]
    return "\n".join(lines)


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ports", free_prefix())
    monkeypatch.setenv("root", str(PAGE.parents[1]))
    home = Path(tempfile.mkdtemp(prefix="kp"))
    yield home
    shutil.rmtree(home)


def test_the_page_leads_from_nothing_to_a_node_that_answers(empty: Path) -> None:
    status, seen = terminal.run(script(), empty)
    assert status == 0, seen[-4000:]
    assert "no request waits" in seen
    if CHROMIUM:
        assert "the approver is in" in seen
        assert "Ann Martin <ann@hospital.example>, passkey, since" in seen
    log = (empty / "node" / "log").read_text()
    assert '"unexpected"' not in log
