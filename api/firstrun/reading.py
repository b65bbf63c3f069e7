"""What the ledger and the database say of the first run: who is entered, who can get in, who may act."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Table, func, select

from api.firstrun.leading import leading_from
from api.firstrun.steps import Facts, Run, run_of
from api.firstrun.store import INVITATION
from api.home import OPERATOR, Home
from api.identity.store import ACCOUNT, TOKEN
from api.identity.tokens import API_KEY
from ledger.storage.db import Reader, reading
from ledger.storage.store import KEY, rows
from ledger.writing.changes import Reads
from manifest.lookups import reference_at
from manifest.reference import default
from manifest.register.views import ZONE
from manifest.views import LOT, ORGANISATION, SITE
from manifest.vocabulary import LotKind, Role, local_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A party on its way in: whether it can get in, holds a key, is invited by a letter, and was admitted."""

    party: str
    name: str
    roles: tuple[str, ...]
    identifier: str | None
    address: str
    admitted: bool
    access: bool
    key: bool
    invited: bool

    @property
    def authority(self) -> bool:
        """Whether it is one that admits others."""
        return Role.AUTHORITY.value in self.roles


def members(reader: Reader, log: int, now: datetime) -> list[Member]:
    """Return every party but the operator, as it stands at a time."""
    access = _with_access(reader, log, now)
    keys = {row["party"] for row in rows(reader, KEY, log=log) if row["until"] is None}
    letters = rows(reader, INVITATION, log=log)
    invited = {row["party"] for row in letters if row["used_at"] is None and row["expires_at"] > now}
    return [
        Member(
            party=row["party"],
            name=row["name"],
            roles=tuple(row["roles"].split(",")),
            identifier=row["identifier"],
            address=row["address"],
            admitted=row["admitted"],
            access=row["party"] in access,
            key=row["party"] in keys,
            invited=row["party"] in invited,
        )
        for row in rows(reader, ORGANISATION, log=log)
        if row["party"] != OPERATOR
    ]


def look(home: Home) -> Run:
    """Return where the first run of a deployment stands now."""
    now = home.clock()
    with reading(home.engine) as reader:
        return run_of(facts_of(reader, home.ledger.log, now))


def facts_of(reader: Reader, log: int, now: datetime) -> Facts:
    """Return the facts from which the steps follow."""
    everyone = members(reader, log, now)
    authorities = [one for one in everyone if one.authority]
    others = [one for one in everyone if not one.authority]
    generators = {one.party for one in others if one.admitted and Role.GENERATOR.value in one.roles}
    opening = select(LOT.c.party).where(LOT.c.log == log, LOT.c.lot_kind == LotKind.OPENING.value).distinct()
    declared = set(reader.execute(opening).scalars())
    return Facts(
        on=local_date(now),
        operator_access=OPERATOR in _with_access(reader, log, now),
        authorities=len(authorities),
        authorities_ready=sum(one.admitted and one.access and one.key for one in authorities),
        zones=_count(reader, ZONE, log),
        organisations=len(others),
        sites=_count(reader, SITE, log),
        invited=sum(one.invited and not one.access for one in others),
        with_access=sum(one.access for one in others),
        admitted=sum(one.admitted for one in others),
        waiting=sum(one.access and not one.admitted for one in others),
        generators=len(generators),
        with_opening=len(declared & generators),
        leading_from=_leading_from(reader, log),
    )


def _leading_from(reader: Reader, log: int) -> date | None:
    return leading_from(reference_at(Reads(reader, log), default()))


def _with_access(reader: Reader, log: int, now: datetime) -> set[str]:
    people = select(ACCOUNT.c.party).where(ACCOUNT.c.log == log, ACCOUNT.c.disabled.is_(False))
    programs = select(TOKEN.c.party).where(
        TOKEN.c.log == log,
        TOKEN.c.kind == API_KEY,
        TOKEN.c.revoked.is_(False),
        TOKEN.c.expires_at > now,
    )
    return {*reader.execute(people).scalars(), *reader.execute(programs).scalars()}


def _count(reader: Reader, table: Table, log: int) -> int:
    return int(reader.execute(select(func.count()).select_from(table).where(table.c.log == log)).scalar_one())
