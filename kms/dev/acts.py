"""What happens in the demonstration, act by act, on a running cluster."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence

from kms.dev.cluster import Cluster
from kms.dev.founding import commands
from kms.dev.stage import BookingDesk, Entry
from kms.errors import KmsError, Unavailable
from kms_client import AsyncClient, Purpose
from kms_client.errors import ApprovalPending, Denied

AT_ONCE = 3
GRANTED_PATIENTS = 12
LOOKS = 5
"""How often a custodian that was just started is read from until it is heard."""
Tick = Callable[[int], None]


class Play:
    """The players. `reads` says what became of each kind of reading: ok, refused, or an error."""

    def __init__(self, cluster: Cluster, patients: dict[str, list[Entry]]) -> None:
        self.cluster, self.patients = cluster, patients
        self.reads: dict[str, str] = {}
        self.blamed: set[int] = set()
        self.desk = BookingDesk(cluster.layout.booking, cluster.layout.authorities)
        self.devices = {
            patient: AsyncClient(cluster.profile(f"person-{n}", "device"), hear_out=1.0)
            for n, patient in enumerate(patients)
        }
        self.doctor = AsyncClient(cluster.profile("doctor-with-grant", "professional"))
        self.stranger = AsyncClient(cluster.profile("doctor-without-grant", "professional"))
        self.operator = AsyncClient(cluster.profile("operator", "operator", ["b"]))
        self.service = AsyncClient(cluster.profile("back-end", "service", ["b"]))

    async def close(self) -> None:
        for client in (*self.devices.values(), self.doctor, self.stranger, self.operator, self.service):
            await client.close()
        await self.desk.close()

    def note(self, name: str, outcome: str) -> None:
        self.reads[name] = outcome

    async def write(self, patient: str) -> int:
        """A patient's device makes a key for each resource, encrypts it, and hands ciphertext over."""
        device, entries = self.devices[patient], self.patients[patient]
        keys = await device.create_keys(
            [{"patient": patient, "category": e.record.resource_type.lower()} for e in entries]
        )
        bodies = []
        for entry, key in zip(entries, keys, strict=True):
            entry.key = key
            bodies.append(device.encrypt(entry.record.line, key))
        await self.desk.store(entries, bodies)
        device.cache.clear()
        return len(entries)

    async def write_all(self, tick: Tick) -> None:
        """Every patient's device writes."""
        await self._each(self.write, tick)

    async def read_own(self, patient: str) -> int:
        """The patient's device fetches its ciphertext and opens all of it in one batch."""
        entries = self.patients[patient]
        await self._read(self.devices[patient], entries, Purpose.PATIENT_ACCESS)
        return len(entries)

    async def read_all_own(self, tick: Tick) -> None:
        self.note("patients read their own", await self._outcome(self._each(self.read_own, tick)))

    async def _each(self, act: Callable[[str], object], tick: Tick) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(patient: str) -> None:
            async with gate:
                tick(await act(patient))  # type: ignore[misc]

        await asyncio.gather(*(one(patient) for patient in self.patients))

    async def _read(
        self,
        client: AsyncClient,
        entries: Sequence[Entry],
        purpose: Purpose,
        grants: Sequence[bytes] = (),
        wait: float = 0.0,
    ) -> None:
        """Open these records and hold them against what was written; raises the first error."""
        client.cache.clear()
        bodies = await self.desk.fetch([entry.name for entry in entries])
        opened = await client.decrypt_many(
            [bodies[entry.name] for entry in entries], purpose=purpose, grants=grants, wait=wait
        )
        for entry, plain in zip(entries, opened, strict=True):
            if isinstance(plain, KmsError):
                raise plain
            if plain != entry.record.line:
                raise RuntimeError("a record opened to something else than was written")

    async def _outcome(self, act: object) -> str:
        try:
            await act  # type: ignore[misc]
        except (Denied, ApprovalPending):
            return "refused"
        except (KmsError, RuntimeError) as error:
            return f"{type(error).__name__}: {error}"
        return "ok"

    async def doctors_day(self) -> int:
        """A doctor with patients' grants reads the day's list in one batch; how many records that were."""
        day = next(iter(self.patients.values()))[0].day
        by_name = {e.name: (p, e) for p, entries in self.patients.items() for e in entries}
        booked = [by_name[name] for name in await self.desk.day(day)]
        granting = list(dict.fromkeys(patient for patient, _ in booked))[:GRANTED_PATIENTS]
        entries = [entry for patient, entry in booked if patient in granting]
        grants = [
            await self.devices[patient].grant(
                self.doctor.thumbprint,
                keys=[entry.key.key_id for p, entry in booked if p == patient and entry.key],
            )
            for patient in granting
        ]
        act = self._read(self.doctor, entries, Purpose.TREATMENT, grants)
        self.note("doctor with grants reads the day", await self._outcome(act))
        return len(entries)

    async def refusals(self) -> None:
        """Whom the custodians refuse."""
        entry = self._some_entry()
        for name, client in (
            ("doctor without a grant", self.stranger),
            ("operator", self.operator),
            ("service principal", self.service),
        ):
            self.note(name, await self._outcome(self._ask_in_vain(client, entry)))

    async def _ask_in_vain(self, client: AsyncClient, entry: Entry) -> None:
        try:
            await self._read(client, [entry], Purpose.TREATMENT)
        except ApprovalPending as pending:  # people are asked: withdraw it, so that nobody has to answer
            await client.cancel(pending.request_hash)
            raise

    def _some_entry(self) -> Entry:
        return next(iter(self.patients.values()))[-1]

    async def human_approval(self) -> None:
        """The stranger asks again and waits; people at t custodians look at the request and sign."""
        act = self._read(self.stranger, [self._some_entry()], Purpose.TREATMENT, wait=90.0)
        reading = asyncio.create_task(self._outcome(act))
        threshold = self.cluster.layout.threshold
        await asyncio.gather(*(self._approve(i) for i in list(self.cluster.layout.custodians)[:threshold]))
        self.note("opened by human approval", await reading)

    async def _approve(self, index: int) -> None:
        from kms.custodian.approving import list_waiting

        layout = self.cluster.layout
        config = layout.custodian_folder(index) / "custodian.toml"
        while True:
            waiting = await list_waiting(layout.approvals_socket(index))
            if waiting:
                break
            await asyncio.sleep(0.05)
        newest = waiting[-1].request_hash.hex()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kms.cli", "custodian", "approve", newest),
            *("--config", str(config), "--key", str(layout.approver_key(index)), "--yes", "--json"),
            stdout=asyncio.subprocess.DEVNULL,
        )
        if await process.wait():
            raise Unavailable(f"the approver at custodian {index} could not sign")

    async def read_some(self, name: str) -> None:
        """A patient reads, whatever the state of the custodians."""
        patient = next(iter(self.patients))
        entries = self.patients[patient][:8]
        act = self._read(self.devices[patient], entries, Purpose.PATIENT_ACCESS)
        self.note(name, await self._outcome(act))

    async def deaths(self) -> None:
        """Two custodians are killed and reading goes on; a third, and it stops; all come back."""
        names = [f"custodian-{index}" for index in list(self.cluster.layout.custodians)[-3:]]
        for name in names[:2]:
            await asyncio.to_thread(self.cluster.kill, name)
        await self.read_some("with two custodians dead")
        await asyncio.to_thread(self.cluster.kill, names[2])
        await self.read_some("with three custodians dead")
        await asyncio.to_thread(self.cluster.start, names)

    async def liar(self) -> None:
        """One custodian holds false shares and vouches for them: the record opens, the liar is named."""
        name = f"custodian-{list(self.cluster.layout.custodians)[1]}"
        honest = commands(self.cluster.layout)[name]
        patient = next(iter(self.patients))
        await asyncio.to_thread(self.cluster.kill, name, signal.SIGTERM)
        await asyncio.to_thread(self.cluster.spawn, name, ("dev", "serve", "liar", *honest[-2:]))
        for _ in range(LOOKS):
            await self.read_some("with one custodian lying")
            await self.devices[patient].settle()
            self.blamed = {fault.index for fault in self.devices[patient].faults}
            if self.blamed:
                break
            await asyncio.sleep(1.0)  # the coordinator has not found it again yet, and the others were enough
