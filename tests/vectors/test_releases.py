"""What an older version wrote, this one still verifies and upgrades; no migration touches an entry."""

import gzip
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.database import newest_revision, revision_of, upgrade
from ledger.format import trust
from ledger.format.checkpoint import open_checkpoint
from ledger.personal.subjects import KEYS, Subjects
from ledger.personal.vault import adopt_all
from ledger.storage.db import open_engine, reading
from ledger.storage.store import LOG, VAULT, entries, rows
from ledger.verifying.verify import verify
from manifest.reference import default
from manifest.replay import audit

RELEASES = sorted(path.parent for path in (Path(__file__).parent / "releases").glob("*/demo.sql.gz"))


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def release(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def restored(release: Path, tmp_path: Path) -> Iterator[Engine]:
    place = tmp_path / "demo.db"
    database = sqlite3.connect(place)
    database.executescript(gzip.decompress((release / "demo.sql.gz").read_bytes()).decode())
    database.close()
    engine = open_engine(str(place))
    yield engine
    engine.dispose()


def kept_keys(release: Path, folder: Path, origin: str) -> Subjects:
    """Return the keys of the release's persons; the first version had none and kept values in the clear."""
    dump = release / "subjects.sql.gz"
    if dump.exists():
        folder.mkdir()
        with closing(sqlite3.connect(folder / KEYS)) as keys:
            keys.executescript(gzip.decompress(dump.read_bytes()).decode())
    return Subjects(folder, origin)


def hashes(engine: Engine) -> list[bytes]:
    with reading(engine) as reader:
        log = reader.execute(LOG.select()).mappings().one()["log"]
        return [entry.hash for entry in entries(reader, log)]


def test_there_is_a_release_to_look_after() -> None:
    assert RELEASES


def test_a_released_database_upgrades_and_verifies(release: Path, restored: Engine) -> None:
    before = hashes(restored)
    upgrade(restored)
    assert revision_of(restored) == newest_revision()
    assert hashes(restored) == before
    believed = trust.load(release / "trust.json")
    with reading(restored) as reader:
        report = verify(reader, trust=believed, further=[audit(default())])
    assert report.ok, report.findings
    note = (release / "checkpoint.txt").read_text(encoding="utf-8")
    head = open_checkpoint(note, believed.log_keys, believed.origin)
    assert (report.size, report.root) == (head.size, head.root.hex())


def test_the_personal_values_of_a_release_are_sealed_and_still_open(
    release: Path, restored: Engine, tmp_path: Path
) -> None:
    upgrade(restored)
    believed = trust.load(release / "trust.json")
    subjects = kept_keys(release, tmp_path / "keys", believed.origin)
    with reading(restored) as reader:
        log = reader.execute(LOG.select()).mappings().one()["log"]
        before = verify(reader, trust=believed)
    moved = adopt_all(restored, log, subjects)
    with reading(restored) as reader:
        after = verify(reader, trust=believed, subjects=subjects)
        assert rows(reader, VAULT) == []
    assert before.ok, before.findings
    assert after.ok, after.findings
    assert after.personal_open == before.personal_open + before.personal_sealed
    assert after.personal_open >= moved
    assert adopt_all(restored, log, subjects) == 0
