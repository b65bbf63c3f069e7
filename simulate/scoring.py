"""How good the alarms were: kilograms found and missed, by kind of fraud and by rule.

What is to be found are the grams that nothing has treated or will: dumped, hidden, hoarded beyond the year.
A finding points at a load, a lot or a party; it points right as far as grams there are untreated. Findings
about one load count once for its grams, whichever rules they come from.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy import select

from ledger.storage.db import Reader
from manifest.findings.views import FINDING
from manifest.vocabulary import local_date
from simulate.driving import Played
from simulate.loads import World


@dataclass(slots=True)
class Score:
    """Grams to be found, found, and pointed at in vain; alarms right and wrong."""

    wrong_g: int = 0
    found_g: int = 0
    vain_g: int = 0
    alarms: int = 0
    right: int = 0

    @property
    def recall(self) -> float | None:
        """The part of the grams that was found."""
        return self.found_g / self.wrong_g if self.wrong_g else None

    @property
    def precision(self) -> float | None:
        """The part of the grams pointed at that is really untreated."""
        pointed = self.found_g + self.vain_g
        return self.found_g / pointed if pointed else None


@dataclass(slots=True)
class Scores:
    """The scores of a world: overall, by fraud, by rule."""

    overall: Score = field(default_factory=Score)
    frauds: defaultdict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    rules: defaultdict[str, Score] = field(default_factory=lambda: defaultdict(Score))


@dataclass(frozen=True, slots=True)
class Truth:
    """Grams of a thing that are untreated and should not be, out of how many, and why."""

    untreated_g: int
    whole_g: int
    fraud: str


def truths(world: World, played: Played) -> dict[str, Truth]:
    """Return by subject (manifest, lot, site) what is true of it."""
    found: dict[str, Truth] = {}
    for name, load in played.manifests.items():
        whole = load.declared_g + sum(lot.hidden_g for lot in load.lots)
        found[f"manifest:{name}"] = Truth(load.untreated_g, whole, load.fraud or "")
    for name, (lot, hoarded) in played.lots.items():
        fraud = "hoarding_over_a_year" if hoarded else ""
        found[f"lot:{name}"] = Truth(lot.mass_g if hoarded else 0, lot.mass_g, fraud)
    for member in world.ghosts:
        grams = sum(member.yearly_g.values())
        found[f"site:{member.site}"] = Truth(grams, grams, "ghost_generator")
    return found


def _about(played: Played, subject: str) -> list[str]:
    """Return the things that a finding points at: a manifest, a lot, or the loads of a site or a pair."""
    kind, _, rest = subject.partition(":")
    first, _, second = rest.partition("|")
    match kind:
        case "line":
            return [f"manifest:{first}"]
        case "manifest":
            return [f"manifest:{first}"]
        case "lot":
            return [f"lot:{first}"]
        case "pair":
            return [
                f"manifest:{name}"
                for name, load in played.manifests.items()
                if (load.generator.party, load.facility.party) == (first, second)
            ]
        case "site":
            return [f"site:{first}", *_at_site(played, first, second)]
    return []


def _at_site(played: Played, site: str, month: str) -> list[str]:
    return [
        f"manifest:{name}"
        for name, load in played.manifests.items()
        if load.generator.site == site
        or (
            load.facility.site == site
            and load.treated_at is not None
            and (not month or f"{local_date(load.treated_at):%Y-%m}" == month)
        )
    ]


def score(reader: Reader, log: int, world: World, played: Played) -> Scores:
    """Return how good the open findings of a played world are."""
    scores, true = Scores(), truths(world, played)
    pointed: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in reader.execute(select(FINDING).where(FINDING.c.log == log)).mappings():
        things = [one for one in _about(played, row["subject"]) if one in true]
        there_g = sum(true[one].untreated_g for one in things)
        right_g = min(int(row["grams"]), there_g)
        rule = scores.rules[row["rule"]]
        rule.alarms += 1
        rule.right += right_g > 0 or any(true[one].fraud for one in things)
        rule.found_g += right_g
        rule.vain_g += int(row["grams"]) - right_g
        left = int(row["grams"])
        for one in sorted(things, key=lambda one: -true[one].untreated_g):
            share = min(left, true[one].whole_g)
            left -= share
            by_rule = pointed[one]
            by_rule[row["rule"]] = max(by_rule.get(row["rule"], 0), share)
    for name, truth in true.items():
        grams = max(pointed[name].values(), default=0)
        found_g = min(grams, truth.untreated_g)
        for tally in (scores.overall, scores.frauds[truth.fraud]):
            tally.wrong_g += truth.untreated_g
            tally.found_g += found_g
            tally.vain_g += grams - found_g
    return scores
