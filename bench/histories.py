"""`ctnh bench histories`: opening manifests with their histories, and lists, at growing sizes.

A server process of its own answers over HTTP, one request after the other. Of each answer two times are
kept: what the server says it took, and what its processor time was. On a quiet machine the two are close; on
a busy one the second says what the first would be.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench.bulk.ground import MadeOf
from bench.bulk.place import Bulk, Wanted, opened
from bench.calibration import calibrate, sha256_speed
from bench.growth import fit
from bench.result import Result
from bench.visiting import Took, Visitor, visiting

Say = Callable[[str], None]
SIZES = (12_000, 120_000, 300_000)
QUICK_SIZES = (60, 120)
OPENED_MS, LIST_MS = 50, 150
TIMES = 2
LIST_TIMES = 15
# What the page of a manifest asks for: the manifest with its acts, then what was corrected, what is owed.
_ROUTES = ("", "/corrections", "/obligations")
_SAMPLES = ("oldest", "newest", "longest", "of batches", "any")
_SMALL: dict[str, Any] = {"made_of": MadeOf(scale=0.05, each=1, doubles=1), "a_year": 600}


def run(
    *, sizes: Sequence[int], databases: Sequence[str], seed: int, quick: bool, say: Say
) -> dict[str, Any]:
    """Measure each size on each database; return calibration, results, growth, and what was not measured."""
    before = calibrate()
    results: list[Result] = []
    skipped: list[str] = []
    for database in databases:
        for size in sorted(sizes):
            wanted = Wanted(database=database, manifests=size, seed=seed, **(_SMALL if quick else {}))
            try:
                with opened(wanted, say) as bulk, visiting(bulk) as visitor:
                    say(f"{wanted.folder}: opening")
                    results += _measured(bulk, visitor, database)
            except RuntimeError as reason:
                skipped.append(f"{database}, {size:,} manifests: {reason}")
    return {
        "calibration": {**before, "after": {"sha256_1k_per_s": sha256_speed()}},
        "results": [one.as_json() for one in results],
        "growth": list(_growth(results)),
        "skipped": skipped,
    }


def _measured(bulk: Bulk, visitor: Visitor, database: str) -> Iterator[Result]:
    shared = {
        "database": database,
        "manifests": bulk.about["manifests"],
        "entries": bulk.about["entries"],
        "bytes": bulk.size_bytes,
        "load_s": bulk.about["load_s"],
    }
    found = bulk.about["sample"]
    for viewer, who in bulk.about["keys"].items():
        visitor.enter(who["api_key"])
        sees_all = viewer == "regulator"
        names = {name: found[name] for name in _SAMPLES} if sees_all else {"own": found["own"][who["party"]]}
        for name, took in _openings(visitor, names).items():
            yield _result(f"{viewer}: {name}", took, OPENED_MS, shared)
        for name, path in _lists(bulk, visitor, names).items():
            took = [visitor.took(path) for _ in range(LIST_TIMES)]
            yield _result(f"{viewer}: {name}", took, LIST_MS, shared)


def _openings(visitor: Visitor, names: dict[str, list[str]]) -> dict[str, list[Took]]:
    """Open each manifest several times; return what it took by what was opened."""
    first: list[Took] = []
    warm: list[Took] = []
    own: dict[str, list[Took]] = {}
    lone: dict[str, list[Took]] = {route: [] for route in _ROUTES}
    for kind, manifests in names.items():
        for manifest in manifests:
            times = []
            for turn in range(1 + TIMES):
                parts = [visitor.took(f"/manifests/{manifest}{route}") for route in _ROUTES]
                times.append(sum(parts, Took(0.0, 0.0)))
                if turn:
                    for route, part in zip(_ROUTES, parts, strict=True):
                        lone[route].append(part)
            first.append(times[0])
            warm += times[1:]
            own.setdefault(kind, []).append(min(times[1:]))
    found = {"opened, first touch": first, "opened, again": warm}
    found |= {f"opened, {kind}, best of {TIMES}": took for kind, took in own.items()}
    return found | {f"GET /manifests/…{route}": took for route, took in lone.items()}


def _lists(bulk: Bulk, visitor: Visitor, names: dict[str, list[str]]) -> dict[str, str]:
    """Return the lists that are asked for, by what they are."""
    middle = bulk.about["sample"]["middle"]
    any_of = [manifest for some in names.values() for manifest in some]
    shown = visitor.get(f"/manifests/{any_of[len(any_of) // 2]}")
    number = f"{shown['sequence']}/{shown['year']}/{shown['issuer']}"
    return {
        "list, first page": "/manifests",
        "list, page in the middle": f"/manifests?cursor={middle}",
        "list, oldest first": "/manifests?oldest_first=true",
        "list, in transit": "/manifests?status=in_transit",
        "list, of one generator": f"/manifests?generator={shown['generator']}",
        "list, of one facility": f"/manifests?facility={shown['facility']}",
        "list, of one code": f"/manifests?code={shown['lines'][0]['code']}",
        "by number": f"/manifests/by-number/{number}",
        "lots, first page": "/lots",
        "corrections that wait": "/corrections",
        "obligations that are owed": "/obligations",
    }


def _result(name: str, took: Sequence[Took], target: float, shared: dict[str, Any]) -> Result:
    """Return the most processor time that one took, with where the others lie, and the server's own time."""
    beside: dict[str, Any] = {"times": len(took), **shared}
    for kind, some in (
        ("wall", [one.wall_ms for one in took]),
        ("processor", [one.processor_ms for one in took]),
    ):
        ordered = sorted(some)
        for share in (50, 95, 99):
            beside[f"{kind}_p{share}"] = round(ordered[min(len(some) * share // 100, len(some) - 1)], 2)
        beside[f"{kind}_max"] = round(ordered[-1], 2)
    return Result(
        name=name, value=beside["processor_max"], unit="ms", target=target, less=True, beside=beside
    )


def _growth(results: Sequence[Result]) -> Iterator[dict[str, Any]]:
    """Yield how median and 95th percentile of the processor time grow, where there are sizes enough."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for one in results:
        groups.setdefault((one.beside["database"], one.name), []).append(one)
    for (database, name), some in groups.items():
        sizes = [one.beside["manifests"] for one in some]
        if len(set(sizes)) < 2:  # noqa: PLR2004  a line needs two points
            continue
        figures: dict[str, Any] = {"database": database, "name": name, "manifests": sizes}
        for share in ("p50", "p95"):
            measured = [one.beside[f"processor_{share}"] for one in some]
            found = fit(sizes, measured)
            figures[share] = {
                "ms": measured,
                "power": round(found.power, 3),
                "ms_per_doubling": round(found.per_doubling, 3),
                "closer": found.better,
            }
        yield figures
