"""Invented persons. A name stands in no event: the ledger has a commitment, the vault the name."""

from dataclasses import dataclass
from random import Random

from ledger.personal.vault import Secret

_FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Ngô", "Dương", "Đinh", "Tạ")
_MIDDLE = (
    "Thị Hải", "Văn Khắc", "Đức Lam", "Thị Thu", "Quang Bách", "Minh Trúc", "Hữu Tường", "Thị Vân",
    "Xuân Sơn", "Khánh Lâm", "Thị Bích", "Trọng Việt", "Ngọc Tùng", "Thị Mai",
)  # fmt: skip
_GIVEN = (
    "An", "Bình", "Cường", "Dung", "Giang", "Hạnh", "Hiếu", "Khoa", "Lan", "Long", "Minh", "Nga", "Oanh",
    "Phong", "Quân", "Sáng", "Tâm", "Thắng", "Thủy", "Tiến", "Trang", "Tuấn", "Vinh", "Yến",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs or drives; ``subject`` is the pseudonym under which the vault keeps the name."""

    name: str
    subject: str

    def secret(self) -> Secret:
        """Return the name with fresh salt: no two commitments to one person look alike."""
        return Secret(self.name, self.subject)


class People:
    """Gives every party its own persons: the same ones for the same seed."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._taken: set[str] = set()
        self._of: dict[str, list[Person]] = {}

    def of(self, party: str, place: int = 0) -> Person:
        """Return a party's first person, or another by its place."""
        known = self._of.setdefault(party, [])
        while len(known) <= place:
            known.append(Person(self._new_name(), f"person:{len(self._taken):04d}"))
        return known[place]

    def _new_name(self) -> str:
        while True:
            name = " ".join(self._random.choice(parts) for parts in (_FAMILY, _MIDDLE, _GIVEN))
            if name not in self._taken:
                self._taken.add(name)
                return name
