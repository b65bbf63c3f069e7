"""`ctnh ledger verify` and `ctnh ledger report`: verification, its memory, and reports that are signed."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from api.cli.common import (
    GOOD,
    WRONG,
    AsJson,
    Db,
    Origin,
    TrustFile,
    chosen,
    counting,
    err,
    language,
    looking,
    out,
    print_json,
    telling,
    trust_from,
)
from api.places import guard_path, kept_subjects
from api.settings import settings
from ledger.errors import Fact, Malformed, Problem
from ledger.format.note import NoteSigner, decode, parse_vkey
from ledger.format.policy import Policy
from ledger.format.policy import parse as parse_policy
from ledger.format.tiles import TILE_WIDTH
from ledger.format.trust import Trust
from ledger.personal.subjects import Subjects
from ledger.publishing.guard import Guard
from ledger.publishing.logs import check as check_logs
from ledger.publishing.logs import is_log_of_logs
from ledger.report import Report
from ledger.storage.db import Reader
from ledger.storage.store import LOG, one
from ledger.verifying.attest import attest, open_attested
from ledger.verifying.incremental import State, load_state, save_state, trust_digest
from ledger.verifying.verify import verify, verify_new
from manifest import wording
from manifest.reference import default
from manifest.replay import audit

SHOWN = 20
TOOL = "ctnh-ledger"


class Depth(StrEnum):
    """How much is verified."""

    FULL = "full"
    HASHES = "hashes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a run of the command is to look at; None for a choice of its own."""

    origin: str | None = None
    depth: Depth = Depth.FULL
    jobs: int | None = None
    guard: Path | None = None
    incremental: bool = False
    state: Path | None = None
    audited: int = 0


def verify_command(
    db: Db = None,
    origin: Origin = None,
    trust: TrustFile = None,
    as_json: AsJson = False,
    depth: Annotated[
        Depth, typer.Option(help="full, or hashes: neither signatures nor what they sign.")
    ] = Depth.FULL,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes that read side by side. Default: one per core.")
    ] = None,
    guard: Annotated[
        Path | None, typer.Option(help="Guard journal to hold the log against.", exists=True, dir_okay=False)
    ] = None,
    incremental: Annotated[
        bool,
        typer.Option("--incremental", help="Only what is new since the last clean run of this kind."),
    ] = False,
    state: Annotated[
        Path | None, typer.Option(help="Where the last clean run is remembered. Default: the data folder.")
    ] = None,
    audited: Annotated[
        int,
        typer.Option("--audit", min=0, help="With --incremental: old tiles, drawn by lot, to read again."),
    ] = 4,
    sign_with: Annotated[
        Path | None,
        typer.Option(help="Ed25519 key (PEM) that signs the report.", exists=True, dir_okay=False),
    ] = None,
    sign_as: Annotated[str, typer.Option(help="Name under which it signs.")] = "auditor",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to write the signed report.")
    ] = None,
) -> None:
    """Check everything an auditor checks; exit 1 when something was found."""
    if (sign_with is None) != (output is None):
        raise typer.BadParameter("--sign-with and -o go together")
    with telling():
        signer = None if sign_with is None else _signer(sign_with, sign_as)
        started_at = datetime.now(UTC)
        wanted = Wanted(
            origin=origin,
            depth=depth,
            jobs=jobs,
            guard=guard,
            incremental=incremental,
            state=state,
            audited=audited,
        )
        report = verify_database(db, trust, wanted)
        if signer is not None and output is not None:
            note = attest(
                report,
                signer,
                tool=f"{TOOL} {version(TOOL)}",
                trust=trust_digest(trust_from(trust)),
                started_at=started_at,
                finished_at=datetime.now(UTC),
            )
            output.write_text(note, encoding="utf-8")
            err.print(str(signer.key), markup=False)
    if as_json:
        print_json(report.as_json())
    else:
        show(report)
    raise typer.Exit(GOOD if report.ok else WRONG)


def _signer(path: Path, name: str) -> NoteSigner:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise Malformed(Problem("ledger.key_malformed")) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Malformed(Problem("ledger.key_not_accepted"))
    signer = NoteSigner(name, key)
    parse_vkey(str(signer.key))  # a name that no verifier could read signs nothing
    return signer


def report_command(
    file: Annotated[Path, typer.Argument(help="Signed report.", exists=True, dir_okay=False)],
    key: Annotated[list[str], typer.Option("--key", help="Verifier key of whoever signed it.")],
) -> None:
    """Check a signed report and print what it says; exit 1 when it tells of findings."""
    with telling():
        said = open_attested(decode(file.read_bytes()), [parse_vkey(text) for text in key])
    print_json(said)
    raise typer.Exit(GOOD if said["report"]["ok"] else WRONG)


