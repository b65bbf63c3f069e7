"""Every stable code has words in both languages, and every word has a use."""

import re
import unicodedata
from enum import StrEnum
from importlib import resources

import pytest

from api.cli.codes import codes
from ledger.format.keys import CUSTODY
from ledger.format.signature import Algorithm
from manifest import vocabulary, wording
from manifest.events import EVENTS
from manifest.labelled import LISTS
from manifest.reference import default
from manifest.wording import Language
from pdf.errors import SENTENCES
from pdf.form import BOX_FIELDS

LANGUAGES = wording.languages()
ENUMERATIONS = [
    value
    for value in vars(vocabulary).values()
    if isinstance(value, type) and issubclass(value, StrEnum) and value is not StrEnum
]


def sentences(language: Language) -> dict[str, str]:
    return {key: text for (kind, key), text in wording.catalogue(language).items() if kind is None}


def labels(language: Language) -> set[tuple[str, str]]:
    return {(kind, key) for kind, key in wording.catalogue(language) if kind is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_that_the_source_uses_has_a_sentence(language: Language) -> None:
    assert sorted(set(codes()) - set(sentences(language))) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_of_a_code_that_the_source_uses(language: Language) -> None:
    assert sorted(set(sentences(language)) - set(codes())) == []


def test_the_search_finds_codes_of_every_shape() -> None:
    found = set(codes())
    assert {"ledger.refused", "reference.unknown_rule", "pdf.field_closed"} <= found  # of a class
    assert {"ledger.stale_stream", "manifest.lot_short"} <= found  # of a Problem
    assert {"ledger.leaf_missing", "manifest.mass_negative"} <= found  # of a finding, of a table
    assert set(SENTENCES) <= found
    assert not {code for code in found if code in EVENTS or code.startswith("manifest.data")}


def test_both_languages_name_the_same_facts() -> None:
    place = re.compile(r"\{[^{}]*\}")
    vietnamese, english = sentences("vi"), sentences("en")
    different = [
        code
        for code in vietnamese.keys() & english.keys()
        if sorted(place.findall(vietnamese[code])) != sorted(place.findall(english[code]))
    ]
    assert different == []


def test_every_brace_in_a_sentence_is_a_placeholder() -> None:
    for language in LANGUAGES:
        for code, text in sentences(language).items():
            assert not set("{}") & set(re.sub(r"\{[a-z][a-z0-9_]*\}", "", text)), code


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_are_exactly_the_values_of_the_lists(language: Language) -> None:
    expected = {(kind, value) for kind, values in LISTS.items() for value in values}
    assert labels(language) == expected


@pytest.mark.parametrize("enumeration", ENUMERATIONS)
def test_every_enumeration_of_the_vocabulary_is_a_list(enumeration: type[StrEnum]) -> None:
    name = re.sub(r"(?<!^)([A-Z])", r"_\1", enumeration.__name__).lower()
    assert LISTS[name] == tuple(enumeration)


def test_kinds_of_event_custody_and_algorithms_are_lists() -> None:
    assert LISTS["event"] == tuple(EVENTS)
    assert LISTS["custody"] == CUSTODY
    assert LISTS["algorithm"] == tuple(Algorithm)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_are_in_nfc_on_one_line_and_none_comes_twice(language: Language) -> None:
    text = (resources.files("manifest") / "locale" / language / "messages.po").read_text(encoding="utf-8")
    assert unicodedata.is_normalized("NFC", text)
    for (kind, key), words in wording.catalogue(language).items():
        assert words == " ".join(words.split()), (kind, key)
    assert len(wording.catalogue(language)) == text.count("\nmsgid ") - 1


def test_verification_of_a_pdf_says_the_same_in_both_places() -> None:
    for code, (vietnamese, english) in SENTENCES.items():
        assert wording.message(code, {}, "vi") == vietnamese
        assert wording.message(code, {}, "en") == english


def test_nothing_is_called_a_violation() -> None:
    """A finding is a point to be cleared up (decision E); whether it breaks the law is not ours to say."""
    assert not [key for key, words in wording.catalogue("vi").items() if "vi phạm" in words.lower()]


def test_every_limit_has_a_name_and_every_unit_a_word() -> None:
    rows = default().rules()
    assert set(LISTS["rule"]) == {row.name for row in rows}
    assert set(LISTS["unit"]) == {row.unit for row in rows}
    ours = {row.source for row in rows if row.source.startswith("CTNH Ledger")}
    assert ours == set(LISTS["source"])


def test_every_box_of_the_form_has_a_name() -> None:
    assert {f"sig_{name}" for name in BOX_FIELDS} == set(LISTS["box"])
