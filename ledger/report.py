"""What verification found: findings that name the entry, and the report that sums them up."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ledger.storage.db import Reader

FORMAT = 1
MAX_FINDINGS = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be; ``seq`` names the entry where one can be named."""

    seq: int | None
    code: str
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain values."""
        return {"seq": self.seq, "code": self.code, "detail": self.detail}


Step = Callable[[Reader, int], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What verification found; ``ok`` when it found nothing.

    ``root`` is the hex root over the stored leaves. At most 1,000 findings are kept of the ``found`` there
    were. ``trust`` tells whether the keys came from a file or from the log itself, ``guard`` what the memory
    outside the database says, ``meaning`` whether the events were replayed. The entries before ``since`` were
    verified by an earlier run and are known by its root. Of the anchors ``anchors_good``
    hold, ``anchors_not_checked`` could not be judged for want of a root. ``personal_open`` values open
    their commitments, ``personal_sealed`` have their keys elsewhere, ``personal_redacted`` were erased.
    """

    ok: bool
    origin: str
    size: int
    root: str
    findings: tuple[Finding, ...]
    found: int
    trust: str
    guard: str = "not_checked"
    meaning: str = "not_checked"
    checkpoint_size: int | None = None
    since: int = 0
    signatures: int = 0
    anchors_good: int = 0
    anchors_not_checked: int = 0
    personal_open: int = 0
    personal_sealed: int = 0
    personal_redacted: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "ok": self.ok,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "findings": [finding.as_json() for finding in self.findings],
            "found": self.found,
            "guard": self.guard,
            "meaning": self.meaning,
            "trust": self.trust,
            "checkpoint": None if self.checkpoint_size is None else {"size": self.checkpoint_size},
            "since": self.since,
            "signatures": self.signatures,
            "anchors": {"good": self.anchors_good, "not_checked": self.anchors_not_checked},
            "personal": {
                "open": self.personal_open,
                "sealed": self.personal_sealed,
                "redacted": self.personal_redacted,
            },
        }
