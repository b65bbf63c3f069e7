"""`ctnh bench NAME`: measure on this machine; figures as JSON, with the machine's calibration."""

from typing import Annotated

import typer

from api.cli.common import COULD_NOT, GOOD, WRONG, err, print_json

NAMES = ("ledger",)


def bench_command(
    name: Annotated[str, typer.Argument(help="What to measure: ledger.")],
    quick: Annotated[bool, typer.Option("--quick", help="A short run that shows only that it runs.")] = False,
    postgres: Annotated[
        str | None, typer.Option(help="An empty PostgreSQL database to measure with.")
    ] = None,
) -> None:
    """Measure and print JSON; exit 1 when a figure misses what it must reach (never with --quick)."""
    try:
        from bench.ledger import run  # noqa: PLC0415  comes with the sources, not with the installed package
    except ImportError:
        err.print("ctnh bench: bench/")
        raise typer.Exit(COULD_NOT) from None
    if name not in NAMES:
        err.print(f"ctnh bench: {', '.join(NAMES)}")
        raise typer.Exit(COULD_NOT)
    found = run(quick=quick, postgres=postgres, say=err.print)
    print_json(found)
    missed = any(result["met"] is False for result in found["results"])
    raise typer.Exit(WRONG if missed and not quick else GOOD)
