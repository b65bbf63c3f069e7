"""What verification answers: four parts with a sentence each, and who signed which box when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pdf.errors import SENTENCES

Verdict = Literal["ok", "failed", "not_checked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedSignature:
    """A signature field of the manifest's plan and who may sign it; what is None is not compared."""

    field: str
    party_id: str | None = None
    organization: str | None = None
    certificate_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureState:
    """One box: by whom and when it says it was signed, or that it is still open."""

    field: str
    signed: bool
    ok: bool = False
    signer: str = ""
    organization: str = ""
    party_id: str = ""
    signed_at: datetime | None = None
    certificate_sha256: str = ""

    @property
    def label_vi(self) -> str:
        """Return the state as one Vietnamese line."""
        if not self.signed or self.signed_at is None:
            return f"{self.field}: chưa ký"
        moment = self.signed_at.isoformat(timespec="seconds")
        return f"{self.field}: {self.signer}, {self.organization}, {moment}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The answer to one of the four questions; ``code`` is stable, details name where."""

    key: str
    verdict: Verdict
    code: str
    details: tuple[str, ...] = ()

    @property
    def sentence_vi(self) -> str:
        """Return the answer in Vietnamese."""
        return SENTENCES[self.code][0]

    @property
    def sentence_en(self) -> str:
        """Return the answer in English."""
        return SENTENCES[self.code][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The four parts. ``ok`` means that none failed; a part may be unchecked for want of input."""

    parts: tuple[Part, ...]
    signatures: tuple[SignatureState, ...] = ()

    @property
    def ok(self) -> bool:
        """Say whether no part failed."""
        return all(part.verdict != "failed" for part in self.parts)

    @property
    def code(self) -> str:
        """Return the code of the first part that failed, or pdf.ok."""
        return next((part.code for part in self.parts if part.verdict == "failed"), "pdf.ok")
