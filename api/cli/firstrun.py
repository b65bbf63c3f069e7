"""`ctnh init` and `ctnh first-run`: a new deployment, the way from there to daily use, and where it stands.

Every step may be asked for again: what stands already stays, and what was interrupted goes on.
"""

from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.admin import write_trust
from api.cli.common import WRONG, AsJson, Db, chosen, counting, language, out, print_json, telling
from api.cli.people import at_terminal
from api.cli.roster import show_imported
from api.firstrun.authority import enter_authority
from api.firstrun.leading import SOURCE, lead_from
from api.firstrun.letters import write_letters
from api.firstrun.reading import look
from api.firstrun.roster import import_roster
from api.firstrun.rows import identifier_of
from api.firstrun.steps import Run, State, Step
from api.firstrun.words import as_json as run_as_json
from api.firstrun.words import leading_text, said_of, todo
from api.home import OPERATOR, Home, make_home, open_home
from api.identity.tokens import make_api_key
from manifest import wording

_ASKED = {
    "authority": ("Tên Sở hoặc Ban quản lý khu (để trống: để sau)", "Name of the authority (empty: later)"),
    "code": ("Mã số thuế của cơ quan", "Its tax code"),
    "address": ("Địa chỉ của cơ quan", "Its address"),
    "roster": ("Tệp danh sách CSV (để trống: để sau)", "Roster file, CSV (empty: later)"),
    "letters": ("Thư mục để in thư mời (để trống: để sau)", "Folder for the letters (empty: later)"),
    "leading": ("Ngày chứng từ điện tử là bản chính, YYYY-MM-DD (để trống: để sau)",
                "Day from which the electronic record leads, YYYY-MM-DD (empty: later)"),
}  # fmt: skip
_DATE = "%Y-%m-%d"


