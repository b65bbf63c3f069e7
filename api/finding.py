"""A manifest by whatever somebody calls it: its id or its printed number."""

from ledger.errors import NotFound, Problem
from ledger.storage.db import Reader
from ledger.storage.store import one, rows
from manifest.views import MANIFEST


def find_manifest(reader: Reader, log: int, name: str) -> str:
    """Return the id of a manifest given by id or by printed number; raise NotFound for neither."""
    row = one(reader, MANIFEST, log=log, manifest=name)
    if row is None:
        found = rows(reader, MANIFEST, log=log, number=name)
        row = found[0] if found else None
    if row is None:
        raise NotFound(Problem("manifest.unknown", "", {"manifest": name}))
    return str(row["manifest"])
