"""The mass of a line from declaration to treatment: what each act may do to it, and what always holds.

declared → weighed (net) → accepted + refused = net → treated ≤ accepted. The difference between declared
and net is computed: within the tolerance it restates the lot, beyond it stays unexplained until it is
resolved (decision A1). All masses are whole grams.
"""

from dataclasses import dataclass, replace

from ledger.errors import Problem, RuleBroken
from manifest.vocabulary import Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondMass:
    """Grams of a line on the way to the second facility and there; ``taker`` has them in hand till then.

    ``accepted_g`` is None until the second facility has decided; ``returned`` tells that what it refused is
    back at the generator's.
    """

    taker: str
    forwarded_g: int
    net_g: int | None = None
    accepted_g: int | None = None
    refused_g: int = 0
    returned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineMass:
    """Grams of one line; ``net_g`` is None until it is weighed, ``accepted_g`` until it is decided.

    ``instrument`` and ``uncertainty_g`` say how it was weighed; ``tolerance_g`` is the difference from the
    declared mass up to which the decision restated it.
    ``treated_g`` went through a final method, ``interim_g`` through interim ones only, ``batched_g`` went on
    into a batch, whose outputs have a fate of their own. ``without_basis_g``
    is what of ``treated_g`` no permit line covers; ``last_method`` is the last method of the newest part
    that one does. ``resolved`` tells that the unexplained difference has been explained, ``returned`` that
    what was refused is back. ``exported_g`` left the country and is treated where no scale of ours stands.
    """

    declared_g: int
    net_g: int | None = None
    instrument: Instrument | None = None
    uncertainty_g: int = 0
    tolerance_g: int | None = None
    accepted_g: int | None = None
    refused_g: int = 0
    treated_g: int = 0
    interim_g: int = 0
    batched_g: int = 0
    without_basis_g: int = 0
    returned: bool = False
    resolved: bool = False
    last_method: str | None = None
    second: SecondMass | None = None
    exported_g: int | None = None

    def __post_init__(self) -> None:
        good = (
            self.declared_g > 0
            and min(self.net_g or 0, self.due_g, self.refused_g) >= 0
            and min(self.treated_g, self.interim_g, self.batched_g) >= 0
            and self.treated_g + self.interim_g + self.batched_g <= self.due_g
            and 0 <= self.without_basis_g <= self.treated_g
        )
        if not good:
            raise ValueError(f"impossible masses: {self}")

    @property
    def arrived_g(self) -> int:
        """What came to the gate: net grams, or as declared while nobody has weighed."""
        return self.declared_g if self.net_g is None else self.net_g

    @property
    def difference(self) -> "Difference":
        """What the scale says against what was declared, by the tolerance of the decision."""
        return difference(self.declared_g, self.arrived_g, self.tolerance_g or 0)

    @property
    def due_g(self) -> int:
        """What is to be treated: what the facility that has the line accepted, or is on the way there."""
        if self.second is None:
            return self.accepted_g or self.exported_g or 0
        return self.second.forwarded_g if self.second.accepted_g is None else self.second.accepted_g

    @property
    def outstanding_g(self) -> int:
        """Refused, at the first facility or the second, and not yet back."""
        first = 0 if self.returned else self.refused_g
        return first + (0 if self.second is None or self.second.returned else self.second.refused_g)

    @property
    def left_g(self) -> int:
        """Accepted and neither through a final method nor gone into a batch."""
        return self.due_g - self.treated_g - self.batched_g

    @property
    def untouched_g(self) -> int:
        """Accepted and through no method at all."""
        return self.left_g - self.interim_g


@dataclass(frozen=True, slots=True)
class Difference:
    """What the scale says against what was declared, split by the tolerance.

    Exactly one of the two is other than zero, or none; positive means more arrived than was declared.
    """

    restated_g: int
    unexplained_g: int


def difference(declared_g: int, net_g: int, tolerance_g: int) -> Difference:
    """Return the difference of net from declared grams, as restated or as unexplained.

    Source: decision A1; the tolerance is that of `tolerance.py` on the date.
    """
    delta = net_g - declared_g
    if abs(delta) <= tolerance_g:
        return Difference(delta, 0)
    return Difference(0, delta)


def credited(accepted_g: int, unexplained_g: int) -> int:
    """Return the part of an accepted mass that is credited: an unexplained surplus is set apart first."""
    return max(accepted_g - max(unexplained_g, 0), 0)


def weigh(
    line: LineMass, net_g: int, instrument: Instrument | None = None, uncertainty_g: int = 0
) -> LineMass:
    """Record the net mass, and how it was found."""
    return replace(line, net_g=net_g, instrument=instrument, uncertainty_g=uncertainty_g)


def decide(line: LineMass, accepted_g: int, refused_g: int, tolerance_g: int, path: str) -> LineMass:
    """Record what is accepted and refused; raise RuleBroken unless both together are what arrived."""
    if accepted_g + refused_g != line.arrived_g:
        facts = {"arrived_g": line.arrived_g, "accepted_g": accepted_g, "refused_g": refused_g}
        raise RuleBroken(Problem("manifest.accepted_and_refused", path, facts))
    return replace(line, accepted_g=accepted_g, refused_g=refused_g, tolerance_g=tolerance_g)


