"""Bodies: what is written is read back the same, and nothing else is read."""

import re
import types
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import annotated_types as at
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from ledger.errors import Malformed
from ledger.format import canonical
from manifest import events as e
from manifest.body import MOST_G, Body
from manifest.cases.events import Contested, ContestSettled
from manifest.claims.events import CLAIM_EVENTS
from manifest.events import EVENTS, GENERATION_EVENTS, MANIFEST_EVENTS, read_body
from manifest.findings.events import FINDING_EVENTS
from manifest.lots.events import BATCH_EVENTS
from manifest.outages.events import OUTAGE_EVENTS
from manifest.register import events as r
from manifest.register.documents import DOCUMENT_EVENTS
from manifest.register.events import REGISTER_EVENTS
from manifest.register.log import LOG_EVENTS
from manifest.register.parties import PARTY_EVENTS
from manifest.register.places import PLACE_EVENTS
from manifest.vocabulary import IdentifierKind, Role
from tests.factories import DAY, declared, lot_id, some

LETTERS = "aăâbcdđeêghiklmnoôơpqrstuưvxy AẮĐỘ0123456789-./,()«»"


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return what a field of this annotation may hold."""
    if get_origin(hint) is Annotated:
        base, *metadata = get_args(hint)
        rules = [rule for item in metadata if isinstance(item, FieldInfo) for rule in item.metadata]
        return bounded(base, rules)
    return bounded(hint, [])


def bounded(base: Any, rules: list[Any]) -> st.SearchStrategy[Any]:
    said = {type(rule): rule for rule in rules}
    pattern = next((rule.pattern for rule in rules if hasattr(rule, "pattern")), None)
    least = said[at.MinLen].min_length if at.MinLen in said else 0
    most = said[at.MaxLen].max_length if at.MaxLen in said else 20
    if get_origin(base) in {Union, types.UnionType}:
        return st.one_of(*(values(option) for option in get_args(base)))
    if base is type(None):
        return st.none()
    if get_origin(base) is tuple:
        item = values(get_args(base)[0])
        return st.lists(item, min_size=least, max_size=min(most, least + 2)).map(tuple)
    if get_origin(base) is dict:
        return st.dictionaries(
            st.from_regex(r"[a-z_]{1,8}", fullmatch=True), values(get_args(base)[1]), max_size=2
        )
    if base is bool:
        return st.booleans()
    if base is int:
        low = said[at.Gt].gt + 1 if at.Gt in said else said[at.Ge].ge if at.Ge in said else -(2**53) + 1
        high = said[at.Le].le if at.Le in said else 2**53 - 1
        return st.integers(low, high)
    if base is str:
        text = st.text(LETTERS, min_size=least, max_size=most)
        return st.from_regex(pattern.strip("^$"), fullmatch=True) if pattern else text
    if base is date:
        return st.dates()
    if isinstance(base, type) and issubclass(base, Enum):
        return st.sampled_from(base)
    assert isinstance(base, type), f"no values known for {base}"
    assert is_dataclass(base), f"no values known for {base}"
    return built(base)


def built(cls: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{field.name: values(hints[field.name]) for field in fields(cls)})


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_every_event_survives_its_bytes(kind: str) -> None:
    @given(built(EVENTS[kind]))
    def survives(event: Body) -> None:
        assert read_body(kind, canonical.decode(canonical.encode(event.write()))) == event

    survives()


def test_kinds_are_named_once_with_a_version() -> None:
    classes: tuple[type[Body], ...] = (
        *MANIFEST_EVENTS,
        *GENERATION_EVENTS,
        *BATCH_EVENTS,
        *LOG_EVENTS,
        *REGISTER_EVENTS,
        *PARTY_EVENTS,
        *PLACE_EVENTS,
        *DOCUMENT_EVENTS,
        *CLAIM_EVENTS,
        *OUTAGE_EVENTS,
        Contested,
        ContestSettled,
        *FINDING_EVENTS,
        e.PdfIssued,
    )
    assert len(EVENTS) == len(classes) == len(set(classes))
    assert all(EVENTS[cls.kind] is cls for cls in classes)
    assert all(re.fullmatch(r"[a-z][a-z_]*\.[a-z_]+\.v1", kind) for kind in EVENTS)


@pytest.mark.parametrize(
    "kind", ["manifest.registered.v2", "manifest.voided.v1", "", "Manifest.registered.v1"]
)
def test_an_unknown_kind_is_refused(kind: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_body(kind, {})
    assert [(p.code, p.path) for p in refused.value.problems] == [("manifest.kind_unknown", "/kind")]


LOT = {
    "lot": lot_id(1), "site": "site:a", "code": "17 02 03", "state": "liquid", "mass_g": 5,
    "generated_on": "2025-04-10", "basis": "regular",
}  # fmt: skip


def problems(cls: type[Body], body: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Malformed) as refused:
        cls.read(body)
    return [(problem.code, problem.path) for problem in refused.value.problems]


def test_the_typical_lot_is_read() -> None:
    event = e.GenerationDeclared.read(LOT)
    assert (event.mass_g, event.generated_on, event.container) == (5, DAY, None)
    assert event.write() == LOT


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("mass_g", 0, "manifest.mass_not_positive"),
        ("mass_g", -1, "manifest.mass_not_positive"),
        ("mass_g", MOST_G + 1, "manifest.number_too_large"),
        ("mass_g", 1.5, "manifest.integer_required"),
        ("mass_g", 5.0, "manifest.integer_required"),
        ("mass_g", True, "manifest.integer_required"),
        ("mass_g", "5", "manifest.integer_required"),
        ("mass_g", None, "manifest.integer_required"),
        ("state", "gas", "manifest.choice_unknown"),
        ("state", "rắn", "manifest.choice_unknown"),
        ("state", "LIQUID", "manifest.choice_unknown"),
        ("basis", "", "manifest.choice_unknown"),
        ("generated_on", "10/04/2025", "manifest.date_invalid"),
        ("generated_on", "2025-02-30", "manifest.date_invalid"),
        ("generated_on", "2025-4-1", "manifest.date_invalid"),
        ("generated_on", "1743465600", "manifest.date_invalid"),
        ("generated_on", "2025-04-10T00:00:00", "manifest.date_invalid"),
        ("generated_on", "20250410", "manifest.date_invalid"),
        ("generated_on", 20250410, "manifest.date_invalid"),
        ("lot", "019b0000-0000-4000-8000-000000000001", "manifest.field_invalid"),
        ("lot", lot_id(1) + "\n", "manifest.field_invalid"),
        ("site", "Site A", "manifest.field_invalid"),
        ("site", "a" * 101, "manifest.field_invalid"),
        ("site", 7, "manifest.field_invalid"),
        ("code", "", "manifest.text_missing"),
        ("code", "1" * 13, "manifest.text_too_long"),
        ("container", "", "manifest.text_missing"),
        ("weight", 5, "manifest.field_unknown"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object, code: str) -> None:
    assert problems(e.GenerationDeclared, LOT | {field: value}) == [(code, f"/body/{field}")]


def test_all_wrong_fields_are_reported_at_once() -> None:
    body = {key: value for key, value in LOT.items() if key != "site"} | {"mass_g": 0, "state": "gas", "x": 1}
    assert set(problems(e.GenerationDeclared, body)) == {
        ("manifest.field_missing", "/body/site"),
        ("manifest.mass_not_positive", "/body/mass_g"),
        ("manifest.choice_unknown", "/body/state"),
        ("manifest.field_unknown", "/body/x"),
    }


def test_a_wrong_field_within_a_line_has_the_lines_path() -> None:
    body = some(e.Registered, lines=(declared(1), declared(2))).write()
    body["lines"][1]["lots"][1]["mass_g"] = 0
    body["lines"][0]["state"] = "khí"
    body["carriers"][0]["vehicle"] = "x"
    assert set(problems(e.Registered, body)) == {
        ("manifest.choice_unknown", "/body/lines/0/state"),
        ("manifest.mass_not_positive", "/body/lines/1/lots/1/mass_g"),
        ("manifest.field_unknown", "/body/carriers/0/vehicle"),
    }


def test_lists_have_their_bounds() -> None:
    body = some(e.Registered).write()
    assert problems(e.Registered, body | {"lines": []}) == [("manifest.list_too_short", "/body/lines")]
    assert problems(e.Registered, body | {"carriers": body["carriers"] * 5}) == [
        ("manifest.list_too_long", "/body/carriers")
    ]


def test_a_net_mass_may_be_nothing_but_not_less() -> None:
    body = some(e.Weighed).write()
    body["lines"][0]["net_g"] = 0
    assert e.Weighed.read(body).lines[0].net_g == 0
    body["lines"][0]["net_g"] = -1
    assert problems(e.Weighed, body) == [("manifest.mass_negative", "/body/lines/0/net_g")]


def test_a_year_is_too_small_as_a_number_and_not_as_a_mass() -> None:
    number = {"sequence": 1, "year": 1999, "issuer": "1"}
    body = some(e.Registered).write() | {"number": number}
    assert problems(e.Registered, body) == [("manifest.number_too_small", "/body/number/year")]


def organisation(**changed: Any) -> dict[str, Any]:
    return (
        r.OrganisationRegistered(
            party="org:x",
            name="X",
            roles=(Role.GENERATOR,),
            identifier_kind=IdentifierKind.NONE,
            reason="x",
            address="y",
        ).write()
        | changed
    )


@pytest.mark.parametrize("field", ["name", "address"])
def test_names_end_at_300_letters(field: str) -> None:
    read = r.OrganisationRegistered.read(organisation(**{field: "ộ" * 300}))
    assert len(getattr(read, field)) == 300
    assert problems(r.OrganisationRegistered, organisation(**{field: "ộ" * 301})) == [
        ("manifest.text_too_long", f"/body/{field}")
    ]


def test_a_number_is_printed_with_slashes() -> None:
    assert str(e.Number(sequence=7, year=2025, issuer="1-2-3.047.VX")) == "7/2025/1-2-3.047.VX"
