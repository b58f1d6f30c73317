"""Lay out a development cluster in a folder: authorities, identities, a signed manifest, configuration files.

The ceremony that independent organisations would hold is done here by one process with throwaway keys.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kms.crypto.signing import SigningKey
from kms.custodian import config as custodian_config
from kms.dev import toml
from kms.dev.certificates import Authority
from kms.dev.issuer import KID
from kms.errors import ConfigError
from kms.policy.engine import default_policy, default_schema
from kms.statements import quorums
from kms.statements.codec import encode
from kms.statements.envelope import sign_payload
from kms.statements.manifest import (
    Custodian,
    HolderClass,
    Issuer,
    IssuerKey,
    IssuerKeyType,
    Manifest,
    genesis_keyring_id,
)
from kms.storage import config as toml_config
from kms.storage.keyfile import write_secret

PLACES = (("FR", "Lyon DC"), ("DE", "Kiel DC"), ("CH", "Bern DC"), ("NL", "Delft DC"), ("FR", "Paris DC"))
NAMES = ("Hospital Trust", "Patients' Union", "Medical Chamber", "University", "Notaries")
CLASSES = {"a": ("device", "professional"), "b": ("device", "professional", "service", "operator")}
_TLS = {"certificate": "tls.pem", "key": "tls.key", "authorities": "../ca/ca.pem"}
YEAR = 365 * 86400
RECOVERY_SECONDS = 5
DESTRUCTION_SECONDS = 5
"""In earnest both are days: on a development cluster nobody waits for an objection."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of a cluster is. Endpoints are host:port on loopback."""

    folder: Path
    keyring_id: bytes
    threshold: int
    coordinator: str
    custodians: dict[int, str]
    """Relay ports."""
    public: dict[int, str]
    issuers: dict[str, str]
    booking: str
    extra: dict[str, str] = field(default_factory=dict)
    consoles: dict[int, str] = field(default_factory=dict)
    """Addresses of approvers' consoles; a page on localhost may use passkeys without TLS."""

    @property
    def authorities(self) -> Path:
        return self.folder / "ca" / "ca.pem"

    def custodian_folder(self, index: int) -> Path:
        return self.folder / f"custodian-{index}"

    def approvals_socket(self, index: int) -> Path:
        return self.folder / f"approvals-{index}.sock"

    def approver_key(self, index: int) -> Path:
        return self.custodian_folder(index) / "approver.key"

    def console(self, index: int) -> str:
        """Where a custodian's console is; ConfigError if it has none."""
        if index not in self.consoles:
            raise ConfigError(f"this cluster has no console of a custodian {index}")
        return self.consoles[index]

    def issuer(self, name: str) -> str:
        """Where an issuer answers; ConfigError if there is none of this name."""
        if name not in self.issuers:
            raise ConfigError(f"this cluster has no issuer {name}: there are {', '.join(self.issuers)}")
        return self.issuers[name]

    def save(self) -> None:
        data = asdict(self) | {"folder": None, "keyring_id": self.keyring_id.hex()}
        (self.folder / "cluster.json").write_text(json.dumps(data, indent=1))

    @classmethod
    def load(cls, folder: Path) -> Layout:
        """Of a cluster that was made in this folder; ConfigError if none was."""
        try:
            data = json.loads((folder / "cluster.json").read_text())
            return cls(
                folder=folder,
                keyring_id=bytes.fromhex(data["keyring_id"]),
                threshold=data["threshold"],
                coordinator=data["coordinator"],
                custodians={int(k): v for k, v in data["custodians"].items()},
                public={int(k): v for k, v in data["public"].items()},
                issuers=data["issuers"],
                booking=data["booking"],
                extra=data["extra"],
                consoles={int(k): v for k, v in data.get("consoles", {}).items()},
            )
        except (OSError, ValueError, KeyError):
            raise ConfigError(f"there is no cluster in {folder}: start one with `kms dev up`") from None