def correct_net(line: LineMass, net_g: int) -> LineMass:
    """Return the line as if it had weighed ``net_g``: what was refused stays, what was accepted follows.

    A line that was refused whole stays refused whole.

    Raises RuleBroken when less arrived than was refused, when the line was not decided on yet, or when its
    grams are out of reach.
    """
    in_reach(line)
    if line.accepted_g == 0:
        return replace(line, net_g=net_g, refused_g=net_g)
    if net_g < line.refused_g:
        facts = {"arrived_g": net_g, "accepted_g": 0, "refused_g": line.refused_g}
        raise RuleBroken(Problem("manifest.accepted_and_refused", "/body/net_g", facts))
    return replace(line, net_g=net_g, accepted_g=net_g - line.refused_g)


def correct_split(line: LineMass, accepted_g: int) -> LineMass:
    """Return the line as if so much of what arrived had been accepted, and the rest refused.

    Raises RuleBroken for more than arrived, or when the grams are out of reach.
    """
    in_reach(line)
    if accepted_g > line.arrived_g:
        facts = {"arrived_g": line.arrived_g, "accepted_g": accepted_g, "refused_g": 0}
        raise RuleBroken(Problem("manifest.accepted_and_refused", "/body/accepted_g", facts))
    return replace(line, accepted_g=accepted_g, refused_g=line.arrived_g - accepted_g)


def in_reach(line: LineMass) -> None:
    """Raise RuleBroken unless a line was decided on, and all of it still lies where the decision put it."""
    if line.accepted_g is None:
        raise RuleBroken(Problem("manifest.correction_out_of_time", "/body/line"))
    stages = {
        "forwarded": line.second is not None,
        "batched": line.batched_g,
        "treated": line.treated_g or line.interim_g,
        "returned": line.returned,
        "explained": line.resolved,
    }
    gone = next((stage for stage, happened in stages.items() if happened), None)
    if gone is not None:
        raise RuleBroken(Problem("manifest.correction_out_of_reach", "/body/line", {"stage": gone}))


def give_back(line: LineMass) -> LineMass:
    """Record that what was refused of the line is back; a line of which nothing was stays as it is."""
    return replace(line, returned=True) if line.refused_g else line


def send_abroad(line: LineMass) -> LineMass:
    """Record that a line has left the country, as declared."""
    return replace(line, exported_g=line.declared_g)


def forward(line: LineMass, taker: str, path: str) -> LineMass:
    """Send a line on to the second facility; raise RuleBroken unless it is whole and nothing has touched it.

    What was refused of it has to be back first, so that nobody carries two parts of one line.
    """
    touched = line.treated_g or line.interim_g or line.batched_g
    if not line.accepted_g or touched or line.second is not None:
        raise RuleBroken(Problem("manifest.line_not_whole", path, {"left_g": line.untouched_g}))
    if line.outstanding_g:
        raise RuleBroken(Problem("manifest.return_first", path, {"refused_g": line.outstanding_g}))
    return replace(line, second=SecondMass(taker=taker, forwarded_g=line.accepted_g))


def receive_second(line: LineMass, net_g: int, accepted_g: int, refused_g: int, path: str) -> LineMass:
    """Record what the second facility weighed and decided; raise RuleBroken unless parts are the whole."""
    second = line.second
    if second is None or second.accepted_g is not None:
        raise RuleBroken(Problem("manifest.line_not_forwarded", path))
    if accepted_g + refused_g != net_g:
        facts = {"arrived_g": net_g, "accepted_g": accepted_g, "refused_g": refused_g}
        raise RuleBroken(Problem("manifest.accepted_and_refused", path, facts))
    decided = replace(second, net_g=net_g, accepted_g=accepted_g, refused_g=refused_g)
    return replace(line, second=decided)


def give_back_second(line: LineMass) -> LineMass:
    """Record that what the second facility refused of the line is back."""
    second = line.second
    if second is None or not second.refused_g:
        return line
    return replace(line, second=replace(second, returned=True))


def resolve(line: LineMass) -> LineMass:
    """Record that the difference is explained; raise RuleBroken when it was explained before."""
    if line.accepted_g is None:
        raise RuleBroken(Problem("manifest.correction_out_of_time", "/body/line"))
    if line.second or line.resolved:
        facts = {"stage": "explained" if line.resolved else "forwarded"}
        raise RuleBroken(Problem("manifest.correction_out_of_reach", "/body/line", facts))
    return replace(line, resolved=True)


def treat(
    line: LineMass,
    mass_g: int,
    *,
    method: str,
    final: bool,
    permitted: bool,
    path: str,
    batched: bool = False,
) -> LineMass:
    """Record treatment of a part; raise RuleBroken beyond what was accepted and is left.

    An interim method takes from what no method has touched; a final one or a batch takes that first, then
    what only interim methods have.
    """
    limit = line.left_g if final or batched else line.untouched_g
    if mass_g > limit:
        facts = {"mass_g": mass_g, "left_g": limit}
        raise RuleBroken(Problem("manifest.treated_more_than_accepted", path, facts))
    from_interim = max(mass_g - line.untouched_g, 0)
    if batched:
        batched_g = line.batched_g + mass_g
        return replace(line, batched_g=batched_g, interim_g=line.interim_g - from_interim)
    if not final:
        return replace(line, interim_g=line.interim_g + mass_g)
    return replace(
        line,
        treated_g=line.treated_g + mass_g,
        interim_g=line.interim_g - from_interim,
        without_basis_g=line.without_basis_g + (0 if permitted else mass_g),
        last_method=method if permitted else line.last_method,
    )
