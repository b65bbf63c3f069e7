"""How well acts and manifests are supported: the level of signatures, and how many unrelated parties sign.

A signature says who; the grade says how many who have nothing to do with each other say the same. Two
branches of one firm, or a party and whoever holds its mandate, are one voice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Assurance(IntEnum):
    """How far an act is bound to a person; what stands on paper («hỗ trợ») is below an account."""

    ON_PAPER = -1
    ACCOUNT = 0
    OWN_KEY = 1
    CERTIFICATE = 2
    TIMESTAMPED = 3


class Grade(StrEnum):
    """What a manifest rests on, the strongest first."""

    A = "A"  # unrelated parties, each with a key of its own, and a weighbridge ticket of this load
    B = "B"  # unrelated parties
    C = "C"  # one voice only, or a ticket shared with other loads
    D = "D"  # paper, help, or contested


@dataclass(frozen=True, slots=True)
class Support:
    """One party's support of a manifest: the strongest level at which it signed an act."""

    party: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The grade of a manifest and what it follows from: how many unrelated voices, and what weakens it."""

    grade: Grade
    voices: int
    weakened_by: tuple[str, ...]


def kinship(identifiers: Mapping[str, str | None], mandates: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the voice of each party: one name for all that belong together.

    ``identifiers`` gives the tax code of each party or None: branches share the first ten digits. Each of
    ``mandates`` is a principal and its agent.
    """
    voice = {party: party for party in identifiers}

    def find(party: str) -> str:
        while voice.setdefault(party, party) != party:
            party = voice[party]
        return party

    firms: dict[str, str] = {}
    for party, identifier in sorted(identifiers.items()):
        if identifier:
            voice[find(party)] = find(firms.setdefault(identifier[:10], party))
    for principal, agent in sorted(mandates):
        voice[find(principal)] = find(agent)
    return {party: find(party) for party in list(voice)}


def grade(
    supports: Sequence[Support],
    voices: Mapping[str, str],
    *,
    weighed: bool,
    shared_ticket: bool = False,
    contested: bool = False,
) -> Evidence:
    """Return the grade of a manifest from the acts that its parties signed.

    ``weighed`` tells whether a scale has spoken, ``shared_ticket`` whether it spoke of several loads at once
    (decision A1), ``contested`` whether somebody disputes what was entered for him (decision D23).
    """
    strongest: dict[str, int] = {}
    for support in supports:
        voice = voices.get(support.party, support.party)
        strongest[voice] = max(strongest.get(voice, Assurance.ON_PAPER), support.level)
    heard = [level for level in strongest.values() if level > Assurance.ON_PAPER]
    weakened = []
    if any(support.level == Assurance.ON_PAPER for support in supports):
        weakened.append("on_paper")
    if contested:
        weakened.append("contested")
    if shared_ticket:
        weakened.append("shared_ticket")
    if not weighed:
        weakened.append("not_weighed")
    if {"on_paper", "contested"} & set(weakened):
        found = Grade.D
    elif len(heard) < 2 or shared_ticket:  # noqa: PLR2004  one voice alone
        found = Grade.C
    elif weighed and all(level >= Assurance.OWN_KEY for level in heard):
        found = Grade.A
    else:
        found = Grade.B
    return Evidence(grade=found, voices=len(heard), weakened_by=tuple(weakened))
