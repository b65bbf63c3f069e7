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
    # Of an agent it does not matter whether it signs in its own name as well: two parties that it signs for
    # are one voice.
    mandates = [
        (row["principal"], row["agent"])
        for party in named
        for row in rows(reader, MANDATE, log=log, principal=party)
    ]
    identifiers = {
        row["party"]: row["identifier"]
        for party in sorted({*named, *(agent for _, agent in mandates)})
        for row in rows(reader, ORGANISATION, log=log, party=party)
    }
    return kinship(identifiers, mandates)
