"""Rewrite the documents that follow from the code: errors, lifecycle, permissions and settings.

`python -m api.cli.docs` writes them, `--check` only tells which are stale. A code that is used and has no
words shows up here and in the tests.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic_core import PydanticUndefined

from api.cli.codes import FINDING, PDF_ANSWER, PDF_REFUSAL, ROOT, codes
from api.errors import STATUSES
from api.settings import Settings
from manifest.authority import SIGNERS
from manifest.commuting import COMMUTES, When
from manifest.correcting.fields import FIELDS
from manifest.events import EVENTS, GENERATION_EVENTS, MANIFEST_EVENTS
from manifest.lifecycle import LATE, TRANSITIONS
from manifest.lots.events import BATCH_EVENTS
from manifest.vocabulary import Role, Status
from manifest.wording import Language, catalogue, label, languages

FOLDER = ROOT / "docs"

_GENERATED = "<!-- Written by `make docs`; changes by hand are lost. -->\n"

# What each act does to the mass accounts; how much goes where is `manifest/postings.py`.
POSTS = {
    "generation.declared.v1": "generated → stored, on the day of generation",
    "generation.opening_declared.v1": "opening → stored",
    "generation.adjusted.v1": "the lot's source → stored (up), or back (down)",
    "generation.self_treated.v1": (
        "stored → self_treated on the day of treatment; without a permit line → unexplained"
    ),
    "generation.residue_declared.v1": "generated_secondary → stored, on the day it arose",
    "generation.declassified.v1": "stored → declassified, on the day it was declassified",
    "lot.treated.v1": (
        "stored → treated_service (a residue: self_treated) on the day of treatment; without a permit line → "
        "unexplained; what a child lot stands for follows"
    ),
    "batch.charged.v1": "stored → interim, with a share of the batch",
    "batch.discharged.v1": (
        "regrouped → stored for each child lot, generated_secondary → stored for each residue; what can no "
        "longer be traced: interim → traceability_break"
    ),
    "manifest.registered.v1": "nothing: the lots stay stored until they leave",
    "manifest.handed_over.v1": "stored → in_transit with the taker; at later legs from carrier to carrier",
    "manifest.arrived.v1": "nothing",
    "manifest.weighed.v1": "nothing: the decision that follows posts the difference",
    "manifest.accepted.v1": (
        "the difference first: within the tolerance the lot's source ↔ in_transit (restated), beyond it "
        "in_transit → unexplained (less arrived) or source → unexplained (more arrived); then in_transit → "
        "at_facility what is accepted"
    ),
    "manifest.refused.v1": "only the difference; the load stays in transit with whoever brought it",
    "manifest.returned.v1": "in_transit → stored what was refused",
    "manifest.treated.v1": (
        "at_facility, then interim → treated_service on the day of treatment; without a final method → "
        "interim, of which a batch may get a share; without a permit line → unexplained"
    ),
    "manifest.completed.v1": "nothing",
    "manifest.cancelled.v1": "nothing",
    "manifest.transshipped.v1": "nothing: the holder stays the same",
    "manifest.forwarded.v1": "at_facility of the first site → in_transit with the taker",
    "manifest.received_second.v1": (
        "the difference as at the first scale; then in_transit → at_facility of the second site what is "
        "accepted there"
    ),
    "manifest.storage_notified.v1": "nothing",
    "manifest.copies_delivered.v1": "nothing",
    "manifest.exported.v1": "nothing: it is still on the way",
    "manifest.disposal_certified.v1": "in_transit → exported, on the day of disposal",
    "manifest.correction_proposed.v1": "nothing: what touches a mass waits for consent",
    "manifest.correction_consented.v1": (
        "with the last consent: net mass, accepted mass: the decision reversed and posted again; difference: "
        "unexplained → source (less arrived), or → treated_service and at_facility (more arrived); code, "
        "state: the lots reversed to their source, new lots from it; treated part: reversed, posted again"
    ),
    "manifest.correction_declined.v1": "nothing",
    "manifest.correction_withdrawn.v1": "nothing",
    "manifest.correction_requested.v1": "nothing",
}  # fmt: skip


def errors_page() -> str:
    """Return docs/errors.md."""
    made = [
        "# Codes of refusals and findings\n",
        _GENERATED,
        "Every refusal and finding has a stable code. Its words live in `manifest/locale/`; `{name}` stands",
        "for a fact that comes with it, and a fact whose name ends in `_g` shows as kilograms. After a",
        "refusal nothing was written.\n",
        "| it is a | HTTP status | when |",
        "|---|---|---|",
    ]
    made += [
        f"| `{kind.__name__}` | {status.value} | {(kind.__doc__ or '').partition(chr(10))[0]} |"
        for kind, status in STATUSES.items()
    ]
    made += [
        "| `ReferenceRefused` | | The codes and limits of that date do not have it. |",
        f"| `{PDF_REFUSAL}` | | The document cannot be drawn or signed. |",
        f"| {FINDING} | | Verification names it and goes on. |",
        f"| {PDF_ANSWER} | | What verification says of a PDF. |",
        "| – | | The server or a command answers it by itself. |",
    ]
    previous = ""
    for code, kinds in codes().items():
        group = code.partition(".")[0]
        if group != previous:
            made += [f"\n## {group}\n", "| code | it is a | Vietnamese | English |", "|---|---|---|---|"]
            previous = group
        shown = ", ".join(
            sorted(f"`{kind}`" if kind[0].isupper() and " " not in kind else kind for kind in kinds)
        )
        words = " | ".join(_template(code, language) for language in languages())
        made.append(f"| `{code}` | {shown or '–'} | {words} |")
    return "\n".join(made) + "\n"


def lifecycle_page() -> str:
    """Return docs/lifecycle.md."""
    acts = [act for act in MANIFEST_EVENTS if not _is_correction(act.kind)]
    places = [status for status in Status if any(status is at for at, _ in TRANSITIONS)]
    made = [
        "# The life of a manifest\n",
        _GENERATED,
        "What the table does not list is refused with `manifest.transition_refused`. A correction may be",
        "proposed, agreed to or declined in every status but `new` and `cancelled`; it never moves the",
        "manifest.\n",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> new",
    ]
    moves = [(at, act, to) for (at, act), to in TRANSITIONS.items() if not _is_correction(act.kind)]
    made += [f"    {at} --> {to}: {label('event', act.kind, 'en')}" for at, act, to in moves]
    made += [f"    {status} --> [*]" for status in (Status.COMPLETED, Status.RETURNED, Status.CANCELLED)]
    made += ["```\n", "## Statuses\n", "| status | Vietnamese | English |", "|---|---|---|"]
    made += [f"| `{one}` | {label('status', one, 'vi')} | {label('status', one, 'en')} |" for one in Status]
    made += ["\n## Status × act → status\n"]
    made += [
        "| act | " + " | ".join(f"`{status}`" for status in places) + " |",
        "|---" * (len(places) + 1) + "|",
    ]
    for act in acts:
        cells = [TRANSITIONS.get((status, act)) for status in places]
        shown = " | ".join(f"→ `{to}`" if to else "–" for to in cells)
        made.append(f"| {label('event', act.kind, 'en')} | {shown} |")
    made += _fields()
    made += _late()
    made += [
        "\n## Acts\n",
        "A party that signed by hand (`on_paper`) may be left out of the signers of an act of several, which",
        "then has the lowest assurance. Giver and taker that are one party sign once.\n",
    ]
    made += ["| act | Vietnamese | signed by, in this order | posts |", "|---|---|---|---|"]
    for event in (*GENERATION_EVENTS, *BATCH_EVENTS, *MANIFEST_EVENTS):
        signed = "; then ".join(
            " or ".join(f"`{role}`" for role in _in_order(one)) for one in SIGNERS[event.kind]
        )
        made.append(
            f"| `{event.kind}` | {label('event', event.kind, 'vi')} | {signed} | {POSTS[event.kind]} |"
        )
    return "\n".join(made) + "\n"


def _late() -> list[str]:
    """Return the table of which acts may stand after others that were recorded since they were signed."""
    made = [
        "\n## Acts that arrive late\n",
        "An act marked `offline` may name any earlier act of its manifest. It stands after those that were",
        "recorded since, in the order of the log, where the table has each of them: in either order they",
        "come to the same accounts and views, wherever both orders may stand. Its time is held against the",
        "act that it names; *before* and *after* say when it must have happened against one recorded since.",
        "Any other is refused with `manifest.order_matters`, and so is one of two that move the load or its",
        "grams where one leaves grams unexplained. Beyond that the rules judge it as any other act, on the",
        "manifest as it is now. A decision on its claim may let it stand all the same, as far as the masses",
        "allow.\n",
        "| late act | may stand after |",
        "|---|---|",
    ]
    for act, those in COMMUTES.items():
        words = [
            label("event", one.kind, "en") + ("" if when is When.ANY else f" (*{when}* it)")
            for one, when in those.items()
        ]
        made.append(f"| {label('event', act.kind, 'en')} | {', '.join(words)} |")
    moves = [f"`{at}`: {label('event', act.kind, 'en')}" for at, act in LATE]
    made += ["", f"Only late, and without moving the manifest: {'; '.join(moves)}."]
    return made


def _fields() -> list[str]:
    """Return the table of what may be corrected, in which class, and what follows."""
    made = [
        "\n## What may be corrected\n",
        "A field of the class `notify` changes at once and everybody sees it; one of the class `consent`",
        "when all who are named agree; one of the class `none` never: the last column says what to do",
        "instead. The old value stays visible.\n",
        "| field | Vietnamese | class | who agrees | while | worked out again |",
        "|---|---|---|---|---|---|",
    ]
    for field, ruling in FIELDS.items():
        places = [f"`{status}`" for status in Status if status in ruling.status]
        last = f"instead: `{ruling.instead}`" if ruling.instead else ruling.again
        agree = ", ".join(f"`{one}`" for one in ruling.whose) or "–"
        made.append(
            f"| `{field}` | {label('corrected_field', field, 'vi')} | `{ruling.consent}` | {agree} | "
            f"{', '.join(places) or '–'} | {last} |"
        )
    return made


def permissions_page() -> str:
    """Return docs/permissions.md."""
    made = [
        "# Who may sign what\n",
        _GENERATED,
        "A cell says at which place a role may sign: 1 first, 2 second. Each act needs exactly as many",
        "signers as the highest place of its row. A party signs with a key of its own, or through an agent",
        "that holds its mandate for the role on that day. Which party an act belongs to is judged besides:",
        "giver and taker of a hand-over, generator and facility of the manifest.\n",
        "| event | Vietnamese | " + " | ".join(f"`{role}`" for role in Role) + " |",
        "|---" * (len(Role) + 2) + "|",
    ]
    for kind in EVENTS:
        cells = [
            ", ".join(str(place) for place, roles in enumerate(SIGNERS[kind], start=1) if role in roles)
            for role in Role
        ]
        made.append(f"| `{kind}` | {label('event', kind, 'vi')} | " + " | ".join(cells) + " |")
    made += ["\n## Roles\n", "| role | Vietnamese | English |", "|---|---|---|"]
    made += [f"| `{role}` | {label('role', role, 'vi')} | {label('role', role, 'en')} |" for role in Role]
    return "\n".join(made) + "\n"


def settings_page() -> str:
    """Return docs/settings.md."""
    prefix = Settings.model_config.get("env_prefix", "")
    made = [
        "# Settings\n",
        _GENERATED,
        "Read from the environment, in one place (`api/settings.py`), when a command or the server starts.\n",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "required" if field.default is PydanticUndefined else f"`{field.default}`"
        shown = "empty" if default == "``" else default
        made.append(f"| `{prefix}{name.upper()}` | {shown} | {field.description or ''} |")
    return "\n".join(made) + "\n"


def pages() -> dict[str, str]:
    """Return the generated documents by file name."""
    return {
        "errors.md": errors_page(),
        "lifecycle.md": lifecycle_page(),
        "permissions.md": permissions_page(),
        "settings.md": settings_page(),
    }


def stale(folder: Path) -> list[str]:
    """Return the names of generated documents that are missing or say something else than the code."""
    return [
        name
        for name, text in pages().items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the documents, or with --check tell which are stale; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m api.cli.docs", description="the documents made from code"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when one is stale")
    if parser.parse_args(arguments).check:
        found = stale(FOLDER)
        for name in found:
            print(f"docs/{name} is stale; run `make docs`")
        return 1 if found else 0
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


def _is_correction(kind: str) -> bool:
    return kind.startswith("manifest.correction_")


def _in_order(roles: Iterable[Role]) -> list[Role]:
    return [role for role in Role if role in roles]


def _template(code: str, language: Language) -> str:
    """Return the sentence of a code with its placeholders as they stand."""
    return catalogue(language).get((None, code), "").replace("|", "\\|")


if __name__ == "__main__":
    raise SystemExit(main())
