"""The story's clock and calendar: when a working day is, in Viet Nam, in 2025."""

from datetime import UTC, date, datetime, timedelta

from manifest.vocabulary import VIETNAM

# The registers are filled in March, the waste begins to flow on the first day of the second quarter.
REGISTERS_OPEN_ON = date(2025, 3, 17)
FIRST_DAY = date(2025, 4, 1)
LAST_DAY = date(2025, 9, 30)

_SUNDAY = 6
# Giỗ Tổ Hùng Vương, 30/4, 1/5, and Quốc khánh with the day that goes with it in 2025.
_HOLIDAYS = {date(2025, 4, 7), date(2025, 4, 30), date(2025, 5, 1), date(2025, 9, 1), date(2025, 9, 2)}


class StoryClock:
    """Tells the story's time; it only moves forward, and only when it is told to."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or moment(REGISTERS_OPEN_ON, 8)

    def __call__(self) -> datetime:
        """Return the story's time, in UTC."""
        return self._now

    def advance(self, to: datetime) -> datetime:
        """Let time pass until ``to``; a time that has passed already changes nothing."""
        self._now = max(self._now, to)
        return self._now


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    """Return a time of day in Viet Nam, in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=VIETNAM).astimezone(UTC)


def working_day(day: date) -> date:
    """Return that day, or the first working day after it: no load moves on a Sunday or a holiday."""
    while day.weekday() == _SUNDAY or day in _HOLIDAYS:
        day += timedelta(days=1)
    return day


def working_day_before(day: date) -> date:
    """Return that day, or the last working day before it."""
    while day.weekday() == _SUNDAY or day in _HOLIDAYS:
        day -= timedelta(days=1)
    return day
