"""Make the dump of a small demo database that every later version must still verify and upgrade.

`python -m tests.vectors.make_release VERSION` writes `releases/VERSION/`: the database as SQL, the keys under
which its invented persons' values are sealed, its trust file and the note of its last checkpoint. Keys that
sign and logins are left out: they are no part of the record.
"""

import gzip
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from api.demo.clock import StoryClock
from api.demo.place import demo_settings
from api.demo.story import play
from api.documents import issue_pdf
from api.home import make_home
from api.places import vault_folder
from ledger.personal.subjects import KEYS

SCALE = 0.1
RELEASES = Path(__file__).parent / "releases"
SECRET = ("custody_key", "access_token", "account", "draft", "invitation")


def main(version: str) -> None:
    """Play the small story and write the release's files."""
    target = RELEASES / version
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        settings = demo_settings(Path(directory))
        home = make_home(settings, clock := StoryClock())
        story = play(home, clock, lambda *_: None, scale=SCALE)
        issue_pdf(home, next(iter(story.examples.values())).manifest)
        _, note = home.checkpoint()
        (target / "trust.json").write_bytes(home.trust().to_json())
        (target / "checkpoint.txt").write_text(note, encoding="utf-8")
        home.close()
        with closing(sqlite3.connect(settings.database_url)) as database:
            for table in SECRET:
                database.execute(f"DELETE FROM {table}")  # noqa: S608  names of our own tables
            database.commit()
            packed = _packed(database)
        with closing(sqlite3.connect(vault_folder(settings) / KEYS)) as keys:
            (target / "subjects.sql.gz").write_bytes(_packed(keys))
    (target / "demo.sql.gz").write_bytes(packed)
    print(f"{target}: {len(packed)} bytes, {story.entries} entries")  # noqa: T201


def _packed(database: sqlite3.Connection) -> bytes:
    dump = "\n".join(database.iterdump()) + "\n"
    return gzip.compress(dump.encode(), mtime=0)  # a fixed time, so that the same dump is the same file


if __name__ == "__main__":
    main(sys.argv[1])
