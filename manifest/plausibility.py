"""What cannot be: more than containers hold, more than a vehicle carries. Mistakes of typing, caught in time.

These stop only what is still to happen, and only where no scale could say so (decision B18); what is merely
unusual is a finding of reconciliation.
"""

from collections.abc import Iterator, Sequence
from datetime import date

from ledger.errors import Problem
from manifest.events import LineDeclared
from manifest.reference import Reference
from manifest.vocabulary import State

_DENSITY = {
    State.SOLID: "density_max_solid_g_l",
    State.LIQUID: "density_max_liquid_g_l",
    State.SLUDGE: "density_max_sludge_g_l",
}
_MILLILITRES = 1000


def containers(lines: Sequence[LineDeclared], reference: Reference, on: date) -> Iterator[Problem]:
    """Yield a problem for each line that is heavier than its packages can hold of the densest waste.

    Packages of unknown volume say nothing. Liquids and sludge fill a container to nine tenths at most
    (TT 02/2022 Điều 35(4)).
    """
    for index, line in enumerate(lines):
        if not line.packages or any(one.volume_ml is None for one in line.packages):
            continue
        volume_ml = sum(one.count * (one.volume_ml or 0) for one in line.packages)
        density = reference.rule(_DENSITY[line.state], on).integer
        room_g = volume_ml * density // _MILLILITRES
        if line.state is not State.SOLID:
            fill = reference.rule("container_fill_max_permille", on).integer
            room_g = room_g * fill // 1000
        if line.mass_g > room_g:
            facts = {"mass_g": line.mass_g, "limit_g": room_g}
            yield Problem("manifest.too_heavy_for_containers", f"/body/lines/{index}/mass_g", facts)


def payload(
    mass_g: int, payload_g: int | None, reference: Reference, on: date, path: str
) -> Iterator[Problem]:
    """Yield a problem when a load is beyond what a vehicle could move, let alone is registered to carry."""
    if payload_g is None:
        return
    limit_g = payload_g * reference.rule("payload_excess_max_permille", on).integer // 1000
    if mass_g > limit_g:
        yield Problem("manifest.too_heavy_for_vehicle", path, {"mass_g": mass_g, "limit_g": limit_g})
