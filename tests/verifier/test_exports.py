"""What the program itself exports, on both databases and from an older version, the other verifier takes."""

import gzip
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.database import upgrade
from ledger.publishing.export import export
from ledger.publishing.published import prove_entry
from ledger.storage.db import open_engine, reading
from ledger.storage.store import LOG
from tests.ledger.world import World, lived_in
from tests.vectors.test_releases import RELEASES
from verifier import ctnh_verify

Place = ctnh_verify.Result


def verified(target: Path, trust: bytes) -> Place:
    result, findings = ctnh_verify.verify(target, ctnh_verify.read_trust(trust))
    assert findings.kept == []
    return result


@pytest.fixture
def world(engine: Engine) -> World:
    return lived_in(engine)


def test_an_export_is_good(world: World, tmp_path: Path) -> None:
    with reading(world.engine) as reader:
        done = export(reader, world.log, tmp_path / "log")
    result = verified(tmp_path / "log", world.trust.to_json())
    assert (result.size, result.origin) == (done.size, world.origin)
    assert result.signatures >= done.size
    assert result.unchecked == 0


def test_proofs_and_receipts_are_good(world: World, tmp_path: Path) -> None:
    for recorded in world.recorded:
        seq = recorded.receipt.seq
        with reading(world.engine) as reader:
            (tmp_path / "entry.tlog-proof").write_text(prove_entry(reader, world.log, seq).to_text())
        (tmp_path / "receipt").write_text(recorded.note)
        proved = verified(tmp_path / "entry.tlog-proof", world.trust.to_json())
        received = verified(tmp_path / "receipt", world.trust.to_json())
        assert proved.position == received.position == seq
        assert received.root == recorded.receipt.entry_hash.hex()


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_the_record_of_an_older_version_is_good(release: Path, tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "old.db")
    database.executescript(gzip.decompress((release / "demo.sql.gz").read_bytes()).decode())
    database.close()
    engine = open_engine(str(tmp_path / "old.db"))
    upgrade(engine)
    with reading(engine) as reader:
        log = reader.execute(LOG.select()).mappings().one()["log"]
        done = export(reader, log, tmp_path / "log")
    engine.dispose()
    trust = (release / "trust.json").read_bytes()
    result = verified(tmp_path / "log", trust)
    assert (result.size, result.unchecked) == (done.size, 0)
    assert verified(release / "checkpoint.txt", trust).root == result.root
