"""The next free manifest number of a block, for registrations that leave it to us."""

from threading import Lock

from sqlalchemy import func, select

from ledger.errors import Problem, RuleBroken
from ledger.storage.db import Reader, Row
from ledger.storage.store import rows
from manifest.events import Number
from manifest.outages.views import BLANKS
from manifest.views import MANIFEST, NUMBER_BLOCK

# Taken while a number is chosen and its manifest recorded: otherwise all who register at once choose the
# same one. Another process may still choose it; then the ledger refuses and the next one is tried.
CHOOSING = Lock()
TAKEN = "manifest.number_taken"
TRIES = 8


def next_number(reader: Reader, log: int, parties: tuple[str, ...], year: int) -> Number:
    """Return the lowest number never used of the first block of these parties that has one left.

    Numbers on blanks are left to the papers that bear them.
    Raises RuleBroken when no block of that year has.
    """
    for party in parties:
        for block in rows(reader, NUMBER_BLOCK, log=log, party=party, year=year):
            sequence = _free(reader, block)
            if sequence is not None:
                return Number(sequence=sequence, year=year, issuer=block["issuer"])
    raise RuleBroken(Problem("api.no_number_left", "/number", {"year": year}))


def _free(reader: Reader, block: Row) -> int | None:
    first, last = int(block["first"]), int(block["last"])
    series = (
        MANIFEST.c.log == block["log"],
        MANIFEST.c.issuer == block["issuer"],
        MANIFEST.c.year == block["year"],
        MANIFEST.c.sequence.between(first, last),
    )
    blank = [
        (int(row["first"]), int(row["last"]))
        for row in rows(reader, BLANKS, log=block["log"], issuer=block["issuer"], year=block["year"])
    ]
    highest = reader.execute(select(func.max(MANIFEST.c.sequence)).where(*series)).scalar()
    if not blank and (highest is None or highest < last):
        return first if highest is None else int(highest) + 1
    used: set[int] = set(reader.execute(select(MANIFEST.c.sequence).where(*series)).scalars())
    free = (number for number in range(first, last + 1) if number not in used)
    return next((number for number in free if not any(low <= number <= high for low, high in blank)), None)
