"""The command `ctnh`: its groups put together. What a command needs is imported when it is called."""

import traceback

from pydantic import ValidationError
from rich.console import Console

from api.cli.lazy import Entry, lazy

COULD_NOT = 2

ledger = lazy(
    "The ledger: verify, sign a checkpoint, prove an entry, export.",
    {
        "verify": Entry(
            "Check everything an auditor checks; exit 1 when something was found.",
            "api.cli.verifying:verify_command",
        ),
        "report": Entry(
            "Check a signed report and print what it says; exit 1 when it tells of findings.",
            "api.cli.verifying:report_command",
        ),
        "checkpoint": Entry(
            "Sign a checkpoint over all entries and print it.", "api.cli.ledger:checkpoint_command"
        ),
        "prove": Entry(
            "Write the proof that an entry stands in the log, with the entry inside.",
            "api.cli.ledger:prove_command",
        ),
        "export": Entry(
            "Write the log as static files (C2SP tlog-tiles), up to its newest checkpoint.",
            "api.cli.ledger:export_command",
        ),
        "anchor": Entry(
            "Have a checkpoint stamped by an outside authority (RFC 3161), and record it.",
            "api.cli.anchors:anchor_command",
        ),
        "list": Entry(
            "List the logs of a database with how many entries each has and how far they are signed.",
            "api.cli.anchors:list_command",
        ),
        "logs": Entry(
            "The log of logs: anchor every log's checkpoint in it, verify.", "api.cli.anchors:logs"
        ),
        "guard": Entry("The guard: what the signer remembers of what it signed.", "api.cli.recovery:guard"),
        "recover": Entry(
            "Bring back the entries that the database has lost, from a copy of the log, as far as was "
            "signed.",
            "api.cli.recovery:recover_command",
        ),
        "epoch": Entry(
            "Go on under a new name after a real loss: a declaration signed by the root keys, in entry 0.",
            "api.cli.recovery:epoch_command",
        ),
        "monitor": Entry(
            "Look at a log once and compare it with what was seen before; exit 1 when something was found.",
            "api.cli.witness:monitor_command",
        ),
        "witness": Entry("A witness: cosigns a log that only grows.", "api.cli.witness:witnesses"),
        "mirror": Entry("A mirror: a full copy of a log, in files.", "api.cli.witness:mirrors"),
    },
)

manifests = lazy(
    "Manifests: list, show, judge again.",
    {
        "list": Entry("List manifests, newest last.", "api.cli.waste:list_command"),
        "show": Entry("Show a manifest: lines, acts, where its grams are.", "api.cli.waste:show_command"),
        "rejudge": Entry(
            "Say what the rules of a day judge otherwise of a manifest than those of its own days did.",
            "api.cli.clocks:rejudge_command",
        ),
    },
)

pdfs = lazy(
    "PDF documents of manifests.",
    {
        "issue": Entry(
            "Issue the PDF of a manifest and, beside it, its proof (FILE.proof).",
            "api.cli.documents:issue_command",
        )
    },
)

app = lazy(
    "CTNH Ledger: who generated which hazardous waste, who carried it, who treated it, proved.",
    {
        "demo": Entry(
            "Play the main job from nothing and show what came of it.", "api.cli.demo:demo_command"
        ),
        "init": Entry(
            "Make a new deployment or go on with one: keys and entry 0, authority, roster, letters, parallel "
            "run.",
            "api.cli.firstrun:init_command",
        ),
        "first-run": Entry(
            "Show what is done of the first run, what comes next and how, and which record leads.",
            "api.cli.firstrun:first_run_command",
        ),
        "roster": Entry("The roster: template, import, letters.", "api.cli.roster:app"),
        "serve": Entry("Serve the API over HTTP until interrupted.", "api.cli.admin:serve_command"),
        "rebuild": Entry(
            "Write all views anew from the ledger; exit 1 when an entry should not have been let in.",
            "api.cli.admin:rebuild_command",
        ),
        "verify": Entry(
            "Check a file offline: signatures, changes, fields, and what the ledger says of it; or a "
            "whole log.",
            "api.cli.files:verify_command",
        ),
        "ratio": Entry(
            "Treated against generated: cohort and flow, every gram in one place, with coverage.",
            "api.cli.waste:ratio_command",
        ),
        "reconcile": Entry("Run the rules over the ledger; list and show findings.", "api.cli.reconcile:app"),
        "clocks": Entry(
            "List what is waited for, the next due first, with who is told of it now.",
            "api.cli.clocks:clocks_command",
        ),
        "rules": Entry(
            "List every limit with its dates and source, and whether and by whom it was verified.",
            "api.cli.clocks:rules_command",
        ),
        "manifest": Entry("Manifests: list, show, judge again.", manifests),
        "pdf": Entry("PDF documents of manifests.", pdfs),
        "blanks": Entry("Blanks for an outage: numbers on paper.", "api.cli.blanks:app"),
        "ledger": Entry("The ledger: verify, sign a checkpoint, prove an entry, export.", ledger),
        "vault": Entry("Personal values outside the ledger.", "api.cli.vault:app"),
        "user": Entry("Accounts of people.", "api.cli.people:users"),
        "key": Entry("API keys of programs.", "api.cli.people:keys"),
        "bench": Entry(
            "Measure and print JSON; exit 1 when a figure misses what it must reach (never with --quick).",
            "api.cli.bench:bench_command",
        ),
    },
)


def main() -> None:
    """Run the command line; a setting that cannot be read is said, not thrown."""
    try:
        app()
    except ValidationError as error:
        said = Console(stderr=True, soft_wrap=True, highlight=False)
        for wrong in error.errors(include_url=False):
            name = "_".join(("CTNH", *map(str, wrong["loc"]))).upper()
            said.print(f"{name}: {wrong['msg']}", markup=False)
        raise SystemExit(COULD_NOT) from None
    except Exception:  # noqa: BLE001
        # Python would leave with 1, which says that something wrong was found: a fault is no verdict.
        traceback.print_exc()
        raise SystemExit(COULD_NOT) from None
