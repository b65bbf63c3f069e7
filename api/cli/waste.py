"""`ctnh ratio`, `ctnh manifest list`, `ctnh manifest show`: what the ledger says of waste."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from api.cli.common import AsJson, Db, Origin, language, looking, out, print_json, telling
from api.finding import find_manifest
from ledger.format.canonical import MAX_INTEGER
from ledger.storage.store import rows
from ledger.writing.changes import Reads
from manifest import wording
from manifest.accounts import Slot
from manifest.acts import find, read_stored
from manifest.grading import evidence
from manifest.reconcile.ratio import RatioTable, ratio
from manifest.reconcile.scope import DIMENSIONS
from manifest.reference import default
from manifest.views import ACT, MANIFEST, MANIFEST_LINE, ORGANISATION
from manifest.vocabulary import SOURCES, Account, LotId, Status

_KG = 1000
# As wide as 100,00% is, and what flows beyond it.
_PERCENT = 7
# From so many columns on, all of it has room.
_ROOMY = 100
_ALIASES = {"zone-kind": "zone_kind"}


def ratio_command(
    db: Db = None,
    start: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day. Default: 1 January of the as-of year."),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last day. Default: 31 December of it."),
    ] = None,
    by: Annotated[
        str, typer.Option(help=f"Dimensions, separated by commas: {', '.join(DIMENSIONS)}.")
    ] = "zone_kind,quarter",
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of", formats=["%Y-%m-%d"], help="State of that day. Default: that of the last entry."
        ),
    ] = None,
    at_size: Annotated[
        int | None, typer.Option("--at-size", min=1, max=MAX_INTEGER, help="Only the first N entries.")
    ] = None,
    origin: Origin = None,
    as_json: AsJson = False,
) -> None:
    """Treated against generated: cohort and flow, every gram in one place, with coverage."""
    names = tuple(_ALIASES.get(name.strip(), name.strip()) for name in by.split(",") if name.strip())
    with telling(), looking(db, origin) as (reader, log, _):
        table = ratio(
            reader,
            log,
            start=start.date() if start else None,
            end=end.date() if end else None,
            by=names,
            as_of=as_of.date() if as_of else None,
            at_size=at_size,
            reference=default(),
        )
    if as_json:
        print_json(table.as_json())
    else:
        show_ratio(table)


def show_ratio(table: RatioTable) -> None:
    """Print a ratio as a table, in whole kilograms and cut percentages."""
    said = language()
    data = table.as_json()
    made = Table(
        title=wording.text("ratio_title", {}, said),
        caption=_caption(data, said),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    columns = ("generated", "treated", "untreated", "unexplained")
    for name in table.scope.by:
        made.add_column(wording.label("dimension", name, said), no_wrap=True)
    for name in (*columns, "cohort", "flow", "coverage"):
        # A figure stays on one line; what is said in its place, and the headings, may fold.
        wide = _PERCENT if name in {"cohort", "flow"} and out.width < _ROOMY else None
        made.add_column(wording.label("figure", name, said), justify="right", overflow="fold", width=wide)
    for row in data["rows"]:
        made.add_row(*map(_whole, (*_dimensions(row, table.scope.by, said), *_cells(row, columns, said))))
    blank = [""] * (len(table.scope.by) - 1)
    first = [wording.label("figure", "total", said), *blank] if table.scope.by else []
    made.add_section()
    made.add_row(*map(_whole, (*first, *_cells(data["total"], columns, said))), style="bold")
    out.print(made)


def _whole(cell: str) -> str:
    """Keep a figure on one line of a narrow terminal; only headings may break."""
    return cell.replace(" %", "%")


def _dimensions(row: dict[str, Any], by: tuple[str, ...], said: wording.Language) -> list[str]:
    lists = {"zone_kind": "zone_short", "state": "state"}
    return [wording.label(lists.get(name, ""), row[name], said) for name in by]


def _cells(row: dict[str, Any], columns: tuple[str, ...], said: wording.Language) -> list[str]:
    open_g = sum(row[name] for name in ("stored", "in_transit", "at_facility", "interim"))
    masses = row | {"treated": row["treated_service"] + row["self_treated"], "untreated": open_g}
    coverage = row["coverage"]
    enough = "" if coverage["sufficient"] else " *"
    return [
        *(wording.kg(masses[name] // _KG * _KG, said) for name in columns),
        _percent(masses["treated"], row["generated"] - row["declassified"], said),
        _percent(row["flow_treated"], row["flow_generated"], said),
        f"{coverage['reporting']}/{coverage['generators']}{enough}",
    ]


def _percent(part: int, whole: int, said: wording.Language) -> str:
    return (
        wording.label("ratio", "nothing_generated", said)
        if whole <= 0
        else wording.percent(part, whole, said)
    )


def _caption(data: dict[str, Any], said: wording.Language) -> str:
    facts = {
        "as_of": data["as_of"],
        "size": data["checkpoint"]["size"],
        "root": data["checkpoint"]["root"][:16],
    }
    return wording.text("ratio_caption", facts, said)


def list_command(
    db: Db = None,
    status: Annotated[Status | None, typer.Option(help="Only with this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    origin: Origin = None,
    as_json: AsJson = False,
) -> None:
    """List manifests, newest last."""
    with telling(), looking(db, origin) as (reader, log, _):
        equal = {"status": status.value} if status else {}
        found = sorted(rows(reader, MANIFEST, log=log, **equal), key=lambda row: row["seq"])[-limit:]
        names = {row["party"]: row["name"] for row in rows(reader, ORGANISATION, log=log)}
    if as_json:
        print_json({"manifests": [_plain(row) for row in found]})
        return
    said = language()
    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for name in ("number", "status", "generator", "facility"):
        # Whoever reads the list goes on with a number: it is never cut.
        made.add_column(wording.label("figure", name, said), no_wrap=name == "number", overflow="fold")
    for name in ("declared", "accepted", "left"):
        made.add_column(wording.label("figure", name, said), justify="right", overflow="fold")
    for row in found:
        masses = [wording.kg(row[name], said) for name in ("declared_g", "accepted_g", "left_g")]
        status_text = wording.label("status", row["status"], said)
        made.add_row(row["number"], status_text, names[row["generator"]], names[row["facility"]], *masses)
    out.print(made)


def show_command(
    name: Annotated[str, typer.Argument(help="Number or id.")],
    db: Db = None,
    origin: Origin = None,
    as_json: AsJson = False,
) -> None:
    """Show a manifest: lines, acts, where its grams are."""
    with telling(), looking(db, origin) as (reader, log, _):
        manifest_id = find_manifest(reader, log, name)
        head = rows(reader, MANIFEST, log=log, manifest=manifest_id)[0]
        lines = rows(reader, MANIFEST_LINE, log=log, manifest=manifest_id)
        acts = rows(reader, ACT, log=log, manifest=manifest_id)
        names = {row["party"]: row["name"] for row in rows(reader, ORGANISATION, log=log)}
        reads = Reads(reader, log)
        state = find(reads, manifest_id, default())
        rests_on = evidence(reader, log, head)
        kinds = [read_stored(stored)[0].kind for stored in reads.stream(manifest_id)]
    held = [
        {"line": line, "account": slot.account.value, "place": slot.place, "lot": lot, "mass_g": grams}
        for (line, slot, lot), grams in state.held.items()
    ]
    result = {
        "manifest": _plain(head),
        "lines": [_plain(row) for row in lines],
        "acts": [_plain(row) for row in acts],
        "held": held,
        "evidence": {"grade": rests_on.grade, "weakened_by": list(rests_on.weakened_by)},
        "events": kinds,
    }
    if as_json:
        print_json(result)
        return
    said = language()
    out.print(
        f"{head['number']}  {wording.label('status', head['status'], said)}", style="bold", markup=False
    )
    graded = wording.label("grade", rests_on.grade, said)
    told = [
        *(
            f"{wording.label('figure', name, said)}: {names[head[name]]}"
            for name in ("generator", "facility")
        ),
        f"{wording.label('figure', 'evidence', said)}: {rests_on.grade} ({graded})",
        *(_line(row, said) for row in lines),
    ]
    told += [f"{wording.label('figure', 'held_now', said)}: {mass}" for mass in _masses(state.held, said)]
    for row in acts:
        entry = wording.text("entry_number", {"seq": row["seq"]}, said)
        moment = wording.moment_text(row["occurred_at"], said)
        told.append(f"{moment}  {wording.label('event', row['kind'], said)} ({entry})")
    for line in told:
        out.print(f"  {line}", markup=False)


def _masses(held: Mapping[tuple[int, Slot, LotId], int], said: wording.Language) -> list[str]:
    """Return where the grams that a manifest moved are now; what it took them out of is left out."""
    sums: dict[Account, int] = {}
    for (_, slot, _), grams in held.items():
        if slot.account not in SOURCES and grams > 0:
            sums[slot.account] = sums.get(slot.account, 0) + grams
    return [f"{wording.label('account', name, said)} {wording.kg(sums[name], said)} kg" for name in sums]


def _line(row: dict[str, Any], said: wording.Language) -> str:
    """Return a line of a manifest with its masses: what is not yet known is left out."""
    masses = (
        ("declared", row["declared_g"]),
        ("weighed", row["net_g"]),
        ("accepted", row["accepted_g"]),
        ("refused", row["refused_g"] or None),
        ("treated", row["treated_g"] or None),
    )
    figures = (
        f"{wording.label('figure', name, said).removesuffix(' (kg)').lower()} {wording.kg(grams, said)}"
        for name, grams in masses
        if grams is not None
    )
    return f"{row['line']}. {row['code']} {row['name']} (kg): {', '.join(figures)}"


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in row.items()
        if name != "log"
    }
