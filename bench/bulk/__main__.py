"""Build a load and leave it for whoever measures: `python -m bench.bulk DATABASE MANIFESTS [SEED]`."""

import sys

from rich.console import Console

from bench.bulk.place import Wanted, opened


def main(database: str, manifests: str, seed: str = "307") -> None:
    """Build the load unless it is there, and say what it holds."""
    wanted = Wanted(database=database, manifests=int(manifests), seed=int(seed))
    with opened(wanted, Console(stderr=True).print) as bulk:
        about = {name: bulk.about.get(name) for name in ("manifests", "entries", "until", "load_s")}
        Console().print(f"{bulk.folder}: {about}, {bulk.size_bytes / 1e9:.2f} GB")


if __name__ == "__main__":
    main(*sys.argv[1:])
