"""`ctnh bench NAME`: measure on this machine; figures as JSON, with the machine's calibration."""

from enum import StrEnum
from typing import Annotated

import typer

from api.cli.common import COULD_NOT, GOOD, WRONG, err, print_json


class Name(StrEnum):
    """What can be measured."""

    LEDGER = "ledger"
    HISTORIES = "histories"


class Database(StrEnum):
    """What can be measured on."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


def bench_command(
    name: Annotated[Name, typer.Argument(metavar="NAME", help="What to measure: ledger, histories.")],
    quick: Annotated[bool, typer.Option("--quick", help="A short run that shows only that it runs.")] = False,
    postgres: Annotated[
        str | None, typer.Option(help="ledger: an empty PostgreSQL database to measure with.")
    ] = None,
    size: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="histories: so many manifests, loaded first if need be; several times for several."
        ),
    ] = None,
    db: Annotated[
        list[Database] | None, typer.Option(help="histories: on which databases; both unless said.")
    ] = None,
    seed: Annotated[int, typer.Option(help="histories: the seed of the load.")] = 307,
) -> None:
    """Measure and print JSON; exit 1 when a figure misses what it must reach (never with --quick)."""
    try:
        from bench import histories, ledger  # noqa: PLC0415  come with the sources, not with the package
    except ImportError:
        err.print("ctnh bench: no folder bench/ here; run it where the sources are")
        raise typer.Exit(COULD_NOT) from None
    if name is Name.LEDGER:
        found = ledger.run(quick=quick, postgres=postgres, say=err.print)
    else:
        sizes = size or (histories.QUICK_SIZES if quick else histories.SIZES)
        databases = [one.value for one in db or Database]
        found = histories.run(sizes=sizes, databases=databases, seed=seed, quick=quick, say=err.print)
    print_json(found)
    missed = any(result["met"] is False for result in found["results"])
    raise typer.Exit(WRONG if missed and not quick else GOOD)
