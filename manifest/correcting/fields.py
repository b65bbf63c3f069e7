"""How each field is corrected: its class, whose consent, until when, and what is worked out again."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from manifest.vocabulary import Consent, CorrectedField, Status


class Whose(StrEnum):
    """A part in the matter: whoever plays it has to agree."""

    GENERATOR = "generator"
    FACILITY = "facility"  # the one that has the line in hand
    HOLDER = "holder"  # who brought the load to the gate


class Instead(StrEnum):
    """What to do about a field that is never corrected."""

    CANCEL_OR_RETURN = "cancel_or_return"
    WEIGH = "weigh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """How a field is corrected: ``where`` and ``value`` are the fields of the proposal that say so.

    ``status`` has every status in which it may be proposed and take effect; ``again`` says in words what is
    worked out again, ``source`` where the ruling comes from.
    """

    consent: Consent
    whose: tuple[Whose, ...] = ()
    where: str | None = None
    value: tuple[str, ...] = ()
    status: Collection[Status] = ()
    again: str = "nothing"
    instead: Instead | None = None
    source: str


_ANY = frozenset(Status) - {Status.NEW, Status.CANCELLED}
_PICKED_UP = _ANY - {Status.REGISTERED}
_UNDECIDED = frozenset({Status.REGISTERED, Status.IN_TRANSIT, Status.ARRIVED, Status.WEIGHED})
_ARRIVED = _PICKED_UP - {Status.IN_TRANSIT, Status.EXPORTED}
_AT_WORK = frozenset({Status.ACCEPTED, Status.IN_TREATMENT})
_BOTH = (Whose.GENERATOR, Whose.FACILITY)
_OURS = "CTNH Ledger (ours)"
_A1, _A5 = "decision A1", "decision A5: cancelled before pick-up, afterwards corrected or returned"

FIELDS: dict[CorrectedField, Ruling] = {
    CorrectedField.VEHICLE_PLATE: Ruling(
        consent=Consent.NOTIFY, where="leg", value=("value",), status=_PICKED_UP,
        again="the vehicles of the load, the plates at the gate", source=_OURS,
    ),
    CorrectedField.VEHICLE_KIND: Ruling(
        consent=Consent.NOTIFY, where="leg", value=("vehicle_kind",), status=_PICKED_UP,
        again="nothing: plate and load are judged as of a road vehicle's", source="NĐ 08/2022 Điều 69(5)",
    ),
    CorrectedField.PAPER_NUMBER: Ruling(
        consent=Consent.NOTIFY, value=("value",), status=_ANY, again="the number by which the paper is found",
        source=_OURS,
    ),
    CorrectedField.WASTE_NAME: Ruling(
        consent=Consent.NOTIFY, where="line", value=("name",), status=_ANY, source=_OURS
    ),
    CorrectedField.CONTAINERS: Ruling(
        consent=Consent.NOTIFY, where="line", value=("value",), status=_ANY, source=_OURS
    ),
    CorrectedField.PACKAGES: Ruling(
        consent=Consent.CONSENT, whose=_BOTH, where="line", value=("packages",), status=_UNDECIDED,
        again="the tolerance of the decision that follows, which goes by packaging", source=_A1,
    ),
    CorrectedField.ARRIVAL: Ruling(
        consent=Consent.CONSENT, whose=(Whose.FACILITY, Whose.HOLDER), value=("arrived_at",), status=_ARRIVED,
        again="the clocks of the journey and of acceptance", source=_OURS,
    ),
    CorrectedField.STATE: Ruling(
        consent=Consent.CONSENT, whose=_BOTH, where="line", value=("state", "lots"),
        status=_PICKED_UP - {Status.EXPORTED, Status.RETURNED, Status.COMPLETED},
        again="the grams go over to new lots of that state, from their source on; tolerance", source=_A5,
    ),
    CorrectedField.CODE: Ruling(
        consent=Consent.CONSENT, whose=_BOTH, where="line", value=("code", "lots"),
        status=_PICKED_UP - {Status.EXPORTED, Status.RETURNED, Status.COMPLETED},
        again="the grams go over to new lots of that code, from their source on; tolerance, permit use",
        source=f"{_A5}; B18",
    ),
    CorrectedField.NET_MASS: Ruling(
        consent=Consent.CONSENT, whose=_BOTH, where="line", value=("net_g",), status=_ARRIVED,
        again="the decision reversed and posted again, use of the permit, obligations", source=_A1,
    ),
    CorrectedField.SPLIT: Ruling(
        consent=Consent.CONSENT, whose=_BOTH, where="line", value=("accepted_g",), status=_AT_WORK,
        again="the decision reversed and posted again, use of the permit, obligations",
        source="decision B12: permit and reports count what was accepted",
    ),
    CorrectedField.DIFFERENCE: Ruling(
        consent=Consent.CONSENT, whose=_BOTH, where="line", status=_ARRIVED,
        again="unexplained grams back to their source, or to where they really are", source=_A1,
    ),
    CorrectedField.TREATED: Ruling(
        consent=Consent.CONSENT, whose=_BOTH, where="part", value=("mass_g", "methods", "treated_on"),
        status=frozenset({Status.IN_TREATMENT, Status.COMPLETED}),
        again="this part and those after it on its line reversed and posted again; ended obligations",
        source="decisions A6, B18",
    ),
    CorrectedField.PARTIES: Ruling(
        consent=Consent.NONE, instead=Instead.CANCEL_OR_RETURN, source=f"{_A5}; Luật BVMT Điều 83(4)"
    ),
    CorrectedField.NUMBER: Ruling(consent=Consent.NONE, instead=Instead.CANCEL_OR_RETURN, source=_A5),
    CorrectedField.DECLARED_MASS: Ruling(consent=Consent.NONE, instead=Instead.WEIGH, source=_A1),
}  # fmt: skip
