"""Running the rules: all of them over everything, or over what has changed since the last run.

Nothing is written here. A run reads one state of the database and returns what would have to be recorded;
an increment returns the same as a full run would, because whatever it leaves out nothing has touched and no
date has made due (see `Rule` and `touched`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import orjson
from sqlalchemy import select

from ledger.errors import Conflict, Malformed, Problem
from ledger.storage.db import Reader
from ledger.writing.changes import Reads
from manifest.findings.events import RunMode
from manifest.findings.matching import Known, Matched, match
from manifest.findings.views import FINDING, RUN
from manifest.lookups import reference_at
from manifest.reconcile.rule import Context, Rule, Touched, primary
from manifest.reconcile.rules import RULES
from manifest.reconcile.touched import Since, since
from manifest.reference import Reference
from manifest.vocabulary import FindingStatus

Progress = Callable[[str, int, int], None]
MOST = 10_000  # of ids that a query may name; beyond that everything is looked at, which is no slower


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """The last run: its size of the log, its as-of date, and the rules that it ran."""

    size: int
    as_of: date
    rules: frozenset[str]


def last_run(reader: Reader, log: int) -> Last | None:
    """Return the last run that came to its end; None when there is none."""
    query = select(RUN).where(RUN.c.log == log).order_by(RUN.c.seq.desc()).limit(1)
    row = reader.execute(query).mappings().first()
    if row is None:
        return None
    return Last(size=int(row["size"]), as_of=row["as_of"], rules=frozenset(row["rules"].split(",")))


def examine(
    reader: Reader,
    log: int,
    origin: str,
    run: str,
    *,
    as_of: date,
    base: Reference,
    mode: RunMode,
    progress: Progress = lambda *_: None,
) -> Iterator[Matched]:
    """Yield, rule by rule, what a run over the present state asks to be recorded.

    Raises Malformed for an as-of date before that of the last run, and RuleBroken when a rule's limit has no
    value on that date.
    """
    reference = reference_at(Reads(reader, log), base)
    last = last_run(reader, log)
    if last is not None and as_of < last.as_of:
        raise Malformed(Problem("manifest.period_reversed", "/as_of", {"last": last.as_of.isoformat()}))
    whole = mode is RunMode.FULL or last is None
    news = None if whole or last is None else since(reader, log, last.size, last.as_of)
    known = _known(reader, log)
    for index, rule in enumerate(RULES.values()):
        progress(rule.id, index, len(RULES))
        touched = None if last is None or news is None else _touched(rule, last, news)
        context = Context(reader=reader, log=log, as_of=as_of, reference=reference, touched=touched)
        try:
            found = list(rule.find(context))
        except ArithmeticError as error:
            raise Conflict(Problem("manifest.rule_failed", "", {"rule": rule.id})) from error
        of_rule = known[rule.id]
        looked_at = None if touched is None else _looked_at(rule, of_rule, touched)
        yield match(rule, found, of_rule, looked_at, origin=origin, run=run)
    progress("", len(RULES), len(RULES))


def _touched(rule: Rule, last: Last, news: Since) -> Touched | None:
    """Return what a rule has to look at in an increment; None when it has to look at everything."""
    many = len(news.touched.subjects.get(rule.subject, ())) > MOST
    anew = rule.whole or rule.id not in last.rules or news.limits or many
    return None if anew else news.touched


def _looked_at(rule: Rule, known: Mapping[str, Known], touched: Touched) -> set[str]:
    """Return the subjects of known findings whose thing was touched: the others stand as they did."""
    ids = touched.subjects.get(rule.subject, frozenset())
    return {one.subject for one in known.values() if primary(one.subject) in ids}


def _known(reader: Reader, log: int) -> defaultdict[str, dict[str, Known]]:
    found: defaultdict[str, dict[str, Known]] = defaultdict(dict)
    columns = (FINDING.c.finding, FINDING.c.rule, FINDING.c.subject, FINDING.c.grams, FINDING.c.facts)
    query = select(*columns, FINDING.c.status, FINDING.c.lapsed_at).where(FINDING.c.log == log)
    for row in reader.execute(query):
        found[row.rule][row.finding] = Known(
            rule=row.rule,
            subject=row.subject,
            grams=int(row.grams),
            facts=orjson.loads(row.facts),
            closed=row.status == FindingStatus.CLOSED,
            lapsed=row.lapsed_at is not None,
        )
    return found
