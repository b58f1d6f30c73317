"""`python -m tests.siege SEED [SEED ...] [--verbose]`: plays these seeds; 1 if anything broke."""

from __future__ import annotations

import argparse
import sys

from tests.siege.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/siege", description=__doc__)
    parser.add_argument("seeds", nargs="+", type=int, metavar="SEED")
    parser.add_argument("--verbose", action="store_true", help="tell the story even if everything held")
    given = parser.parse_args()
    broken = 0
    for seed in given.seeds:
        outcome = run(seed)
        if outcome.wrong or given.verbose:
            print("\n".join(outcome.story))
        print(outcome)
        broken += bool(outcome.wrong)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
