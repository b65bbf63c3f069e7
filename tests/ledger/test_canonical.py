import json
import unicodedata
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed
from ledger.format import canonical
from tests.ledger.vectors import vectors

KEYS = st.from_regex(r"\A[A-Za-z0-9_.:-]{1,64}\Z")
TEXTS = st.text(
    st.one_of(st.sampled_from('\n"\\/ aZđĐ₫ếữ€😀<>&'), st.characters(min_codepoint=0x20, max_codepoint=0x7E))
).map(lambda text: unicodedata.normalize("NFC", text))
WHOLE = st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_the_profile_is_rfc_8785(value: Any) -> None:
    data = canonical.encode(value)
    assert data == rfc8785.dumps(value)
    assert canonical.decode(data) == value


@given(VALUES, st.integers(0, 400), st.integers(0, 255))
def test_other_bytes_are_another_value_or_refused(value: Any, at: int, byte: int) -> None:
    data = bytearray(canonical.encode(value))
    data[at % len(data)] = byte
    try:
        read = canonical.decode(bytes(data))
    except Malformed:
        return
    assert canonical.encode(read) == data


@pytest.mark.parametrize(
    ("value", "code", "path"),
    [
        ({"a": [1, 0.5]}, "ledger.float_forbidden", "/a/1"),
        ({"a": 2**53}, "ledger.integer_out_of_range", "/a"),
        ({"a": -(2**53)}, "ledger.integer_out_of_range", "/a"),
        ({"a": "e\u0302"}, "ledger.text_not_nfc", "/a"),
        ({"a": "\u202e"}, "ledger.character_forbidden", "/a"),
        ({"a": "\x00"}, "ledger.character_forbidden", "/a"),
        ({"a": "\ud800"}, "ledger.character_forbidden", "/a"),
        ({"a": "\U000f0000"}, "ledger.character_forbidden", "/a"),
        ({"é": 1}, "ledger.key_not_ascii", ""),
        ({"": 1}, "ledger.key_not_ascii", ""),
        ({1: 1}, "ledger.key_not_ascii", ""),
        ({"a": b"bytes"}, "ledger.type_forbidden", "/a"),
        ({"a": {1, 2}}, "ledger.type_forbidden", "/a"),
    ],
)
def test_a_value_outside_the_profile_is_refused_by_name(value: Any, code: str, path: str) -> None:
    with pytest.raises(Malformed) as caught:
        canonical.encode(value)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [(code, path)]


def test_every_breach_is_named_not_only_the_first() -> None:
    with pytest.raises(Malformed) as caught:
        canonical.encode({"a": 0.5, "b": ["\u200b"], "ü": 1})
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"a":1.0}', "ledger.float_forbidden"),
        (b'{"a":1e3}', "ledger.float_forbidden"),
        (b'{"a":9007199254740992}', "ledger.integer_out_of_range"),
        (b'{"a":1,"a":1}', "ledger.duplicate_key"),
        (b'{"a":{"b":1,"b":2}}', "ledger.duplicate_key"),
        (b'{"a": 1}', "ledger.json_not_canonical"),
        (b'{"b":1,"a":1}', "ledger.json_not_canonical"),
        (b'{"a":"\\u0061"}', "ledger.json_not_canonical"),
        (b'{"a":-0}', "ledger.json_not_canonical"),
        (b'{"a":"\\/"}', "ledger.json_not_canonical"),
        (b'{"a":1}\n', "ledger.json_not_canonical"),
        (b'{"a":NaN}', "ledger.json_broken"),
        (b'{"a":1', "ledger.json_broken"),
        (b'{"a":"\xff"}', "ledger.json_broken"),
        (b'{"a":"\\ud800"}', "ledger.json_broken"),
        (b'\xef\xbb\xbf{"a":1}', "ledger.json_broken"),
        (b"", "ledger.json_broken"),
    ],
)
def test_bytes_that_are_not_canonical_are_refused_by_name(data: bytes, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        canonical.decode(data)
    assert caught.value.code == code


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_sixteen_levels_are_taken_and_seventeen_are_not() -> None:
    data = canonical.encode(nested(16))
    assert canonical.decode(data) == nested(16)
    for refused in (lambda: canonical.encode(nested(17)), lambda: canonical.decode(b"[" + data + b"]")):
        with pytest.raises(Malformed, match="json_too_deep"):
            refused()


def test_absurd_depth_is_refused_without_exhausting_the_stack() -> None:
    with pytest.raises(Malformed):
        canonical.decode(b"[" * 20_000 + b"]" * 20_000)


def test_48_kib_are_taken_and_one_byte_more_is_not() -> None:
    text = "x" * (canonical.MAX_EVENT_BYTES - 2)
    data = canonical.encode(text)
    assert canonical.decode(data) == text
    with pytest.raises(Malformed, match="event_too_large"):
        canonical.encode(text + "x")
    with pytest.raises(Malformed, match="event_too_large"):
        canonical.decode(b'"' + text.encode() + b'x"')


INSIDE = {"arrays.json"}
OUTSIDE = {
    "french.json": "ledger.key_not_ascii",
    "structures.json": "ledger.key_not_ascii",
    "unicode.json": "ledger.key_not_ascii",
    "values.json": "ledger.float_forbidden",
    "weird.json": "ledger.key_not_ascii",
}


def test_the_jcs_vectors_round_trip_or_lie_outside_the_profile() -> None:
    seen = set()
    for path in vectors("jcs/output"):
        data = path.read_bytes()
        seen.add(path.name)
        if path.name in INSIDE:
            assert canonical.encode(canonical.decode(data)) == data
            given = json.loads((path.parents[1] / "input" / path.name).read_text(encoding="utf-8"))
            assert canonical.encode(given) == data
            continue
        with pytest.raises(Malformed) as caught:
            canonical.decode(data)
        assert OUTSIDE[path.name] in {problem.code for problem in caught.value.problems}
    assert seen == INSIDE | set(OUTSIDE)
