"""`ctnh bench NAME`: measure on this machine; figures as JSON, with the machine's calibration."""

from enum import StrEnum
from typing import Annotated

import typer

from api.cli.common import COULD_NOT, GOOD, WRONG, err, print_json


class Name(StrEnum):
    """What can be measured."""

    LEDGER = "ledger"


def bench_command(
    _name: Annotated[Name, typer.Argument(metavar="NAME", help="What to measure: ledger.")],
    quick: Annotated[bool, typer.Option("--quick", help="A short run that shows only that it runs.")] = False,
    postgres: Annotated[
        str | None, typer.Option(help="An empty PostgreSQL database to measure with.")
    ] = None,
) -> None:
    """Measure and print JSON; exit 1 when a figure misses what it must reach (never with --quick)."""
    try:
        from bench.ledger import run  # noqa: PLC0415  comes with the sources, not with the installed package
    except ImportError:
        err.print("ctnh bench: no folder bench/ here; run it where the sources are")
        raise typer.Exit(COULD_NOT) from None
    found = run(quick=quick, postgres=postgres, say=err.print)
    print_json(found)
    missed = any(result["met"] is False for result in found["results"])
    raise typer.Exit(WRONG if missed and not quick else GOOD)
