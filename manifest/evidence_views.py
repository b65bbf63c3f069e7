"""The grade of a manifest, from the acts, papers, tickets and disputes that the views have of it."""

from collections.abc import Iterable

from ledger.storage.db import Reader, Row
from ledger.storage.store import rows
from manifest.evidence import Evidence, Support, grade, kinship
from manifest.views import ACT, MANDATE, MANIFEST_LINE, ORGANISATION


def evidence(reader: Reader, log: int, manifest: Row) -> Evidence:
    """Return what a manifest rests on; ``manifest`` is its row."""
    key = {"log": log, "manifest": manifest["manifest"]}
    supports = [
        Support(party, int(level))
        for act in rows(reader, ACT, **key)
        for party, level in zip(act["parties"].split(","), act["levels"].split(","), strict=True)
    ]
    return grade(
        supports,
        _voices(reader, log, {support.party for support in supports}),
        weighed=any(line["net_g"] is not None for line in rows(reader, MANIFEST_LINE, **key)),
        shared_ticket=manifest["round_net_g"] is not None,
        contested=bool(manifest["contested"]),
    )


def _voices(reader: Reader, log: int, parties: Iterable[str]) -> dict[str, str]:
    named = sorted(parties)
    identifiers = {
        row["party"]: row["identifier"]
        for party in named
        for row in rows(reader, ORGANISATION, log=log, party=party)
    }
    mandates = [
        (row["principal"], row["agent"])
        for party in named
        for row in rows(reader, MANDATE, log=log, principal=party)
        if row["agent"] in identifiers
    ]
    return kinship(identifiers, mandates)
