"""When something that may last so many months is late: the last day itself is still in time."""

from datetime import date

from manifest.vocabulary import months_later


def late_since(begun: date, months: int, as_of: date) -> date | None:
    """Return the last day in time of what began on a day; None while that has not passed on ``as_of``."""
    due = months_later(begun, months)
    return due if due is not None and due < as_of else None


def begun_before(as_of: date, months: int) -> date:
    """Return the last day on which something can have begun that is late on ``as_of``."""
    day = months_later(as_of, -months)
    assert day is not None, "limits are shorter than the calendar"
    return day
