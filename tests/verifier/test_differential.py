"""The ledger's own offline check and the verifier in one file agree about whatever somebody may have made."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vectors.format_logs import policy_text
from tests.vectors.make_format import FORMAT
from tests.vectors.maker import LOG_KEY, note, proof, receipt_text
from tests.verifier.differ import (
    CORPUS,
    both,
    difference,
    disagreement,
    takes_checkpoint,
    takes_json,
    takes_policy,
    takes_proof,
    takes_receipt,
)
from tests.verifier.mutations import ODD_TEXTS, Step, apply, base, mutations

SAVED = sorted(CORPUS.glob("*.json"))


def test_the_log_that_is_changed_is_good() -> None:
    assert both(apply([])) == ([], [])


@given(mutations)
@settings(max_examples=150, deadline=None)
def test_changed_logs(steps: list[Step]) -> None:
    assert difference(steps) is None


@pytest.mark.parametrize("saved", SAVED, ids=lambda path: path.stem)
def test_saved_mutations(saved: Path) -> None:
    assert difference(json.loads(saved.read_bytes())) is None


def test_there_are_saved_mutations_and_they_find_many_different_things() -> None:
    codes: set[str] = set()
    for saved in SAVED:
        first, second = both(apply(json.loads(saved.read_bytes())))
        codes.update(code for _, code in [*first, *second])
    assert len(codes) >= 30


TILED = {
    str(path.relative_to(FORMAT / "good" / "tiles")): path.read_bytes()
    for path in sorted((FORMAT / "good" / "tiles").rglob("*"))
    if path.is_file() and path.suffix != ".json"
}


@pytest.mark.parametrize("name", TILED)
@pytest.mark.parametrize("change", ["gone", "cut", "empty", "longer", "flipped", "relinked", "other"])
def test_a_log_of_several_tiles(name: str, change: str) -> None:
    data = TILED[name]
    changed = {
        "cut": data[:-1],
        "empty": b"",
        "longer": data + b"\x00",
        "flipped": data[:40] + bytes([data[40 % len(data)] ^ 1]) + data[41:]
        if len(data) > 40
        else data[::-1],
        "relinked": re.sub(rb"prev [0-9a-f]{64}", b"prev " + b"ab" * 32, data, count=1),
        "other": TILED["tile/0/001.p/2"],
    }
    files = {key: value for key, value in TILED.items() if key != name}
    if change != "gone":
        files[name] = changed[change]
    assert disagreement(*both(files)) is None
    if name != "tile/entries/000" and change == "relinked":
        # A whole bundle is gone as well: what comes after it hangs on the leaf alone.
        del files["tile/entries/000"]
        assert disagreement(*both(files)) is None


# Single files, as bytes: whoever takes one, the other takes it too.

_pieces = st.sampled_from(
    [
        *(text.encode("utf-8", "surrogatepass") for text in ODD_TEXTS),
        b"\n",
        b"\n\n",
        b" ",
        b"=",
        b"0",
        b"\xff",
        b"\r",
    ]
)
_edits = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(0, 3), _pieces | st.binary(max_size=3)),
    min_size=1,
    max_size=3,
)
Edits = list[tuple[int, int, bytes]]


def edited(data: bytes, edits: Edits) -> bytes:
    for place, length, piece in edits:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + length :]
    return data


def _receipt() -> bytes:
    text = receipt_text(base(), 3)
    return note(text, LOG_KEY.line(text)).encode()


FILES: dict[str, tuple[bytes, Callable[[bytes], tuple[bool, bool]]]] = {
    "checkpoint": (base().checkpoint().encode(), takes_checkpoint),
    "receipt": (_receipt(), takes_receipt),
    "proof": (proof(base(), 3, base().checkpoint(), extra=b"entry").encode(), takes_proof),
    "policy": (policy_text(), takes_policy),
    "json": (base().entries[1].partition(b"\n\n")[2], takes_json),
}


@pytest.mark.parametrize("name", FILES)
def test_single_files_unchanged(name: str) -> None:
    data, takes = FILES[name]
    assert takes(data) == (True, True)


@pytest.mark.parametrize("name", FILES)
@given(edits=_edits)
@settings(max_examples=150, deadline=None)
def test_changed_single_files(name: str, edits: Edits) -> None:
    data, takes = FILES[name]
    first, second = takes(edited(data, edits))
    assert first == second, edited(data, edits)