def found(
    folder: Path,
    *,
    n: int = 5,
    threshold: int = 3,
    durable_quorum: int | None = None,
    policy: str | None = None,
    tap: bool = False,
    valid_seconds: int = YEAR,
    custodian_options: dict[str, object] | None = None,
    more_issuers: Sequence[Issuer] = (),
    consoles: bool = False,
) -> Layout:
    """Make a new cluster's files in `folder` (empty or absent), with consoles for approvers or without."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = Authority.create(folder / "ca")
    ports = free_ports(3 * n + 4)
    indices = range(1, n + 1)
    relay = {i: f"127.0.0.1:{ports[2 * i - 2]}" for i in indices}
    public = {i: f"127.0.0.1:{ports[2 * i - 1]}" for i in indices}
    coordinator, booking, *issuer_ports = (f"127.0.0.1:{port}" for port in ports[3 * n :])
    console = {i: ports[2 * n + i - 1] if consoles else 0 for i in indices}
    issuer_at = dict(zip(CLASSES, issuer_ports, strict=True))
    identities = {
        i: _custodian(folder, authority, i, relay[i], public[i], custodian_options, console[i])
        for i in indices
    }
    issuers = tuple(_issuer(folder, authority, name, at) for name, at in issuer_at.items())
    admin = SigningKey.generate()
    write_secret(folder / "admin.key", admin.seed)
    now = int(time.time())
    manifest = Manifest(
        name="development",
        sequence=0,
        previous_hash=b"",
        keyring_id=b"",
        threshold=threshold,
        durable_quorum=durable_quorum or max(quorums.durable(threshold), threshold + 1),
        custodians=tuple(
            Custodian(
                i,
                f"{NAMES[(i - 1) % 5]} {i}",
                f"{PLACES[(i - 1) % 5][0]}{'' if i <= 5 else i}",
                f"{PLACES[(i - 1) % 5][1]}{'' if i <= 5 else i}",
                f"{NAMES[(i - 1) % 5]} {i}",
                public[i],
                identities[i].public,
            )
            for i in indices
        ),
        admins=(admin.public,),
        admin_quorum=1,
        issuers=(*issuers, *more_issuers),
        policy=policy or default_policy(),
        policy_schema=default_schema(),
        created_at=now,
        expires_at=now + valid_seconds,
        recovery_delay=RECOVERY_SECONDS,
        destruction_delay=DESTRUCTION_SECONDS,
    )
    payload = encode(manifest)
    signed = sign_payload(manifest, payload, admin, *identities.values())
    (folder / "manifest.bin").write_bytes(signed.envelope)
    layout = Layout(
        folder,
        genesis_keyring_id(payload),
        threshold,
        coordinator,
        relay,
        public,
        issuer_at,
        booking,
        consoles={i: f"http://localhost:{port}" for i, port in console.items() if port},
    )
    _pin(layout, now)
    _coordinator(layout, authority, tap)
    _booking(layout, authority, tap)
    layout.save()
    return layout


_given: set[int] = set()
"""Ports that this process gave out: what they are for may not listen yet."""


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different, and different from all that were given out before.

    Below the range from which systems take the ports of outgoing connections (RFC 6335 has it begin at 49152, Linux
    at 32768): else one of the cluster's own calls may sit on a port by the time its server starts. KMS_DEV_PORTS
    (like 12000-13999) names another range; ConfigError if it is none, or used up.
    """
    first, last = _range(os.environ.get("KMS_DEV_PORTS", "10000-31999"))
    left = [port for port in range(first, last + 1) if port not in _given]
    ports: list[int] = []
    with ExitStack() as stack:
        while len(ports) < count:
            if not left:
                raise ConfigError(f"no port is left of {first} to {last}: name others in KMS_DEV_PORTS")
            port = left.pop(secrets.randbelow(len(left)))
            sock = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                sock.bind(("127.0.0.1", port))
                ports.append(port)
    _given.update(ports)
    return ports


def _range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and 1024 <= int(first) <= int(last) <= 65535):
        raise ConfigError(f"KMS_DEV_PORTS is no range of ports like 12000-13999: {text!r}")
    return int(first), int(last)


def _custodian(
    folder: Path,
    authority: Authority,
    index: int,
    relay: str,
    public: str,
    options: dict[str, object] | None,
    console: int = 0,
) -> SigningKey:
    home = folder / f"custodian-{index}"
    home.mkdir(mode=0o700)
    authority.issue(home, f"custodian-{index}")
    approver = SigningKey.generate()
    write_secret(home / "approver.key", approver.seed)
    toml.write(
        home / "custodian.toml",
        {
            "keyring_id": "00" * 32,
            "manifest": "../manifest.bin",
            "store": "custodian.db",
            "storage_root": "storage.root",
            "identity": "identity.key",
            "listen": relay,
            "listen_public": public,
            "approvals_socket": f"../approvals-{index}.sock",
            "relays": ["coordinator"],
            "approvers": [{"name": f"approver {index}", "public_key": approver.public}],
            "tick_seconds": 5,
            **(options or {}),
            **(_console(console) if console else {}),
            "destroying": {"floor_hours": 0},
            "tls": _TLS,
        },
    )
    return custodian_config.initialise(
        toml_config.load(custodian_config.CustodianConfig, home / "custodian.toml"), None
    )


def _console(port: int) -> dict[str, object]:
    return {
        "passkeys": {"rp_id": "localhost", "origins": [f"http://localhost:{port}"]},
        "console": {"listen": f"127.0.0.1:{port}"},
    }


