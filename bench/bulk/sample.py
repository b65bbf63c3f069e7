"""Which manifests of a load are opened: the oldest, the newest, the longest, those of batches, and any."""

from collections.abc import Iterable
from random import Random
from typing import Any

from sqlalchemy import func, select

from ledger.storage.db import Reader
from ledger.storage.store import HEAD, one
from manifest.lots.views import LOT_SHARE
from manifest.views import ACT, MANIFEST, MANIFEST_PARTY

OF_EACH = 50
ANY = 300
OF_PARTY = 100


def sample(reader: Reader, log: int, seed: int, parties: Iterable[str]) -> dict[str, Any]:
    """Return ids by what they are taken for, some of each party's own, and where the log's middle is."""
    random = Random(seed)  # noqa: S311  a repeatable choice
    every = list(reader.execute(select(MANIFEST.c.manifest).where(MANIFEST.c.log == log)).scalars())
    every.sort()
    mixed = reader.execute(select(LOT_SHARE.c.manifest).where(LOT_SHARE.c.log == log).distinct()).scalars()
    longest = reader.execute(
        select(ACT.c.manifest)
        .where(ACT.c.log == log)
        .group_by(ACT.c.manifest)
        .order_by(func.count().desc(), ACT.c.manifest)
        .limit(OF_EACH)
    ).scalars()
    head = one(reader, HEAD, log=log)
    assert head is not None, "a load has a head"
    return {
        "middle": head["size"] // 2,
        "oldest": every[:OF_EACH],
        "newest": every[-OF_EACH:],
        "longest": list(longest),
        "of batches": _some(random, sorted(mixed), OF_EACH),
        "any": _some(random, every, ANY),
        "own": {party: _own(reader, log, random, party) for party in parties},
    }


def _own(reader: Reader, log: int, random: Random, party: str) -> list[str]:
    query = select(MANIFEST_PARTY.c.manifest).where(
        MANIFEST_PARTY.c.log == log, MANIFEST_PARTY.c.party == party
    )
    return _some(random, sorted(reader.execute(query.distinct()).scalars()), OF_PARTY)


def _some(random: Random, names: list[str], most: int) -> list[str]:
    return random.sample(names, min(most, len(names)))
