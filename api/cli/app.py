"""The command `ctnh`: its groups put together."""

import traceback

import typer
from pydantic import ValidationError

from api.cli import admin, anchors, bench, clocks, demo, files, ledger, people, recovery, vault, waste
from api.cli.common import COULD_NOT, err

app = typer.Typer(
    help="CTNH Ledger: who generated which hazardous waste, who carried it, who treated it, proved.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(ledger.app, name="ledger")
app.add_typer(waste.manifests, name="manifest")
app.add_typer(waste.pdfs, name="pdf")
app.add_typer(people.users, name="user")
app.add_typer(people.keys, name="key")
app.add_typer(vault.app, name="vault")
ledger.app.command("anchor")(anchors.anchor_command)
ledger.app.command("list")(anchors.list_command)
ledger.app.add_typer(anchors.logs, name="logs")
ledger.app.add_typer(recovery.guard, name="guard")
ledger.app.command("recover")(recovery.recover_command)
ledger.app.command("epoch")(recovery.epoch_command)
app.command("init")(admin.init_command)
app.command("serve")(admin.serve_command)
app.command("rebuild")(admin.rebuild_command)
app.command("demo")(demo.demo_command)
app.command("verify")(files.verify_command)
app.command("ratio")(waste.ratio_command)
waste.manifests.command("rejudge")(clocks.rejudge_command)
app.command("clocks")(clocks.clocks_command)
app.command("rules")(clocks.rules_command)
app.command("bench")(bench.bench_command)


def main() -> None:
    """Run the command line; a setting that cannot be read is said, not thrown."""
    try:
        app()
    except ValidationError as error:
        for wrong in error.errors(include_url=False):
            name = "_".join(("CTNH", *map(str, wrong["loc"]))).upper()
            err.print(f"{name}: {wrong['msg']}", markup=False)
        raise SystemExit(COULD_NOT) from None
    except Exception:  # noqa: BLE001
        # Python would leave with 1, which says that something wrong was found: a fault is no verdict.
        traceback.print_exc()
        raise SystemExit(COULD_NOT) from None