def add_candidate(layout: Layout, index: int) -> Path:
    """Give one more organisation its folder, keys and a place in the coordinator's list; its configuration file.

    It is no custodian before a ceremony makes it one: `index` is the one that it will have.
    """
    relay, public = (f"127.0.0.1:{port}" for port in free_ports(2))
    _custodian(layout.folder, Authority.load(layout.folder / "ca"), index, relay, public, None)
    layout.custodians[index], layout.public[index] = relay, public
    layout.save()
    config = layout.custodian_folder(index) / "custodian.toml"
    text = config.read_text().replace("00" * 32, layout.keyring_id.hex())
    config.write_text(text.replace("../manifest.bin", "../chain.jsonl"))
    coordinator = layout.folder / "coordinator" / "coordinator.toml"
    lines = coordinator.read_text().replace("[custodians]\n", f'[custodians]\n{index} = "{relay}"\n')
    coordinator.write_text(lines)
    return config


def _pin(layout: Layout, now: int) -> None:
    """Write the keyring's id into every custodian's configuration, and make their stores."""
    for index in layout.custodians:
        path = layout.custodian_folder(index) / "custodian.toml"
        path.write_text(path.read_text().replace("00" * 32, layout.keyring_id.hex()))
        custodian_config.join(toml_config.load(custodian_config.CustodianConfig, path), now)


def _issuer(folder: Path, authority: Authority, name: str, listen: str) -> Issuer:
    home = folder / f"issuer-{name}"
    home.mkdir(mode=0o700)
    authority.issue(home, f"issuer-{name}")
    key = SigningKey.generate()
    write_secret(home / "issuer.key", key.seed)
    iss = f"https://issuer-{name}.example"
    toml.write(
        home / "issuer.toml",
        {"iss": iss, "classes": CLASSES[name], "key": "issuer.key", "listen": listen, "tls": _TLS},
    )
    return Issuer(
        iss,
        f"owner-{name}",
        tuple(HolderClass[klass.upper()] for klass in CLASSES[name]),
        (IssuerKey(KID, IssuerKeyType.ED25519, key.public),),
    )


def _coordinator(layout: Layout, authority: Authority, tap: bool) -> None:
    home = layout.folder / "coordinator"
    home.mkdir(mode=0o700)
    authority.issue(home, "coordinator")
    values: dict[str, object] = {
        "keyring_id": layout.keyring_id,
        "manifest": "../manifest.bin",
        "store": "coordinator.db",
        "listen": layout.coordinator,
        **({"wire_tap": "wire.tap"} if tap else {}),
        "custodians": layout.custodians,
        "tls": _TLS,
    }
    toml.write(home / "coordinator.toml", values)


def _booking(layout: Layout, authority: Authority, tap: bool) -> None:
    write_booking(layout.folder / "booking", authority, layout.booking, tap)


def write_booking(home: Path, authority: Authority, listen: str, tap: bool, key_service: str = "") -> None:
    """A booking back end's folder; with `key_service` (host:port) it encrypts by itself."""
    home.mkdir(mode=0o700)
    authority.issue(home, "booking")
    toml.write(
        home / "booking.toml",
        {
            "store": "booking.db",
            "listen": listen,
            **({"wire_tap": "wire.tap"} if tap else {}),
            **({"key_service": key_service} if key_service else {}),
            "tls": _TLS,
        },
    )


def write_control(layout: Layout, authority: Authority) -> dict[str, str]:
    """Folders of the demo's control: the same back end in the server-side design, and its key process."""
    booking, keys = (f"127.0.0.1:{port}" for port in free_ports(2))
    write_booking(layout.folder / "control", authority, booking, True, keys)
    home = layout.folder / "control-keys"
    home.mkdir(mode=0o700)
    authority.issue(home, "control-keys")
    toml.write(home / "keys.toml", {"listen": keys, "tls": _TLS})
    return {"control": booking, "control-keys": keys}


def commands(layout: Layout) -> dict[str, Sequence[str]]:
    """Process name -> arguments of `kms`, in the order in which they start."""
    result: dict[str, Sequence[str]] = {}
    for index in layout.custodians:
        config = layout.custodian_folder(index) / "custodian.toml"
        result[f"custodian-{index}"] = ("custodian", "serve", "--accept-clock", "--config", str(config))
    config = layout.folder / "coordinator" / "coordinator.toml"
    result["coordinator"] = ("coordinator", "serve", "--config", str(config))
    for name in layout.issuers:
        config = layout.folder / f"issuer-{name}" / "issuer.toml"
        result[f"issuer-{name}"] = ("dev", "serve", "issuer", "--config", str(config))
    config = layout.folder / "booking" / "booking.toml"
    result["booking"] = ("dev", "serve", "booking", "--config", str(config))
    return result
