"""What verification says of each kind of damage, word for word: the file beside this holds it.

`UPDATE_GOLDEN=1 pytest -p no:xdist tests/ledger/test_told.py` writes that file anew; read the difference.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert

from ledger.format.checkpoint import Checkpoint
from ledger.format.note import add_lines
from ledger.format.trust import Trust
from ledger.publishing.guard import Guard
from ledger.report import Report
from ledger.storage.db import Reader, open_engine, reading
from ledger.storage.store import CHECKPOINT, ENTRY, HEAD, KEY, LOG, SEALED, STREAM, TILE, rows
from ledger.verifying.verify import verify
from tests.ledger.tampering import covered, unfenced
from tests.ledger.test_verify import HOSTILE, LOG_KEYS, TAMPERS, TRUST, at
from tests.ledger.world import ORIGIN, START, World, lived_in, note_signer, post_quantum_signer

TOLD = Path(__file__).with_name("told.json")
ANEW = os.environ.get("UPDATE_GOLDEN", "") != ""


@pytest.fixture(scope="module")
def lived(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    engine = open_engine(str(shutil.copy(sqlite_template, tmp_path_factory.mktemp("told") / "told.db")))
    yield lived_in(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, Any]]:
    """What the file says; with UPDATE_GOLDEN, what it is to say."""
    if ANEW:
        told: dict[str, Any] = {}
        yield told
        TOLD.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        yield json.loads(TOLD.read_text(encoding="utf-8"))


def compare(told: dict[str, Any], name: str, said: Any) -> None:
    if ANEW:
        told[name] = said
    assert said == told[name]


def plain(report: Report) -> Any:
    """The report, with each finding in a line."""
    said = report.as_json()
    said["findings"] = [f"{f.seq} {f.code} {f.detail}" for f in report.findings]
    return json.loads(json.dumps(said))


def many_lost(connection: Connection) -> None:
    connection.execute(delete(ENTRY).where(ENTRY.c.seq.in_((3, 4, 5, 7, 10))))
    at(ENTRY, 8, event=b"x")(connection)


def tables_emptied(connection: Connection) -> None:
    for table in (HEAD, STREAM, KEY, SEALED, CHECKPOINT, TILE):
        connection.execute(delete(table))


def signed_by_others(connection: Connection) -> None:
    evil = note_signer("evil")
    for size in (4, 40):
        note = evil.sign(Checkpoint(ORIGIN, size, bytes(32)).text, START)
        connection.execute(insert(CHECKPOINT), {"log": 1, "size": size, "note": note})


def signed(size: int, by: str = ORIGIN) -> str:
    """A checkpoint of another tree, signed with both keys of a log."""
    text = Checkpoint(ORIGIN, size, bytes(32)).text
    return add_lines(note_signer(by).sign(text, START), [post_quantum_signer(by).sign_line(text, START)])


def signed_too_far(connection: Connection) -> None:
    connection.execute(insert(CHECKPOINT), {"log": 1, "size": 13, "note": signed(13)})


FURTHER: dict[str, Callable[[Connection], object]] = {
    "nothing": lambda _: None,
    "many lost": many_lost,
    "tables emptied": tables_emptied,
    "signed by others": signed_by_others,
    "signed too far": signed_too_far,
    "stream of the opening": at(ENTRY, 0, stream=99),
    "stream_seq of the opening": at(ENTRY, 0, stream_seq=1),
    "key of the opening": at(ENTRY, 0, key=1),
    "another log of no entries": lambda connection: connection.execute(
        insert(LOG), {"log": 0, "origin": "second.example/log"}
    ),
}
TRUSTS = {
    "of the log": TRUST,
    "of nobody": None,
    "of another log": Trust("other.example/log", LOG_KEYS, ()),
    "of other keys": Trust(ORIGIN, (note_signer("evil").key,), TRUST.root_kids),
    "of other roots": Trust(ORIGIN, LOG_KEYS, TRUST.root_kids[:1]),
}


@pytest.mark.parametrize("name", [*TAMPERS, *FURTHER])
def test_each_damage_is_told_as_written_down(lived: World, told: dict[str, Any], name: str) -> None:
    with unfenced(lived.engine) as connection:
        (FURTHER.get(name) or TAMPERS[name][0])(connection)
        said = plain(verify(covered(connection), trust=TRUST, subjects=lived.subjects))
    compare(told, name, said)


@pytest.mark.parametrize("statement", HOSTILE)
def test_each_hostile_value_is_told_as_written_down(
    lived: World, told: dict[str, Any], statement: str
) -> None:
    with unfenced(lived.engine) as connection:
        connection.exec_driver_sql(statement)
        said = plain(verify(Reader(connection), origin=ORIGIN, subjects=lived.subjects))
    fences = [line for line in said["findings"] if "fence_missing" in line]
    said["findings"] = [line for line in said["findings"] if line not in fences]
    said["found"] -= len(fences)
    compare(told, statement, said)


@pytest.mark.parametrize("name", TRUSTS)
def test_each_trust_is_told_as_written_down(lived: World, told: dict[str, Any], name: str) -> None:
    with unfenced(lived.engine) as connection:
        said = plain(verify(covered(connection), trust=TRUSTS[name], subjects=lived.subjects))
    compare(told, f"trust {name}", said)


def guards(path: Path, world: World) -> dict[str, Guard]:
    """Memories of a signer, by what they hold."""
    with reading(world.engine) as reader:
        notes = [row["note"] for row in rows(reader, CHECKPOINT)]

    def remembering(name: str, note: str) -> Guard:
        guard = Guard(path / name)
        guard.swap(None, note)
        return guard

    (path / "torn").write_bytes(b"x" * 100)
    (path / "folder").mkdir()
    return {
        "the same": remembering("same", notes[-1]),
        "older": remembering("older", notes[0]),
        "empty": Guard(path / "empty"),
        "ahead": remembering("ahead", signed(13)),
        "other root": remembering("fork", signed(12)),
        "other signer": remembering("evil", signed(5, "evil")),
        "torn": Guard(path / "torn"),
        "folder": Guard(path / "folder"),
    }


def test_each_memory_of_the_signer_is_told_as_written_down(
    lived: World, told: dict[str, Any], tmp_path: Path
) -> None:
    for name, guard in guards(tmp_path, lived).items():
        with unfenced(lived.engine) as connection:
            said = plain(verify(covered(connection), trust=TRUST, guard=guard))
        compare(told, f"guard {name}", said)
