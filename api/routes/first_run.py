"""The first-run page: where the way from an empty deployment to the electronic record stands.

It shows figures and no names. Once the run is over only the operator and authorities see it.
"""

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.answers import Json
from api.deps import Overseer, TheHome, bearer, known_party
from api.errors import Unauthenticated
from api.firstrun.reading import look
from api.firstrun.steps import Stage, State
from api.firstrun.words import as_json, leading_text, said_of, todo
from api.pages import page, paragraphs
from ledger.errors import NotFound, Problem
from manifest import wording

router = APIRouter(tags=["first run"])
public = APIRouter(tags=["public"])


@router.get("/first-run")
def status(_access: Overseer, home: TheHome) -> Json:
    """Show the steps of the first run with their figures (operator or authority)."""
    return Json(as_json(look(home)))


@public.get(
    "/first-run", response_class=HTMLResponse, responses={404: {"description": "the first run is over"}}
)
def show(request: Request, home: TheHome) -> HTMLResponse:
    """Show what is done, what comes next and how, to anyone until the run is over."""
    run = look(home)
    if run.complete and not _oversees(request):
        raise NotFound(Problem("api.route_unknown"))
    items = "".join(_item(stage) for stage in run.stages)
    content = f"{paragraphs(leading_text(run))}<ol>{items}</ol>"
    return page(wording.text("first_run_title", {}, "vi"), content)


def _item(stage: Stage) -> str:
    name = escape(wording.label("first_run_step", stage.step, "vi"))
    state = escape(wording.label("first_run_state", stage.state, "vi"))
    figures = said_of(stage)
    hint = "" if stage.state is State.DONE else paragraphs(todo(stage))
    return f"<li><strong>{name}</strong> – {state}<br>{escape(figures)}{hint}</li>"


def _oversees(request: Request) -> bool:
    try:
        bearer(request)
        return known_party(request).sees_all
    except Unauthenticated:
        return False
