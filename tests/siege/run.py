"""From a seed to what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.siege.invariants import Violation
from tests.siege.play import Play
from tests.siege.world import seeded

REPLAY = "scripts/siege"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`wrong` is empty if everything held; `counts` say how often what happened."""

    seed: int
    wrong: str
    story: tuple[str, ...]
    counts: dict[str, int]
    checks: int

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.wrong or 'held'}"

    @property
    def replay(self) -> str:
        """The one command that plays it again."""
        return f"{REPLAY} {self.seed}"


def run(seed: int) -> Outcome:
    """Play one seed. Whatever a node does that is no answer and no refusal is wrong too."""
    with seeded(f"seed {seed}"):
        play = Play.of(seed)
        wrong = ""
        try:
            play.run()
        except Violation as error:
            wrong = str(error)
        except Exception as error:
            wrong = f"Sound: {type(error).__name__}: {error}"
            play.story.append(_where(error))
        finally:
            play.site.close()
    return Outcome(seed, wrong, tuple(play.story), play.coordinator.counts, play.law.checks)


def _where(error: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(error))
