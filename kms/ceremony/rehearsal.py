"""A ceremony with throwaway keys, start to end, so that people have done it once before it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kms.ceremony import drafts, files
from kms.ceremony.checks import refuse_unfit
from kms.ceremony.drafts import REHEARSAL, Draft
from kms.ceremony.proposals import Proposal, gather, line_of, lines_of, propose, sign, with_signatures
from kms.ceremony.rendering import REHEARSAL_WARNING, render
from kms.ceremony.verify import verify_file
from kms.crypto.signing import SigningKey
from kms.errors import Invalid
from kms.statements import quorums
from kms.statements.enrolment import Enrolment
from kms.statements.envelope import Signed
from kms.statements.envelope import sign as sign_statement

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """The throwaway people of a rehearsal."""

    admins: tuple[SigningKey, ...]
    custodians: tuple[SigningKey, ...]
    enrolments: tuple[Signed[Enrolment], ...]


def rehearse(draft: Draft, enrolments: Sequence[Enrolment], folder: Path, now: int, tell: Tell) -> Path:
    """Found the draft's keyring in `folder` with throwaway keys; returns the chain file, which has been verified.

    Organisations are those of the enrolments, or made up, as few as the threshold permits. `tell` is given each step
    as text.
    """
    stage = _stage(draft, enrolments)
    wanted = replace(draft, admins=tuple(key.public for key in stage.admins))
    tell(f"{REHEARSAL_WARNING}\n")
    for number, signed in enumerate(stage.enrolments, 1):
        name = f"custodian-{number}.enrolment"
        files.create(folder / name, [line_of(signed.envelope)])
        tell(f"enrolled: {signed.statement.organisation} ({name})")
    manifest = drafts.genesis(wanted, [signed.statement for signed in stage.enrolments], now)
    proposal = propose(None, replace(manifest, name=f"{REHEARSAL}: {manifest.name}"[:120]), stage.enrolments)
    refuse_unfit(proposal, now)
    files.create(folder / "new.proposal", lines_of(proposal))
    tell("\n" + render(proposal, now) + "\n")
    proposal = _signed(proposal, stage, folder, tell)
    chain = folder / "chain.file"
    files.create(chain, gather(proposal, now))
    account = verify_file(chain)
    if account.problem is not None:
        raise Invalid(f"the rehearsed chain does not verify: {account.problem.text}", reason="REHEARSAL")
    tell(f"\ngathered and verified: {chain}\n{REHEARSAL_WARNING}")
    return chain


def _signed(proposal: Proposal, stage: Stage, folder: Path, tell: Tell) -> Proposal:
    people = [(f"admin-{n}", key) for n, key in enumerate(stage.admins, 1)]
    people += [(f"custodian-{n}", key) for n, key in enumerate(stage.custodians, 1)]
    for who, key in people:
        line = sign(proposal, key)
        files.create(folder / f"{who}.signature", [line])
        proposal = with_signatures(proposal, line)
        tell(f"signed: {who} ({who}.signature)")
    return proposal


def _stage(draft: Draft, enrolments: Sequence[Enrolment]) -> Stage:
    said = list(enrolments) or _made_up(quorums.durable(draft.threshold or 2))
    keys = tuple(SigningKey.generate() for _ in said)
    played = tuple(
        sign_statement(replace(enrolment, identity_key=key.public), key)
        for enrolment, key in zip(said, keys, strict=True)
    )
    return Stage(tuple(SigningKey.generate() for _ in draft.admins or (b"",)), keys, played)


def _made_up(count: int) -> list[Enrolment]:
    return [
        Enrolment(
            f"Organisation {n}",
            f"Country {n}",
            f"Hoster {n}",
            f"Organisation {n}",
            f"custodian-{n}.example:7001",
            b"",
        )
        for n in range(1, count + 1)
    ]
