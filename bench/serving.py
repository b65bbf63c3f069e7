"""The real server on a bulk load, in a process of its own, with its clock where the load ends.

python -m bench.serving FOLDER DATABASE UNTIL PORT
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from api.demo.place import demo_settings
from api.home import open_home
from api.serving import serve


def clock_from(start: datetime) -> Callable[[], datetime]:
    """Return a clock that stands at ``start`` now and runs on."""
    ahead = start - datetime.now(UTC)
    return lambda: datetime.now(UTC) + ahead


def main(folder: str, database: str, until: str, port: str) -> int:
    """Serve a load until told to stop; return the exit code."""
    chosen = {"database_url": database, "port": int(port), "heartbeat_s": 86_400 * 365}
    settings = demo_settings(Path(folder)).model_copy(update=chosen)
    home = open_home(settings, clock_from(datetime.fromisoformat(until)))
    try:
        return serve(home)
    finally:
        home.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
