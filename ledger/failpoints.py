"""Named points between the durable steps, at which a test may stop the program dead.

Nothing is set in a program that runs: a point then costs one look at an empty mapping.
"""

from collections.abc import Callable

POINTS = (
    "locked",
    "checked",
    "entries_written",
    "tiles_written",
    "views_written",
    "before_commit",
    "after_commit",
    "checkpoint_signed",
    "guard_swapped",
    "checkpoint_stored",
)

_actions: dict[str, Callable[[], None]] = {}


def reach(point: str) -> None:
    """Do what a test has set for this point."""
    if _actions and (action := _actions.get(point)) is not None:
        action()


def at(point: str, action: Callable[[], None] | None) -> None:
    """Set what happens at a point; None takes it back."""
    assert point in POINTS, point
    if action is None:
        _actions.pop(point, None)
    else:
        _actions[point] = action
