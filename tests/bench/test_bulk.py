"""A load is what the service would have written: judged again it gives the same views, and it verifies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from api.identity.tokens import make_api_key
from bench.bulk import place
from bench.bulk.ground import Ground, MadeOf, lay, stand_on
from bench.bulk.loading import Loaded, load
from bench.bulk.place import DESCRIPTION, Bulk, Wanted
from bench.bulk.sample import sample
from bench.visiting import visiting
from ledger.storage.db import reading, writing
from ledger.verifying.verify import verify
from manifest.lots.views import BATCH
from manifest.reference import default
from manifest.replay import audit, rebuild
from manifest.views import MANIFEST, PERMIT_USE, POSTING, VIEW_TABLES

# The story of the demo as its own tests play it.
SMALL: dict[str, Any] = {"seed": 307, "made_of": MadeOf(scale=0.05, each=1, doubles=1)}
MANIFESTS, A_YEAR = 60, 6


@dataclass
class Built:
    """A load with what stood before it."""

    folder: Path
    place: str
    ground: Ground
    before: int
    loaded: Loaded

    def count(self, query: Any) -> int:
        with reading(self.ground.home.engine) as reader:
            return int(reader.execute(query).scalar_one())


@pytest.fixture(scope="module")
def built(module_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("bulk")
    address = module_engine.url.render_as_string(hide_password=False)
    laid = lay(folder, address, **SMALL)
    until = laid.clock()
    laid.home.close()
    ground = stand_on(folder, address, until, **SMALL)
    with reading(ground.home.engine) as reader:
        before = int(reader.execute(select(func.count()).select_from(MANIFEST)).scalar_one())
    yield Built(folder, address, ground, before, load(ground, MANIFESTS, a_year=A_YEAR, say=lambda _: None))
    ground.home.close()


def dump(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with reading(engine) as reader:
        return {
            table.name: sorted((tuple(row) for row in reader.execute(select(table))), key=repr)
            for table in VIEW_TABLES
        }


def test_a_load_has_as_many_manifests_as_were_wanted_over_so_many_years(built: Built) -> None:
    assert MANIFESTS <= built.loaded.manifests < MANIFESTS + 3
    assert built.count(select(func.count()).select_from(MANIFEST)) == built.before + built.loaded.manifests
    assert built.count(select(func.max(MANIFEST.c.year))) == 2035
    assert built.count(select(func.count(MANIFEST.c.facility.distinct()))) > 4
    for case in (
        select(func.count(MANIFEST.c.round.distinct())).where(MANIFEST.c.year > 2025),
        select(func.count(MANIFEST.c.received_second_at)).where(MANIFEST.c.year > 2025),
        select(func.count()).select_from(BATCH).where(BATCH.c.batch > "019a"),
    ):
        assert built.count(case) > 0


def test_every_act_is_allowed_and_every_row_is_what_the_judge_makes_of_it(built: Built) -> None:
    home = built.ground.home
    step = audit(default())
    with reading(home.engine) as reader:
        assert list(step(reader, home.ledger.log)) == []
    as_loaded = dump(home.engine)
    with writing(home.engine, home.ledger.log) as writer:
        assert rebuild(writer, home.ledger.log, default()) == []
    assert dump(home.engine) == as_loaded


@pytest.mark.parametrize("table", [MANIFEST, POSTING, PERMIT_USE], ids=lambda table: str(table.name))
def test_a_row_that_were_wrong_would_be_found(built: Built, table: Any) -> None:
    home = built.ground.home
    column = {"manifest": "accepted_g", "posting": "grams", "permit_use": "accepted_g"}[table.name]
    step = audit(default())
    with home.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(update(table).values({column: table.c[column] + 1}))
        found = {finding.code for finding in step(connection, home.ledger.log)}
        transaction.rollback()
    assert found == {"manifest.view_differs"}


def test_chain_tiles_streams_keys_and_every_signature_are_good(built: Built) -> None:
    home = built.ground.home
    with reading(home.engine) as reader:
        report = verify(reader, trust=home.trust(), depth="full", jobs=1)
    assert (report.ok, report.findings) == (True, ())
    assert report.size > built.loaded.entries


def test_a_server_opens_what_was_loaded_and_says_what_it_took(built: Built) -> None:
    home = built.ground.home
    party = "org:xl-soc-xanh.1"
    key = make_api_key(home, party, name="bench", scope="read", now=home.clock())
    with reading(home.engine) as reader:
        chosen = sample(reader, home.ledger.log, 7, [party])
    bulk = Bulk(built.folder, built.place, {"until": home.clock().isoformat()})
    with visiting(bulk) as visitor:
        visitor.enter(key)
        newest = chosen["own"][party][0]
        shown = visitor.get(f"/manifests/{newest}")
        took = visitor.took(f"/manifests/{newest}")
    assert shown["manifest"] == newest
    assert len(shown["acts"]) >= 1
    assert 0 < took.wall_ms < 60_000
    assert 0 < took.processor_ms < 60_000


def test_a_load_is_built_once_and_anew_when_something_else_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[int] = []

    def build(wanted: Wanted, _say: Callable[[str], None]) -> None:
        built.append(wanted.manifests)
        wanted.folder.mkdir(parents=True, exist_ok=True)
        place.write_description(wanted, {"until": "2026-01-01T00:00:00+00:00"})

    monkeypatch.setattr(place, "ROOT", tmp_path)
    monkeypatch.setattr(place, "build", build)
    wanted = Wanted(database="sqlite", manifests=60)
    for _ in range(2):
        with place.opened(wanted, lambda _: None) as bulk:
            assert bulk.folder == tmp_path / "sqlite-60-307"
    assert built == [60]
    with place.opened(Wanted(database="sqlite", manifests=60, made_of=MadeOf(doubles=6)), lambda _: None):
        assert built == [60, 60]
    monkeypatch.setattr(place, "LOADER", place.LOADER + 1)
    with place.opened(Wanted(database="sqlite", manifests=60, made_of=MadeOf(doubles=6)), lambda _: None):
        assert built == [60, 60, 60]
    (tmp_path / "sqlite-60-307" / DESCRIPTION).unlink()
    with place.opened(Wanted(database="sqlite", manifests=60, made_of=MadeOf(doubles=6)), lambda _: None):
        assert len(built) == 4
