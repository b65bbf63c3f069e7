"""Where bulk loads lie: one folder for each database, size and seed, built once and used again.

A folder whose description does not fit what is asked for (another schema, another loader) is built anew.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, select
from sqlalchemy import text as sql

from api.database import migrations_config
from api.demo.roster import DEPARTMENT
from api.home import Home
from api.identity.tokens import make_api_key
from bench.bulk.ground import Ground, MadeOf, lay, stand_on
from bench.bulk.loading import load
from bench.bulk.sample import sample
from bench.postgres import server
from ledger.storage.db import reading
from manifest.views import MANIFEST

ROOT = Path("var/bulk")
DESCRIPTION = "bulk.json"
# Raised when the loader makes something else of the same seed.
LOADER = 1
KEY_DAYS = 3650
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A load: on which database, how many manifests, and what they are made of.

    ``a_year`` is the pace.
    """

    database: str
    manifests: int
    seed: int = 307
    a_year: int = 120_000
    made_of: MadeOf = field(default_factory=MadeOf)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return ROOT / f"{self.database}-{self.manifests}-{self.seed}"

    def key(self) -> dict[str, Any]:
        """Return what a folder must have been built with to be used again."""
        revision = ScriptDirectory.from_config(migrations_config()).get_current_head()
        return {**asdict(self), "schema": revision, "loader": LOADER}


@dataclass(frozen=True, slots=True)
class Bulk:
    """A load that is there: its folder, its database, and what is known of it."""

    folder: Path
    place: str
    about: dict[str, Any]

    @property
    def until(self) -> datetime:
        """When its last entry was recorded."""
        return datetime.fromisoformat(self.about["until"])

    @property
    def size_bytes(self) -> int:
        """What the database takes on disk."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


@contextmanager
def opened(wanted: Wanted, say: Say) -> Iterator[Bulk]:
    """Yield a load, built if it is not there; its PostgreSQL server runs as long.

    Raises RuntimeError where there is no PostgreSQL to run.
    """
    folder = wanted.folder
    if not _fits(folder, wanted):
        build(wanted, say)
    _let_go(folder)
    with _database(wanted) as place:
        about = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        yield Bulk(folder, place, about)


def _let_go(folder: Path) -> None:
    """Ask the system to keep nothing of these files in memory, so that they are read from disk anew."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def _fits(folder: Path, wanted: Wanted) -> bool:
    try:
        about = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return bool(about["key"] == wanted.key())


@contextmanager
def _database(wanted: Wanted) -> Iterator[str]:
    if wanted.database == "sqlite":
        yield str(wanted.folder / "ctnh.db")
        return
    with server(wanted.folder.absolute()) as place:
        if place is None:
            raise RuntimeError("no PostgreSQL is installed here")
        yield place


def build(wanted: Wanted, say: Say) -> None:
    """Lay the ground, or load onto a copy of it: a load of no manifests is the ground of the others."""
    folder = wanted.folder
    shutil.rmtree(folder, ignore_errors=True)
    chosen: dict[str, Any] = {"seed": wanted.seed, "made_of": wanted.made_of}
    if wanted.manifests == 0:
        folder.mkdir(parents=True)
        say(f"{folder}: laying the ground")
        with _database(wanted) as place:
            ground = lay(folder, place, **chosen)
            _describe(wanted, ground, {})
        return
    with opened(replace(wanted, manifests=0), say) as under:
        until, source = under.until, under.folder
    # With owners and modes, which PostgreSQL insists on and `shutil` does not keep.
    subprocess.run(["cp", "-a", str(source), str(folder)], check=True)  # noqa: S603, S607  a command of any Unix
    (folder / DESCRIPTION).unlink()
    with _database(wanted) as place:
        ground = stand_on(folder, place, until, **chosen)
        say(f"{folder}: loading")
        began = time.monotonic()
        loaded = load(ground, wanted.manifests, a_year=wanted.a_year, say=say)
        _settle(ground.home.engine)
        took = round(time.monotonic() - began, 1)
        keys = _keys(ground.home)
        parties = [one["party"] for one in keys.values()]
        found = _sample(ground.home, wanted.seed, parties)
        about = {"manifests": loaded.manifests, "entries": loaded.entries, "load_s": took}
        _describe(wanted, ground, {**about, "keys": keys, "sample": found})


def _describe(wanted: Wanted, ground: Ground, about: dict[str, Any]) -> None:
    """Close the deployment and write down what it holds: from then on the folder can be used."""
    until = ground.clock().astimezone(UTC).isoformat()
    ground.home.close()
    write_description(wanted, {"until": until, **about})


def write_description(wanted: Wanted, about: dict[str, Any]) -> None:
    """Write down what a folder was built with, and what is known of it."""
    text = json.dumps({"key": wanted.key(), **about}, ensure_ascii=False, indent=2)
    (wanted.folder / DESCRIPTION).write_text(text, encoding="utf-8")


def _keys(home: Home) -> dict[str, dict[str, str]]:
    """Return an API key of the authority, and of the generator and the facility with the most manifests."""
    with reading(home.engine) as reader:
        log = home.ledger.log
        columns = {"generator": MANIFEST.c.generator, "facility": MANIFEST.c.facility}
        busiest = {
            name: str(
                reader.execute(
                    select(column)
                    .where(MANIFEST.c.log == log)
                    .group_by(column)
                    .order_by(func.count().desc(), column)
                    .limit(1)
                ).scalar_one()
            )
            for name, column in columns.items()
        }
    parties = {"regulator": DEPARTMENT, **busiest}
    return {
        name: {
            "party": party,
            "api_key": make_api_key(home, party, name="bench", scope="read", days=KEY_DAYS, now=home.clock()),
        }
        for name, party in parties.items()
    }


def _sample(home: Home, seed: int, parties: list[str]) -> dict[str, Any]:
    with reading(home.engine) as reader:
        return sample(reader, home.ledger.log, seed, parties)


def _settle(engine: Engine) -> None:
    """Do what a server would have done by itself over the years: PostgreSQL's statistics."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sql("VACUUM ANALYZE"))
