"""From a planned ending to a consignment's acts: what happens to each, and what of it stays open."""

from collections.abc import Callable

from api.demo.plan import Ending
from api.demo.trips import Trip

# Tells an ending; returns the grams that stay open, zero when there is nothing left to do.
_Tell = Callable[[Trip], int]


def tell(trip: Trip) -> int:
    """Write all acts of a consignment; return the grams of it that are still open at the story's end."""
    trip.register()
    return _TELLERS[trip.journey.ending](trip)


def _on_the_road(trip: Trip) -> int:
    trip.hand_over()
    return sum(line.mass_g for line in trip.lines)


def _to_the_scale(trip: Trip, off: float | None = None) -> None:
    trip.hand_over()
    trip.arrive()
    trip.weigh(off)


def _accepted(trip: Trip) -> int:
    _to_the_scale(trip)
    trip.accept()
    return sum(trip.left_g)


def _finish(trip: Trip) -> int:
    trip.next_day(2, 7)
    trip.treat()
    trip.next_day(1, 2)
    trip.complete()
    return 0


def _completed(trip: Trip) -> int:
    _accepted(trip)
    return _finish(trip)


def _after_interim(trip: Trip) -> int:
    _accepted(trip)
    trip.next_day(1, 3)
    trip.treat(interim=True)
    return _finish(trip)


def _in_parts(trip: Trip) -> int:
    _accepted(trip)
    trip.next_day(1, 3)
    trip.treat(0.45)
    if trip.random.random() < 1 / 3:
        trip.next_day(1, 2)
        trip.treat(0.5)
    return _finish(trip)


def _unexplained(trip: Trip) -> int:
    # Short far more often than over: what is missing is the question, and a surplus counts for nobody.
    over = trip.random.random() < 1 / 4
    off = trip.random.uniform(0.06, 0.09) if over else trip.random.uniform(-0.12, -0.07)
    _to_the_scale(trip, off)
    trip.accept()
    _finish(trip)
    return abs(trip.arrived_g[0] - trip.lines[0].mass_g)


def _resolved(trip: Trip) -> int:
    _to_the_scale(trip, -0.08)
    trip.accept()
    _finish(trip)
    trip.resolve_difference()
    return 0


def _part_refused(trip: Trip) -> int:
    _to_the_scale(trip)
    trip.accept(0.15)
    trip.next_day(1, 2)
    trip.bring_back()
    return _finish(trip)


def _refused(trip: Trip) -> int:
    trip.hand_over()
    trip.arrive()
    trip.refuse()
    return sum(line.mass_g for line in trip.lines)


def _refused_returned(trip: Trip) -> int:
    _refused(trip)
    trip.next_day(1, 2)
    trip.bring_back()
    return 0


def _awaiting(trip: Trip) -> int:
    _to_the_scale(trip)
    return sum(trip.arrived_g)


def _interim_only(trip: Trip) -> int:
    left_g = _accepted(trip)
    trip.next_day(1, 4)
    trip.treat(interim=True)
    return left_g


def _partly(trip: Trip) -> int:
    _accepted(trip)
    trip.next_day(2, 8)
    trip.treat(0.6)
    return sum(trip.left_g)


def _not_completed(trip: Trip) -> int:
    accepted_g = _accepted(trip)
    trip.next_day(3, 9)
    trip.treat()
    return accepted_g


def _cancelled(trip: Trip) -> int:
    trip.cancel()
    return 0


def _stands(trip: Trip) -> int:
    return sum(line.mass_g for line in trip.lines)


def _plate(trip: Trip) -> int:
    _accepted(trip)
    trip.next_day(1, 1)
    trip.correct_plate()
    return _finish(trip)


def _mass(trip: Trip) -> int:
    _accepted(trip)
    trip.next_day(1, 1)
    trip.correct_mass(agreed=True)
    return _finish(trip)


def _declined(trip: Trip) -> int:
    _accepted(trip)
    trip.next_day(1, 1)
    trip.correct_mass(agreed=False)
    return _finish(trip)


_TELLERS: dict[Ending, _Tell] = {
    Ending.COMPLETED: _completed,
    Ending.COMPLETED_AFTER_INTERIM: _after_interim,
    Ending.COMPLETED_IN_PARTS: _in_parts,
    Ending.COMPLETED_MANY_LINES: _completed,
    Ending.COMPLETED_OWN_CARRIAGE: _completed,
    Ending.COMPLETED_FACILITY_CARRIAGE: _completed,
    Ending.COMPLETED_TWO_LEGS: _completed,
    Ending.DIFFERENCE_UNEXPLAINED: _unexplained,
    Ending.DIFFERENCE_RESOLVED: _resolved,
    Ending.PART_REFUSED_RETURNED: _part_refused,
    Ending.REFUSED_RETURNED: _refused_returned,
    Ending.REFUSED_NOT_RETURNED: _refused,
    Ending.NEVER_ARRIVED: _on_the_road,
    Ending.IN_TRANSIT: _on_the_road,
    Ending.AWAITING_ACCEPTANCE: _awaiting,
    Ending.ACCEPTED_NEVER_TREATED: _accepted,
    Ending.NEVER_TREATED_SINCE_APRIL: _accepted,
    Ending.INTERIM_ONLY: _interim_only,
    Ending.PARTLY_TREATED: _partly,
    Ending.TREATED_NOT_COMPLETED: _not_completed,
    Ending.CANCELLED: _cancelled,
    Ending.REGISTERED: _stands,
    Ending.NEVER_PICKED_UP: _stands,
    Ending.CORRECTED_PLATE: _plate,
    Ending.CORRECTED_MASS: _mass,
    Ending.CORRECTION_DECLINED: _declined,
}
