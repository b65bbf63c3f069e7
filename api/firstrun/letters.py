"""Writing the letters: one PDF for each party that is entered, cannot get in yet and has no open letter.

The file is written before its code is kept: a crash between the two leaves a letter that opens nothing, and
the next run writes it anew.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

from api.custody import write_secret
from api.firstrun.invitations import DAYS, Code, keep_code, new_code
from api.firstrun.leading import leading_from
from api.firstrun.reading import Member, members
from api.home import Home
from ledger.errors import NotFound, Problem
from ledger.storage.db import reading
from ledger.writing.changes import Reads
from manifest import wording
from manifest.lookups import reference_at
from manifest.reference import default
from manifest.vocabulary import local_date
from pdf.letters import Letter, render_letters

_UNSAFE = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Written:
    """A letter that was written: for whom, where it is, and until when its code holds."""

    party: str
    path: Path
    expires_at: datetime


def write_letters(
    home: Home,
    folder: Path,
    *,
    days: int = DAYS,
    parties: Collection[str] = (),
    again: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Written]:
    """Write a letter to each party that waits for one; with ``again`` also where an open letter got lost.

    Of ``parties``, where some are named, each gets one, whoever has an account already too: it is for one
    more person. Raises NotFound for one that is not entered.
    """
    now = home.clock()
    with reading(home.engine) as reader:
        everyone = members(reader, home.ledger.log, now)
        since = leading_from(reference_at(Reads(reader, home.ledger.log), default()))
    known = {one.party: one for one in everyone}
    for party in parties:
        if party not in known:
            raise NotFound(Problem("manifest.party_unknown", "/party", {"party": party}))
    if parties:
        chosen = [known[party] for party in dict.fromkeys(parties)]
    else:
        chosen = [one for one in everyone if not one.access and (again or not one.invited)]
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for count, member in enumerate(chosen, start=1):
        code = new_code(member.party, now, days)
        spoken = None if since is None else wording.date_text(since, "vi")
        data = render_letters(_letter(home, member, code, now, spoken))
        path = folder / f"{_UNSAFE.sub('-', member.party)}.pdf"
        path.unlink(missing_ok=True)
        write_secret(path, data)
        keep_code(home, code, now)
        written.append(Written(member.party, path, code.expires_at))
        progress(count, len(chosen))
    return written


def _letter(home: Home, member: Member, code: Code, now: datetime, leading: str | None) -> Letter:
    named = member.identifier or member.party
    return Letter(
        sender=home.settings.operator,
        written_on=wording.date_text(local_date(now), "vi"),
        name=member.name,
        address=member.address,
        organisation=named,
        roles=", ".join(wording.label("role", role, "vi") for role in member.roles),
        code=code.text,
        # The code itself is typed: an address is kept by browsers, proxies and whoever looks over a shoulder.
        address_to_open=f"{home.settings.public_url}/invitation?{urlencode({'o': named})}",
        expires_on=wording.date_text(local_date(code.expires_at), "vi"),
        leading_from=leading,
        authority=member.authority,
    )
