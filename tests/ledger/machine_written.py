"""Two lives written by hand: each rule once, and each column of each table changed in what they come to.

Chosen lives reach whatever they reach; these reach every check, each time.
"""

from collections.abc import Callable

from ledger.format.signature import Algorithm
from tests.ledger.machine import SIGNING, Machine
from tests.ledger.machine_hands import KINDS

LONG = 249
BEFORE_FULL = 255  # entries: one less than a tile holds
STRIDE = 20  # further into a value for the same column, beyond the name that a witness's line begins with


def written(machine: Machine) -> None:
    """Lead the life in which everything happens."""
    _lead(machine, lambda: _everything(machine))


def written_long(machine: Machine) -> None:
    """Lead a life of more entries than a tile holds."""
    _lead(machine, lambda: _long(machine))


def _lead(machine: Machine, steps: Callable[[], None]) -> None:
    try:
        steps()
        machine.grows_as_acknowledged()
    finally:
        machine.teardown()


def _everything(machine: Machine) -> None:
    machine.is_opened(0)
    _people_act(machine)
    _is_signed(machine)
    _is_changed(machine)
    _is_remembered(machine)
    _is_lost(machine)


def _people_act(machine: Machine) -> None:
    machine.register(Algorithm.MLDSA44, counting=True)
    machine.register(Algorithm.P256, counting=False)
    for number in range(8):  # each of four keys twice
        machine.note(number, "notes", None)
    machine.personal_note(0, [0])
    machine.personal_note(1, [1, 2, 2])
    machine.is_verified()
    machine.correct(2, 4)
    machine.together(["notes", "other", "notes"], 0)
    machine.repeat(5)
    machine.rotate(0, counting=True)
    machine.revoke(1)
    for point in ("before_commit", "after_commit"):
        machine.note(2, "third", point)
    machine.grows_as_acknowledged()


def _is_signed(machine: Machine) -> None:
    machine.signs(None)
    machine.is_seen("checkpoint gone", 0, 0)
    machine.is_seen("checkpoints gone", 0, 0)
    for point in SIGNING:
        machine.note(0, "notes", None)
        machine.signs(point)
    machine.is_overtaken(0)
    for kind in ("entry bytes", "last tile"):
        machine.is_not_signed_over_damage(0, 0, kind)
    machine.heart_beats()
    machine.witness_cosigns()
    machine.is_exported(mirrored=True)


def _is_changed(machine: Machine) -> None:
    machine.is_kept_as_before(3)
    for number, (name, kind) in enumerate(KINDS.items()):
        for way in range(kind.ways):
            machine.is_seen(name, number, way + STRIDE * kind.ways)
    machine.hands_are_laid("entry bytes", 5, 0, old=False, left=False)
    machine.hands_are_laid("last entry cut", 0, 0, old=False, left=False)
    machine.a_fence_is_lowered(0, asleep=True, left=False)
    machine.erase(0, dies=True)
    machine.erase(0, dies=False)


def _is_remembered(machine: Machine) -> None:
    machine.signs(None)
    machine.is_backed_up()
    machine.note(0, "notes", None)
    machine.is_verified()
    machine.is_restored(0)
    machine.note(0, "notes", None)  # another entry stands where the auditor has seen one
    machine.is_verified()
    machine.is_backed_up()
    machine.note(0, "notes", None)
    machine.signs(None)
    machine.witness_cosigns()
    machine.is_forked(0)


def _is_lost(machine: Machine) -> None:
    machine.disk_fails(2, signed=True, mirrored=True, person=True)
    machine.is_verified()  # the guard alone knows
    machine.register(Algorithm.ED25519, counting=False)  # refused
    machine.signs(None)
    machine.is_recovered(dies=True)
    machine.is_verified()
    machine.disk_fails(1, signed=True, mirrored=False, person=False)
    machine.goes_on_elsewhere()
    machine.note(0, "notes", None)


def _long(machine: Machine) -> None:
    machine.is_opened(LONG)
    while len(machine.life.leaves) < BEFORE_FULL:
        machine.note(0, "notes", None)
    machine.signs(None)
    machine.is_not_signed_over_damage(0, 0, "last tile")  # the one above, which has just begun
    machine.signs(None)
    machine.note(0, "notes", None)
    machine.is_verified()
    for kind in ("tile bytes", "tile shorter", "tile gone", "tile more"):
        for one in range(3):  # two tiles of leaves, and the one above
            machine.is_seen(kind, one, STRIDE)
    machine.disk_fails(2, signed=True, mirrored=True, person=False)
    machine.is_recovered(dies=False)
