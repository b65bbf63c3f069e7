"""How a correction goes: proposed, agreed to by all whom it touches, and only then taken; or it falls.

At most one is open in a manifest at a time, so that whoever agrees knows what it will change. Time alone
never takes one: an open correction has a clock, and goes to the authority when nobody answers. The old value
stays in the log for ever.
"""

from dataclasses import replace
from types import MappingProxyType

from ledger.errors import Conflict, Problem, RuleBroken
from manifest.accounts import Posting
from manifest.consignment import Correction, Line, Manifest
from manifest.correcting.effect import take_effect
from manifest.correcting.events import CorrectionWithdrawn
from manifest.correcting.fields import FIELDS, Whose
from manifest.events import CorrectionConsented, CorrectionDeclined, CorrectionProposed
from manifest.postings import Terms
from manifest.vocabulary import Consent

Act = CorrectionProposed | CorrectionConsented | CorrectionDeclined | CorrectionWithdrawn
ACTS = (CorrectionProposed, CorrectionConsented, CorrectionDeclined, CorrectionWithdrawn)


def correct(before: Manifest, event: Act, by: str, terms: Terms) -> tuple[Manifest, tuple[Posting, ...]]:
    """Return the manifest after an act of correcting, and the postings of one that takes effect with it.

    Raises Refused when the act is not open, or not theirs who sign it. A proposal is tried out as it is made:
    one that could not take effect is refused at once.
    """
    if isinstance(event, CorrectionProposed):
        return _propose(before, event, by, terms)
    found = before.corrections.get(event.correction)
    if found is None:
        raise Conflict(Problem("manifest.correction_not_open", "/body/correction"))
    entitled = {found.by} if isinstance(event, CorrectionWithdrawn) else found.waiting
    if by not in entitled:
        raise RuleBroken(Problem("manifest.correction_not_yours", "/body/correction"))
    if not isinstance(event, CorrectionConsented):
        return _settled(before, event.correction), ()
    waiting = found.waiting - {by}
    if waiting:
        return _open(before, replace(found, waiting=waiting)), ()
    after, made = take_effect(before, found.proposed, terms)
    return _settled(after, event.correction), made


def _propose(
    before: Manifest, event: CorrectionProposed, by: str, terms: Terms
) -> tuple[Manifest, tuple[Posting, ...]]:
    if event.correction in before.corrections or event.correction in before.settled:
        raise Conflict(Problem("manifest.correction_known_already", "/body/correction"))
    waiting = waits_for(before, event, by)
    if waiting and before.corrections:
        open_ = next(iter(before.corrections))
        raise Conflict(Problem("manifest.correction_open_already", "/body/correction", {"correction": open_}))
    after, made = take_effect(before, event, terms)
    if waiting:
        return _open(before, Correction(event, by, waiting)), ()
    return _settled(after, event.correction), made


def _open(before: Manifest, correction: Correction) -> Manifest:
    open_ = {**before.corrections, correction.proposed.correction: correction}
    return replace(before, corrections=MappingProxyType(open_))


def _settled(before: Manifest, name: str) -> Manifest:
    open_ = {key: one for key, one in before.corrections.items() if key != name}
    return replace(before, corrections=MappingProxyType(open_), settled=before.settled | {name})


def waits_for(before: Manifest, event: CorrectionProposed, by: str) -> frozenset[str]:
    """Return who has to agree to a correction: never nobody where consent is needed, never the proposer."""
    ruling = FIELDS[event.field]
    if ruling.consent is not Consent.CONSENT:
        return frozenset()
    line = line_of(before, event)
    facility = before.registered.facility if line is None else before.facility_of(line)
    parties = {
        Whose.GENERATOR: before.registered.generator,
        Whose.FACILITY: facility,
        Whose.HOLDER: before.holder,
    }
    asked = frozenset(parties[one] for one in ruling.whose) - {by}
    # Who plays every part in the matter is not the only one whom it touches.
    return asked or frozenset({before.registered.generator, facility}) - {by}


def line_of(before: Manifest, event: CorrectionProposed) -> Line | None:
    """Return the line that a correction is about, named by itself or by its treated part; None for none."""
    if event.part is not None and event.part <= len(before.parts):
        return before.line(before.parts[event.part - 1].declared.line)
    return None if event.line is None else before.line(event.line)
