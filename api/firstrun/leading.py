"""The parallel run with paper: from which day the electronic record is the leading one, set by an entry.

It is the rule `electronic_record_leading`, 0 while paper leads and 1 afterwards; two root keys set it, and
who moves the day leaves both entries in the ledger.
"""

from datetime import date, timedelta
from typing import Final

from api.home import ROOTS, Home
from api.recorder import record
from ledger.storage.db import reading
from ledger.writing.changes import Reads
from ledger.writing.writer import Recorded
from manifest.lookups import reference_at
from manifest.reference import Reference, default
from manifest.register.log import RuleSet

RULE: Final = "electronic_record_leading"
SOURCE: Final = "Quyết định của đơn vị vận hành"
_UNIT: Final = "flag"


def leading_from(reference: Reference) -> date | None:
    """Return the first day of the time without end in which the electronic record leads, None without one."""
    found = [rule for rule in reference.rules() if rule.name == RULE]
    days = {rule.valid_from for rule in found if rule.valid_from is not None}
    days |= {rule.valid_to + timedelta(days=1) for rule in found if rule.valid_to is not None}
    since = None
    for day in sorted(days, reverse=True):
        if not reference.rule(RULE, day).integer:
            break
        since = day
    return since


def lead_from(home: Home, day: date, source: str = SOURCE) -> Recorded | None:
    """Enter that the electronic record leads from a day on; None when that stands already.

    Moved to a later day, paper leads again until then.
    """
    now = home.clock()
    with reading(home.engine) as reader:
        since = leading_from(reference_at(Reads(reader, home.ledger.log), default()))
    if since == day:
        return None
    later = since is not None and since < day
    body = RuleSet(
        rule=RULE,
        value=0 if later else 1,
        unit=_UNIT,
        valid_from=since if later and since is not None else day,
        valid_to=day - timedelta(days=1) if later else None,
        source=source,
        confirmed=False,
    )
    roots = [home.root(name) for name in ROOTS]
    return record(home.ledger, body, roots, stream=f"rule:{RULE}", occurred_at=now, now=now)
