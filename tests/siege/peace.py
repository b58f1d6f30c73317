"""What comes before and after a siege: clocks that disagree, and in the end peace, in which everything is made good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kms.statements import quorums
from kms.statements.ids import KeyId
from tests.siege import quiet
from tests.siege.byzantine import Liar
from tests.siege.invariants import Violation
from tests.siege.world import DAY

if TYPE_CHECKING:
    from tests.siege.play import Play


@dataclass(frozen=True, slots=True)
class Peace:
    """What is done to a play when its adversary does nothing."""

    play: Play

    def set_clocks(self) -> None:
        for index in self.play.site.disks:
            skew = self.play.rng.choice((0, 0, self.play.rng.randrange(-250, 250)))
            if not self.play.mobile and self.play.rng.random() < 0.03:
                skew = self.play.rng.choice((-2, 2)) * DAY
            self.play.site.watch(index).skew = skew
        if any(watch.skew < -DAY for watch in self.play.site.watches.values()):
            self.play.site.clock.turn(2 * DAY)  # nobody's clock may be behind its own log

    def calm(self) -> None:
        """Messages are forgotten, clocks right, and everybody who is not corrupted is up."""
        site = self.play.site
        self.play.coordinator.waiting.clear()
        ahead = max(watch.skew for watch in site.watches.values())
        site.clock.turn(max(0, ahead) + 1)
        for watch in site.watches.values():
            watch.skew = 0
        for index in sorted(site.disks):
            site.powers[index].armed = None
            # A liar that was given up runs honest code from now on.
            if index not in site.nodes or (isinstance(site.nodes[index], Liar) and index not in site.liars):
                self.play.start(index)

    def tick_all(self) -> None:
        for index in sorted(self.play.site.nodes):
            self.play.site.nodes[index].tick()

    def make(self) -> None:
        """Once the network delivers and 2t-1 honest custodians are up, a resharing completes and keys open."""
        site = self.play.site
        self.play.tell("peace")
        self.calm()
        members = set(site.keyring.manifest.indices)
        if len(members - site.liars) >= quorums.durable(site.keyring.threshold):
            if self.play.rng.random() < 0.5:
                for index in site.liars:
                    site.nodes.pop(index, None)
                self.play.tell("the liars are silent")
        else:
            for index in site.liars:
                node = site.nodes[index]
                assert isinstance(node, Liar)
                node.behave()
            self.play.tell("the liars behave")
        for index in sorted(site.lossy & members):
            quiet.repair(site, index, self.play.coordinator.records)
        self.refresh()
        if self.play.rng.random() < 0.4:
            collected = site.release(self.play.template.owner, self.play.template.keys)
            self.play.check_opened(collected.opened, [fault.index for fault in collected.faults])
            if len(collected.opened) != len(self.play.template.keys):
                raise Violation("Live: a release does not open in peace")
            self.play.coordinator.count("opened in peace")
        self.play.law.check()

    def refresh(self) -> None:
        """A new order, carried out by the product's coordinator: everybody has its shares, and none that is older."""
        order = self.play.coordinator.order()
        progress = quiet.reshare(self.play.site, order, self.play.coordinator.records)
        self.play.law.check()
        members = self.play.site.keyring.manifest.indices
        honest = [i for i in sorted(self.play.site.disks) if i not in self.play.site.liars]
        lying = any(isinstance(n, Liar) and n.lies for n in self.play.site.nodes.values())
        for index in honest if lying else ():
            # Whom a liar dealt a wrong share to while enough others installed theirs: it catches up by repair.
            if index in members and not self._refreshed(index, order.statement.sequence):
                quiet.repair(self.play.site, index, self.play.coordinator.records)
                self.play.law.check()
                self.play.coordinator.count("caught up")
                if not self._refreshed(index, order.statement.sequence):
                    raise Violation(
                        f"Live: custodian {index} does not catch up with order {order.statement.sequence}"
                    )
        for index in honest if not lying else ():
            for key in self.play.law.keys:
                self._check_refreshed(index, key, order.statement.sequence, index in members, progress)

    def _refreshed(self, index: int, sequence: int) -> bool:
        """Whether a custodian has a share of this order of every key."""
        held = self.play.law.held[index]
        return all(
            any(h.sequence == sequence for h in held.get(key, {}).values()) for key in self.play.law.keys
        )

    def _check_refreshed(self, index: int, key: KeyId, sequence: int, member: bool, progress: object) -> None:
        held = sorted({h.sequence for h in self.play.law.held[index].get(key, {}).values()})
        if held != ([sequence] if member else []):
            raise Violation(
                f"Live: after order {sequence} custodian {index} has shares of orders {held} ({progress})"
            )
