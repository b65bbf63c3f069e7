"""Redeeming a one-time code that came by letter: a page for people, a route for programs."""

from html import escape
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from api.answers import Json
from api.deps import Now, TheHome
from api.errors import status_of
from api.firstrun.invitations import Redeemed, redeem
from api.identity.accounts import MAX_PASSWORD, MIN_PASSWORD
from api.pages import page, paragraphs
from api.work import Pool
from ledger.errors import Malformed, Problem, Refused
from manifest import wording

router = APIRouter(tags=["identity"])
public = APIRouter(tags=["public"])
_MOST_FIELDS = 8
# The fields of the page: name, kind of input, what a browser may fill in.
_FIELDS = (
    ("organisation", "text", "off"),
    ("code", "text", "one-time-code"),
    ("name", "text", "name"),
    ("login", "text", "username"),
    ("password", "password", "new-password"),
    ("again", "password", "new-password"),
)


class RedemptionIn(BaseModel):
    """A one-time code with the tax code of whom it was sent to, and the account that is to be made."""

    model_config = ConfigDict(extra="forbid")
    organisation: str = Field(min_length=1, max_length=100)
    code: str = Field(min_length=1, max_length=60)
    login: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=300)
    password: str = Field(min_length=1, max_length=200)


class RedeemedOut(BaseModel):
    """The account that was made, and the key in custody; None where the party had one already."""

    party: str
    organisation: str
    login: str
    kid: str | None
    admitted: bool


@router.post("/invitations/redemption", status_code=201, response_model=RedeemedOut)
async def redeem_code(given: RedemptionIn, request: Request, home: TheHome, now: Now) -> Json:
    """Exchange a one-time code for an account and a key in custody; the party acts once it is admitted."""
    # The password's hash is slow, and guessing is to be: few at a time, and few who wait.
    pool: Pool = request.app.state.logins
    with pool.place():
        done = await pool.run(lambda: redeem(home, now=now, **given.model_dump()))
    shown = {name: getattr(done, name) for name in ("party", "organisation", "login", "kid", "admitted")}
    return Json(shown, status_code=201)


@public.get("/invitation", response_class=HTMLResponse)
def form(o: str = "") -> HTMLResponse:
    """Show the form to which a letter leads."""
    return _form({"organisation": o[:100]}, [])


@public.post("/invitation", response_class=HTMLResponse, responses={403: {"description": "not let in"}})
async def send(request: Request, home: TheHome, now: Now) -> HTMLResponse:
    """Take the form in; answer with what to do next, or with the form and what is wrong."""
    body = await request.body()
    try:
        parsed = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return _form({}, [Problem("api.parameter_invalid")], 422)
    given = {name: parsed.get(name, [""])[0] for name, _, _ in _FIELDS}
    again = given.pop("again")
    pool: Pool = request.app.state.logins
    try:
        if given["password"] != again:
            raise Malformed(Problem("api.passwords_differ", "/again"))
        with pool.place():
            done = await pool.run(lambda: redeem(home, now=now, **given))
    except Refused as refused:
        return _form(given, list(refused.problems), status_of(refused).value)
    return _welcome(done)


def _form(given: dict[str, str], problems: list[Problem], status: int = 200) -> HTMLResponse:
    wrong = {problem.path.lstrip("/") for problem in problems}
    said = "".join(
        f'<p id="why-{n}">{escape(wording.message(one.code, one.facts, "vi"))}</p>'
        for n, one in enumerate(problems)
    )
    summary = f'<div class="problem" role="alert" tabindex="-1">{said}</div>' if problems else ""
    hint = wording.text("invitation_password", {"least": MIN_PASSWORD, "most": MAX_PASSWORD}, "vi")
    fields = "".join(_field(name, kind, filled, given, wrong) for name, kind, filled in _FIELDS)
    button = escape(wording.text("invitation_send", {}, "vi"))
    content = (
        f"{summary}{paragraphs(wording.text('invitation_asked', {}, 'vi'))}"
        f'<form method="post" action="/invitation">{fields}{paragraphs(hint)}'
        f"<button>{button}</button></form>"
    )
    return page(wording.text("invitation_title", {}, "vi"), content, status)


def _field(name: str, kind: str, filled: str, given: dict[str, str], wrong: set[str]) -> str:
    label = escape(wording.label("invitation_field", name, "vi"))
    # A password and a code are typed again, not sent back.
    kept = "" if name in {"password", "again", "code"} else escape(given.get(name, ""))
    mark = ' aria-invalid="true" aria-describedby="why-0"' if name in wrong else ""
    return (
        f'<label for="{name}">{label}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" autocomplete="{filled}" '
        f'value="{kept}" required{mark}>'
    )


def _welcome(done: Redeemed) -> HTMLResponse:
    facts = {"login": done.login, "organisation": done.organisation}
    said = [wording.text("invitation_done", facts, "vi")]
    said.append(wording.text("invitation_admitted" if done.admitted else "invitation_waits", {}, "vi"))
    return page(wording.text("invitation_title", {}, "vi"), paragraphs(*said))
