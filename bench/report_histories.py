"""The section of `docs/benchmarks.md` on opening manifests: what it takes at each size, how that grows."""

from collections.abc import Iterator
from typing import Any

_ABOUT = (
    "Made by `make histories`, from `bench/histories.json`. Loads of the seeded bulk loader (`make bulk`),\n"
    "at the pace of 120,000 manifests a year. Opened is what the page of a manifest asks for: the manifest\n"
    "with its acts, its corrections, what is owed. Milliseconds: median / 95th percentile / slowest.\n"
    "Processor time is that of server and database together, and is held against 50 ms at every size. What\n"
    "the server says that it took (wall) comes close to it on a quiet machine; here at the load stated."
)
_GROWTH = (
    "Growth is that of the processor time: the power k of n^k that fits the medians best, beside it that of\n"
    "the 95th percentiles, and by how many milliseconds the median grows with each doubling."
)


def section(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the section."""
    results = found["results"]
    sizes = sorted({one["manifests"] for one in results})
    machine = found["calibration"]
    yield from ("", "## Opening manifests with their histories", "", _ABOUT, "")
    yield (
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load']} before; SHA-256 of 1 KiB "
        f"{machine['sha256_1k_per_s']:,}/s on one core (after: {machine['after']['sha256_1k_per_s']:,})."
    )
    yield from ("", "| load | manifests | entries | on disk | loaded in |", "|---|---|---|---|---|")
    for (database, _), one in sorted({(one["database"], one["manifests"]): one for one in results}.items()):
        took = "" if one["load_s"] is None else f"{one['load_s']:,.0f} s"
        counts = f"{one['manifests']:,} | {one['entries']:,} | {one['bytes'] / 1e6:,.0f} MB"
        yield f"| {database} | {counts} | {took} |"
    yield from ("", _GROWTH, "")
    head = [f"{size:,}" for size in sizes]
    yield f"| what | {' | '.join(f'processor, {size}' for size in head)} | wall, {head[-1]} | growth |"
    yield f"|---|{'---|' * len(sizes)}---|---|"
    growth = {(one["database"], one["name"]): one for one in found["growth"]}
    names = dict.fromkeys((one["database"], one["name"]) for one in results)
    for database, name in names:
        at = {one["manifests"]: one for one in results if (one["database"], one["name"]) == (database, name)}
        cells = [_times(at.get(size), "processor") for size in sizes]
        wall = _times(at.get(sizes[-1]), "wall")
        grown = _grown(growth.get((database, name)))
        yield f"| {database}: {name} | {' | '.join(cells)} | {wall} | {grown} |"
    yield from (f"\nNot measured: {reason}." for reason in found["skipped"])


def _times(one: dict[str, Any] | None, kind: str) -> str:
    if one is None:
        return ""
    return " / ".join(f"{one[f'{kind}_{share}']:.1f}" for share in ("p50", "p95", "max"))


def _grown(one: dict[str, Any] | None) -> str:
    if one is None:
        return ""
    middle = one["p50"]
    return f"n^{middle['power']:.2f} (n^{one['p95']['power']:.2f}), {middle['ms_per_doubling']:+.2f} ms"