def verify_database(db: str | None, trust: Path | None, wanted: Wanted | None = None) -> Report:
    """Return the verification of a log: ledger, meaning, views; of a log of logs, what it anchors.

    An incremental one looks at what is new in the ledger alone, and remembers how far it came.
    """
    wanted = wanted or Wanted()
    with looking(db, wanted.origin) as (reader, own_log, own_origin), counting("verifying") as progress:
        trusted = trust_from(trust)
        # With several logs the trust file picks, where it is not said otherwise and the log is there.
        named = one(reader, LOG, origin=trusted.origin) if trusted and wanted.origin is None else None
        log, origin = (named["log"], named["origin"]) if named else (own_log, own_origin)
        subjects = kept_subjects(settings(), origin)
        guard = _guard(db, origin, wanted.guard)
        jobs = wanted.jobs or os.cpu_count() or 1
        if wanted.incremental:
            return _new(reader, origin, trusted, guard, subjects, wanted, jobs, progress)
        step = check_logs if is_log_of_logs(reader, log) else audit(default())
        return verify(
            reader,
            origin=origin,
            trust=trusted,
            further=[step],
            guard=guard,
            subjects=subjects,
            policy=_policy(),
            depth=wanted.depth.value,
            jobs=jobs,
            progress=progress,
        )


def _new(
    reader: Reader,
    origin: str,
    trust: Trust | None,
    guard: Guard | None,
    subjects: Subjects | None,
    wanted: Wanted,
    jobs: int,
    progress: Callable[[int, int], None],
) -> Report:
    name = f"verified-{sha256(origin.encode()).hexdigest()[:16]}.json"
    path = wanted.state or settings().data_dir / name
    state = load_state(path)
    report, following = verify_new(
        reader,
        state,
        now=datetime.now(UTC),
        origin=origin,
        trust=trust,
        guard=guard,
        subjects=subjects,
        policy=_policy(),
        audited=_drawn(state, wanted.audited),
        jobs=jobs,
        progress=progress,
    )
    if following is not None:
        save_state(path, following)
    return report


def _policy() -> Policy | None:
    """Return the witness policy that the settings name, None without one."""
    path = settings().witness_policy
    return parse_policy(Path(path).read_bytes()) if path else None


def _drawn(state: State | None, number: int) -> list[int]:
    tiles = range(0 if state is None else -(-state.tree.size // TILE_WIDTH))
    return SystemRandom().sample(tiles, min(number, len(tiles)))


def _guard(db: str | None, origin: str, named: Path | None) -> Guard | None:
    """Return the guard that is named, or that of the deployment whose own database this is."""
    if named is not None:
        return Guard(named)
    own = settings()
    path = guard_path(own, origin)
    at_home = f"{origin}/".startswith(f"{own.origin}/") and chosen(db).database_url == own.database_url
    return Guard(path) if at_home and path.is_file() else None


def show(report: Report) -> None:
    """Print a verification report as sentences."""
    said = language()
    verdict = "verified" if report.ok else "not_verified"
    out.print(wording.text(verdict, {}, said), style="bold green" if report.ok else "bold red")
    for name, value in _figures(report, said).items():
        out.print(f"  {wording.label('report', name, said):<14}  {value}", markup=False)
    for finding in report.findings[:SHOWN]:
        out.print(f"  - {sentence(finding.seq, finding.code, finding.detail, said)}", markup=False)
    if len(report.findings) > SHOWN:
        out.print("  " + wording.text("more_findings", {"count": len(report.findings) - SHOWN}, said))


def _figures(report: Report, said: wording.Language) -> dict[str, str]:
    """Return what a report states beside its findings, as it is read, in the order in which it is shown."""
    size = (report.as_json().get("checkpoint") or {}).get("size")
    figures = {"origin": report.origin, "entries": str(report.size)}
    if report.since:
        figures["since"] = str(report.since)
    figures |= {
        "root": report.root,
        "checkpoint": "–" if size is None else str(size),
        "trust": wording.text(f"trust_{report.trust}", {}, said),
        "guard": wording.text(f"guard_{report.guard}", {}, said),
        "meaning": wording.text(f"meaning_{report.meaning}", {}, said),
    }
    if report.anchors_good or report.anchors_not_checked:
        facts = {"good": report.anchors_good, "unchecked": report.anchors_not_checked}
        figures["anchors"] = wording.text("anchors_counted", facts, said)
    return figures


def sentence(seq: int | None, code: str, detail: str, said: wording.Language) -> str:
    """Return a finding as a sentence: its entry, what is wrong, its code, and what the words leave out."""
    facts: dict[str, Fact] = {"seq": seq or 0, "detail": detail, "kid": detail or "?"}
    told = wording.message(code, facts, said)
    place = "" if seq is None else f"{wording.text('entry_number', {'seq': seq}, said)}: "
    more = "" if not detail or detail in told else f" {detail}"
    return f"{place}{told} [{code}]{more}"
