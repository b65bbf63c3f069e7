"""The detectors: each looks at what there is and returns what it says against it, by who and code."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ledger.errors import Refused
from ledger.format.checkpoint import check_proof
from ledger.format.trust import Trust
from ledger.publishing.guard import Guard
from ledger.publishing.published import prove_entry
from ledger.publishing.publisher import Publisher
from ledger.publishing.standing import Floor
from ledger.report import Step
from ledger.storage.db import reading
from ledger.verifying.offline import check_export
from ledger.verifying.verify import verify
from ledger.watching.mirror import Mirror
from ledger.watching.remote import source
from ledger.watching.witness import Answer
from ledger.writing.writer import Recorded
from tests.drills.drill import Detection, Who
from tests.drills.stage import LOG_KEYS, Stage
from tests.ledger.tlog import cosigners
from tests.ledger.world import ORIGIN, START, World
from verifier import ctnh_verify

Found = set[Detection]


def verifier(
    world: World, trust: Trust | None = None, *, further: Sequence[Step] = (), who: Who = Who.VERIFIER
) -> Found:
    """`ctnh ledger verify` with a trust file and the keys of personal values."""
    with reading(world.engine) as reader:
        report = verify(
            reader, origin=ORIGIN, trust=trust or world.trust, subjects=world.subjects, further=further
        )
    assert report.ok is (not report.findings)
    return {(who, finding.code) for finding in report.findings}


def guard(world: World, memory: Guard) -> Found:
    """What verification says that is given the guard's journal too, of what only that knows."""
    with reading(world.engine) as reader:
        report = verify(reader, trust=world.trust, guard=memory)
    return {(Who.GUARD, one.code) for one in report.findings if one.code.startswith("ledger.guard_")}


def start_up(world: World, memory: Guard) -> Found:
    """Look at the log as a server does before it serves."""
    with reading(world.engine) as reader:
        problem = Floor(world.log, memory).look(reader)
    return set() if problem is None else {(Who.START_UP, problem.code)}


def publisher(world: World, memory: Guard | None) -> Found:
    """Try to sign a checkpoint."""
    one = Publisher(world.engine, world.log, ORIGIN, world.log_signers, guard=memory)
    return refusal(Who.PUBLISHER, lambda: one.publish(world.now()))


def refusal(who: Who, act: Callable[[], object]) -> Found:
    """Do something, and say with what code it was refused."""
    try:
        act()
    except Refused as refused:
        return {(who, problem.code) for problem in refused.problems}
    except ctnh_verify.Bad as bad:
        return {(who, bad.code)}
    return set()


def refusals(who: Who, acts: Iterable[Callable[[], object]]) -> Found:
    """Do several things that must each be refused, or none of them; say with what codes."""
    found = [refusal(who, act) for act in acts]
    assert all(found) or not any(found), f"some pass: {found}"
    return set().union(*found)


def holders(receipts: Sequence[Recorded], world: World) -> Found:
    """Have the holders of receipts ask the log for proofs of their entries."""
    found: Found = set()
    with reading(world.engine) as reader:
        for recorded in receipts:
            receipt = recorded.receipt

            def exchange(seq: int = receipt.seq, leaf: bytes = receipt.entry_hash) -> None:
                check_proof(prove_entry(reader, world.log, seq), leaf, LOG_KEYS, ORIGIN)

            found |= refusal(Who.HOLDER, exchange)
    return found


def offline(folder: Path, trust: Trust) -> Found:
    """`ctnh verify FOLDER`."""
    report = check_export(folder, trust)
    assert report.ok is (not report.findings)
    return {(Who.OFFLINE, finding.code) for finding in report.findings}


def second(target: Path, trust: Trust, policy: bytes | None = None) -> Found:
    """`verifier/ctnh_verify.py`, which shares no code with the first."""
    read = None if policy is None else ctnh_verify.read_policy(policy)
    _, findings = ctnh_verify.verify(target, ctnh_verify.read_trust(trust.to_json()), read)
    return {(Who.SECOND, code) for _, code, _ in findings.kept}


def both(folder: Path, trust: Trust) -> Found:
    """Both verifiers that need nothing but files."""
    return offline(folder, trust) | second(folder, trust)


def keeping(trust: Trust, note: str) -> Trust:
    """Return the trust file of an auditor who has kept a checkpoint."""
    return replace(trust, checkpoint=note)


def witness(answer: Answer) -> Found:
    """Say how a witness has answered, by its HTTP status."""
    return set() if answer.status == HTTPStatus.OK else {(Who.WITNESS, str(answer.status.value))}


def monitor(
    stage: Stage,
    *folders: Path,
    now: datetime = START,
    max_age: timedelta | None = None,
    notes: Iterable[tuple[str, str]] = (),
    **changed: Any,
) -> Found:
    """`ctnh ledger monitor`, once around what is served in folders."""
    places = [source(str(folder), stage.http) for folder in folders]
    round_ = stage.monitor.follow(places, now=now, max_age=max_age, notes=notes, **changed)
    assert round_.ok is (not round_.findings)
    return {(Who.MONITOR, finding.code) for finding in round_.findings}


def mirror(stage: Stage, *folders: Path) -> Found:
    """`ctnh ledger mirror pull`, from one folder after the other."""
    copy = Mirror(stage.folder / "mirror", {ORIGIN: LOG_KEYS}, cosigners("mirror.example/m"))
    found: Found = set()
    for folder in folders:
        place = source(str(folder), stage.http)
        found |= refusal(Who.MIRROR, partial(copy.pull, place, ORIGIN, now=START))
    return found


def published(stage: Stage) -> Found:
    """Sign what stands there now, as an operator does, and ask those who verify."""
    world = stage.world
    world.checkpoint()
    return verifier(world) | both(stage.shown(world), stage.trust)
