"""Drills on what follows from the record of waste: views, corrections, documents."""

import json
from functools import partial
from pathlib import Path

from sqlalchemy import text
from typer.testing import CliRunner

from api.cli.app import app
from api.documents import issue_pdf, write_issued
from ledger.storage.db import reading, writing
from ledger.verifying.verify import verify
from manifest.reference import default
from manifest.replay import audit
from pdf.proof import proof_path
from tests.api.deployments import deployment
from tests.drills.drill import Who, drill
from tests.drills.stage import Stage
from tests.drills.watch import Found, refusal
from tests.world import World as Waste


def audited(waste: Waste) -> Found:
    """Verify a log of waste and replay every act of it."""
    with reading(waste.engine) as reader:
        report = verify(reader, further=[audit(default())])
    who = {True: Who.REPLAY, False: Who.VERIFIER}
    return {(who[one.code.startswith("manifest.")], one.code) for one in report.findings}


@drill(
    5,
    "Only a table that is shown is edited: a mass, a state, a balance; the entries stay as they are.",
    {Who.REPLAY: ("manifest.view_differs", "manifest.view_row_missing")},
)
def view_edited(stage: Stage) -> Found:
    waste = Waste.open(stage.engine).journey()
    if stage.attacked:
        with writing(waste.engine, waste.ledger.log) as writer:
            writer.execute(text("UPDATE balance SET grams = grams + 1000 WHERE account = 'treated'"))
            writer.execute(text("UPDATE manifest SET status = 'registered'"))
            writer.execute(text("DELETE FROM lot"))
    found = audited(waste)
    waste.ledger.close()
    return found


@drill(
    35,
    "A correction is agreed to that nobody has proposed: it is another manifest's, or one that comes later.",
    {Who.WRITER: ("manifest.correction_not_open",), Who.REPLAY: ("manifest.act_not_allowed",)},
)
def correction_chain(stage: Stage) -> Found:
    waste = Waste.open(stage.engine)
    waste.register().hand_over().arrive().weigh(500_000).accept((500_000, 0))
    other = waste.propose(net_g=400_000)
    waste.register().hand_over().arrive().weigh(490_000).accept((490_000, 0))
    found: Found = set()
    if not stage.attacked:
        waste.consent(waste.propose(net_g=480_000))
    else:
        later = waste.id()
        judge = waste.ledger._judge
        for correction in (other, later):
            found |= refusal(Who.WRITER, partial(waste.consent, correction))
            waste.ledger._judge = lambda *_: ()
            waste.consent(correction)
            waste.ledger._judge = judge
    found |= audited(waste)
    waste.ledger.close()
    return found


@drill(
    39,
    "A stored document is exchanged for another one of the same system, with its own or with a forged proof.",
    {Who.DOCUMENT: ("ledger.proof_invalid", "pdf.file.differs")},
)
def document_exchanged(stage: Stage) -> Found:
    place = deployment(stage.folder / "home", stage.engine)
    issued = issue_pdf(place.home, place.journey())
    stored = stage.folder / "home" / "data" / "documents" / f"{issued.sha256}.pdf"
    assert stored.read_bytes() == issued.data
    path = stage.folder / "received.pdf"
    write_issued(issued, path)
    (stage.folder / "trust.json").write_bytes(place.home.trust().to_json())
    found: Found = set()
    foreign = issued.proof
    if stage.attacked:
        other = issue_pdf(place.home, place.manifest)
        stored.write_bytes(other.data)
        foreign = other.proof
    path.write_bytes(stored.read_bytes())
    found |= checked(path)
    if stage.attacked:
        path.write_bytes(issued.data)
        proof_path(path).write_text(foreign, encoding="utf-8")
        found |= checked(path)
        proof_path(path).write_text(issued.proof.replace("index ", "index 1", 1), encoding="utf-8")
        found |= checked(path)
    place.home.close()
    return found


def checked(path: Path) -> Found:
    """`ctnh verify FILE`."""
    result = CliRunner().invoke(app, ["verify", str(path), "--json"])
    said = json.loads(result.stdout)
    assert said["ok"] is (result.exit_code == 0)
    return {(Who.DOCUMENT, part["code"]) for part in said["parts"] if part["verdict"] == "failed"}
