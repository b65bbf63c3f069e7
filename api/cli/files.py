"""`ctnh verify FILE|FOLDER`: check a PDF, a proof or a whole log offline, with a trust file alone."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from cryptography import x509

from api.cli.common import (
    GOOD,
    WRONG,
    AsJson,
    TrustFile,
    counting,
    language,
    out,
    print_json,
    telling,
    trust_from,
)
from api.cli.verifying import show
from api.settings import settings
from ledger.errors import Malformed, NotFound, Problem, Refused
from ledger.format.checkpoint import check_proof, parse_proof
from ledger.format.entry import entry_hash, parse_entry
from ledger.format.event import parse
from ledger.format.trust import Trust
from ledger.report import Report as LogReport
from ledger.verifying.offline import check_export
from manifest import wording
from pdf.proof import proof_path, prove_document
from pdf.verdict import Report
from pdf.verify import verify

NEARBY = "trust.json"


def verify_command(
    file: Annotated[
        Path, typer.Argument(help="A PDF, a .proof / .tlog-proof file, or the folder of an exported log.")
    ],
    trust: TrustFile = None,
    before: Annotated[
        list[Path] | None,
        typer.Option("--before", help="Export of the log that this one goes on from (again: before that)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a file offline: signatures, changes, fields, and what the ledger says of it; or a whole log."""
    with telling():
        if not file.is_file() and not file.is_dir():
            raise NotFound(Problem("api.file_missing", "", {"place": str(file)}))
        used = trust or _nearby(file)
        believed = trust_from(used)
        if believed is None:
            raise NotFound(Problem("api.trust_missing", "", {"place": str(file.parent)}))
        if file.is_dir():
            with counting("verifying") as progress:
                report = check_export(file, believed, before=before or (), progress=progress)
            _show_log(report, as_json=as_json)
        if file.suffix in {".proof", ".tlog-proof"}:
            result = _verify_proof(file, believed)
        else:
            result = _verify_pdf(file, believed)
    result["trust"] = {"file": str(used), "nearby": trust is None}
    if as_json:
        print_json(result)
    else:
        _show(result)
    raise typer.Exit(GOOD if result["ok"] else WRONG)


def _show_log(report: LogReport, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json(report.as_json())
    else:
        show(report)
    raise typer.Exit(GOOD if report.ok else WRONG)


def _nearby(file: Path) -> Path | None:
    """Return the trust file beside the document, in the folder above, or of the data folder."""
    places = [
        file.parent / NEARBY,
        file.resolve().parent.parent / NEARBY,
        settings().data_dir.parent / NEARBY,
    ]
    return next((place for place in places if place.is_file()), None)


def _verify_proof(file: Path, trust: Trust) -> dict[str, Any]:
    try:
        proof = parse_proof(file.read_text(encoding="utf-8"))
        if proof.extra is None:
            raise Malformed(Problem("ledger.proof_malformed"))
        checkpoint = check_proof(proof, entry_hash(proof.extra), trust.log_keys, trust.origin)
        event = parse(parse_entry(proof.extra).envelope.event)
    except (Refused, UnicodeDecodeError) as refused:
        code = refused.code if isinstance(refused, Refused) else "ledger.proof_malformed"
        return {"ok": False, "kind": "proof", "parts": [_part("ledger", "failed", code)]}
    return {
        "ok": True,
        "kind": "proof",
        "seq": proof.index,
        "event": event.kind,
        "checkpoint": checkpoint.size,
        "parts": [_part("ledger", "ok", "ledger.proof_valid")],
    }


def _verify_pdf(file: Path, trust: Trust) -> dict[str, Any]:
    roots = [x509.load_pem_x509_certificate(pem.encode()) for pem in trust.pdf_roots]
    expected_hash, seq, wrong, at = None, None, None, None
    beside = proof_path(file)
    if beside.is_file():
        try:
            proved = prove_document(beside.read_text(encoding="utf-8"), trust)
            # Certificates are judged at the time at which the ledger saw the document.
            expected_hash, seq, at = proved.issued.sha256, proved.seq, proved.recorded_at
        except (Refused, UnicodeDecodeError) as refused:
            wrong = refused.code if isinstance(refused, Refused) else "ledger.proof_malformed"
    report = verify(file.read_bytes(), roots=roots, file_sha256=expected_hash, now=at)
    parts = _parts(report)
    if wrong is not None:
        parts[-1] = _part(parts[-1]["key"], "failed", wrong)
    return {
        # Only the ledger's hash of the whole file can tell that its last revision is missing.
        "ok": report.ok and wrong is None and expected_hash is not None,
        "compared": expected_hash is not None,
        "kind": "pdf",
        "seq": seq,
        "parts": parts,
        "signatures": [
            {
                "field": state.field,
                "signed": state.signed,
                "ok": state.ok,
                "signer": state.signer,
                "organization": state.organization,
                "signed_at": state.signed_at.isoformat() if state.signed_at else None,
            }
            for state in report.signatures
        ],
    }


def _parts(report: Report) -> list[dict[str, Any]]:
    said = language()
    return [
        {
            "key": part.key,
            "verdict": part.verdict,
            "code": part.code,
            "sentence": part.sentence_en if said == "en" else part.sentence_vi,
            "details": list(part.details),
        }
        for part in report.parts
    ]


def _part(key: str, verdict: str, code: str) -> dict[str, Any]:
    return {"key": key, "verdict": verdict, "code": code, "sentence": wording.message(code, {}, language())}


def _show(result: dict[str, Any]) -> None:
    said = language()
    verdict = "verified" if result["ok"] else "not_verified"
    if (
        not result["ok"]
        and not result.get("compared", True)
        and all(p["verdict"] != "failed" for p in result["parts"])
    ):
        verdict = "not_compared"
    out.print(wording.text(verdict, {}, said), style="bold green" if result["ok"] else "bold red")
    source = "trust_nearby" if result["trust"]["nearby"] else "trust_named"
    out.print("  " + wording.text(source, {"file": result["trust"]["file"]}, said), markup=False)
    marks = {"ok": "✓", "failed": "✗", "not_checked": "–"}
    for part in result["parts"]:
        out.print(f"  {marks.get(part['verdict'], '?')} {part['sentence']} [{part['code']}]", markup=False)
    for state in result.get("signatures", ()):
        box = wording.label("box", state["field"], said)
        out.print(f"    {box}: {_who(state, said)}", markup=False)


def _who(state: dict[str, Any], said: wording.Language) -> str:
    """Return who signed a box and when, in Vietnamese time; a party that signs by itself is named once."""
    if not state["signed"]:
        return wording.text("box_unsigned", {}, said)
    at = state["signed_at"]
    moment = "–" if at is None else wording.moment_text(datetime.fromisoformat(at), said)
    facts = {"signer": state["signer"], "organization": state["organization"], "moment": moment}
    name = "signed_by_party" if state["signer"] == state["organization"] else "signed_by"
    return wording.text(name, facts, said)