def init_command(
    db: Db = None,
    operator_key: Annotated[
        str | None, typer.Option("--operator-key", help="Make an API key of this name for the operator.")
    ] = None,
    authority: Annotated[
        str | None, typer.Option("--authority", help="Name of the department or park board.")
    ] = None,
    authority_code: Annotated[
        str | None, typer.Option("--authority-code", help="Its tax code; or name it with --authority-party.")
    ] = None,
    authority_party: Annotated[
        str | None, typer.Option("--authority-party", help="Its name in the ledger, such as org:so-nnmt.")
    ] = None,
    authority_address: Annotated[
        str | None, typer.Option("--authority-address", help="Its address. Default: its name.")
    ] = None,
    roster: Annotated[Path | None, typer.Option("--roster", help="Roster file to import.")] = None,
    letters: Annotated[
        Path | None, typer.Option("--letters", help="Folder to write the letters of invitation to.")
    ] = None,
    leading_from: Annotated[
        datetime | None,
        typer.Option("--leading-from", formats=[_DATE], help="First day on which paper does not lead."),
    ] = None,
    leading_source: Annotated[
        str, typer.Option("--leading-source", help="The decision that sets this day.")
    ] = SOURCE,
    ask: Annotated[
        bool, typer.Option("--ask/--no-ask", help="At a terminal, ask for what is not said.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Make a new deployment or go on with one: keys and entry 0, authority, roster, letters, parallel run."""
    with telling():
        home = _opened(db, quiet=as_json)
    with closing(home), telling():
        more: dict[str, Any] = {}
        asking = _Asking(ask and at_terminal() and not as_json)
        if operator_key is not None and (key := _operator_key(home, operator_key)) is not None:
            more["operator_key"] = key
            _say("operator_key", {"key": key}, quiet=as_json)
        authority = authority or asking.text(home, Step.AUTHORITY, "authority")
        if authority is not None:
            authority_code = authority_code or (None if authority_party else asking.always("code"))
            address = authority_address or asking.always("address") or authority
            code = identifier_of(authority_code) if authority_code else None
            party, _ = enter_authority(home, authority, party=authority_party, code=code, address=address)
            _say("authority_entered", {"party": party}, quiet=as_json)
        if (path := roster or asking.path(home, Step.ROSTER, "roster")) is not None:
            with counting("progress_roster") as bar:
                done = import_roster(home, path.read_bytes(), progress=bar)
            more["roster"] = done.as_json(language())
            if not as_json:
                show_imported(done)
        if (folder := letters or asking.path(home, Step.INVITATIONS, "letters")) is not None:
            with counting("progress_letters") as bar:
                written = write_letters(home, folder, progress=bar)
            _say("letters_written", {"count": len(written), "folder": str(folder)}, quiet=as_json)
        if (day := leading_from or asking.day(home)) is not None:
            lead_from(home, day.date() if isinstance(day, datetime) else day, leading_source)
        home.checkpoint()
        run = look(home)
    if as_json:
        _print(run, more)
    else:
        _show(run)
    if not more.get("roster", {"ok": True})["ok"]:
        raise typer.Exit(WRONG)


def first_run_command(db: Db = None, as_json: AsJson = False) -> None:
    """Show what is done of the first run, what comes next and how, and which record leads."""
    with telling(), closing(open_home(chosen(db))) as home:
        run = look(home)
    if as_json:
        _print(run, {})
    else:
        _show(run)


def _opened(db: str | None, *, quiet: bool) -> Home:
    """Make the deployment, or open the one that is there; the trust file lies beside its data folder."""
    settings = chosen(db)
    path = settings.data_dir.parent / "trust.json"
    try:
        home = make_home(settings)
    except FileExistsError:
        home = open_home(settings)
        _say("initialised_already", {"folder": str(settings.data_dir)}, quiet=quiet)
        if path.exists():
            return home
    home.checkpoint()
    write_trust(path, home.trust().to_json())
    _say("initialised", {"folder": str(settings.data_dir), "trust": str(path)}, quiet=quiet)
    return home


def _operator_key(home: Home, name: str) -> str | None:
    """Make the operator's first API key and return it; None for one that can get in already."""
    operator = next(stage for stage in look(home).stages if stage.step is Step.OPERATOR)
    if operator.state is State.DONE:
        return None
    return make_api_key(home, OPERATOR, name=name, now=home.clock())


class _Asking:
    """Asks at a terminal for what a step needs that is not done; says nothing where nobody sits."""

    def __init__(self, asks: bool) -> None:
        self._asks = asks

    def always(self, name: str) -> str | None:
        """Return what is answered, None for nothing or nobody to ask."""
        if not self._asks:
            return None
        prompt = _ASKED[name][0 if language() == "vi" else 1]
        return str(typer.prompt(prompt, default="", show_default=False, err=True)).strip() or None

    def text(self, home: Home, step: Step, name: str) -> str | None:
        """Return what is answered for a step that nothing has been done for yet."""
        stage = next(one for one in look(home).stages if one.step is step)
        begun = stage.state is State.DONE or bool(stage.facts.get("count"))
        return None if begun else self.always(name)

    def path(self, home: Home, step: Step, name: str) -> Path | None:
        """Return the path that is answered."""
        answered = self.text(home, step, name)
        return None if answered is None else Path(answered)

    def day(self, home: Home) -> date | None:
        """Return the day that is answered; a slip of the hand is asked for again."""
        while (answered := self.text(home, Step.PARALLEL_RUN, "leading")) is not None:
            try:
                return date.fromisoformat(answered)
            except ValueError:
                continue
        return None


def _print(run: Run, more: dict[str, Any]) -> None:
    day = run.leading_from.isoformat() if run.leading_from else None
    print_json(run_as_json(run) | {"leading_from": day} | more)


def _show(run: Run) -> None:
    said = language()
    for stage in run.stages:
        name = wording.label("first_run_step", stage.step, said)
        state = wording.label("first_run_state", stage.state, said)
        out.print(f"[{state}] {name}: {said_of(stage, said)}", markup=False)
        if stage.state is State.NEXT:
            out.print(f"    → {todo(stage, said)}", markup=False)
    out.print(leading_text(run, said), markup=False)
    if run.complete:
        out.print(wording.text("first_run_complete", {}, said), markup=False)


def _say(name: str, facts: dict[str, str | int], *, quiet: bool) -> None:
    if not quiet:
        out.print(wording.text(name, facts, language()), markup=False)
