"""The visible difference of a correction: what stands there, and what is to stand there."""

from typing import Any

from ledger.format.event import time_text
from manifest.consignment import Leg, Line, Manifest
from manifest.correcting.fields import FIELDS
from manifest.correcting.process import line_of
from manifest.events import CorrectionProposed
from manifest.vocabulary import CorrectedField

Values = dict[str, Any]


def difference(before: Manifest, proposed: CorrectionProposed) -> tuple[Values, Values]:
    """Return the values of a field before a correction and after it, by the names that the proposal has."""
    if proposed.field is CorrectedField.DIFFERENCE:
        line = line_of(before, proposed)
        decided = line is not None and line.mass.accepted_g is not None and not line.mass.resolved
        return {"unexplained_g": line.mass.difference.unexplained_g if line and decided else 0}, {
            "unexplained_g": 0
        }
    written = proposed.write()
    new = {name: written[name] for name in FIELDS[proposed.field].value if name in written}
    old = _old(before, proposed)
    return {name: old.get(name) for name in new}, new


def _old(before: Manifest, proposed: CorrectionProposed) -> Values:
    if proposed.field is CorrectedField.ARRIVAL:
        return {"arrived_at": time_text(before.arrived_at) if before.arrived_at else None}
    if proposed.field is CorrectedField.PAPER_NUMBER:
        return {"value": before.registered.paper_number}
    if proposed.field is CorrectedField.TREATED:
        assert proposed.part is not None, "rules have seen the part"
        part = before.parts[proposed.part - 1].declared
        return {
            "mass_g": part.mass_g,
            "methods": list(part.methods),
            "treated_on": part.treated_on.isoformat(),
        }
    if proposed.leg is not None and proposed.leg <= len(before.legs):
        return _of_leg(before.legs[proposed.leg - 1])
    line = line_of(before, proposed)
    return {} if line is None else _of_line(line)


def _of_leg(leg: Leg) -> Values:
    return {"value": leg.vehicle_plate, "vehicle_kind": leg.vehicle_kind.value}


def _of_line(line: Line) -> Values:
    declared = line.declared
    return {
        "value": declared.containers,
        "name": declared.name,
        "packages": [
            {
                "kind": one.kind.value,
                "count": one.count,
                **({"volume_ml": one.volume_ml} if one.volume_ml else {}),
            }
            for one in declared.packages
        ],
        "state": declared.state.value,
        "code": declared.code,
        "lots": list(line.lots),
        "net_g": line.mass.net_g,
        "accepted_g": line.mass.accepted_g,
    }
