"""The manifest form as text: what each party's sheet says, box by box, before anything is drawn.

Pure: values in, words out. ``plan`` puts a sheet into the words and order of its edition; ``pdf.draw``
only decides where those words stand on the page.
"""

import base64
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final

from pdf.errors import SheetInvalid, TextUnprintable
from pdf.labels import confirmed, labels

GENERATOR_CONFIRMS: Final = "generator_confirms"
RECEIPT_1: Final = "receipt_1"
RECEIPT_2: Final = "receipt_2"
COMPLETION: Final = "completion"

# Data fields a party fills in the same revision as its signature, by box. The completion box also
# has one field per line, ``methods_<n>``: the methods applied (decisions B11).
BOX_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    GENERATOR_CONFIRMS: ("signer_name", "signer_title", "signed_on"),
    RECEIPT_1: ("signer_name", "signed_on", "vehicle", "note"),
    RECEIPT_2: ("signer_name", "signed_on", "vehicle", "note"),
    COMPLETION: ("signer_name", "signer_title", "signed_on", "note"),
}

LEVEL_TEXT: Final = "Xác nhận điện tử (không phải chữ ký số công cộng)"
ADJUSTED_NOTE: Final = "Xem biên bản điều chỉnh/từ chối tiếp nhận"
PRINT_NOTE: Final = "Bản in từ chứng từ điện tử"
UNCONFIRMED_NOTE: Final = "Nhãn mẫu chưa đối chiếu bản chính thức"
NOT_APPLICABLE: Final = "Không áp dụng cho chứng từ này"

MAX_LINES: Final = 200
VIETNAM: Final = timezone(timedelta(hours=7))
_STATES: Final = ("solid", "liquid", "sludge")
_PARTIES: Final = ("facility_1", "facility_2", "generator")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyBlock:
    """Who a party is on the form; code is its permit number or hazardous-waste code (mã số)."""

    name: str
    code: str
    office_address: str
    phone: str
    site_address: str
    site_phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """One kind of waste handed over; methods are those agreed, not yet those applied."""

    n: int
    name: str
    state: str
    code: str
    mass_g: int
    methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A place one party signs for one act."""

    key: str
    party: str

    @property
    def field(self) -> str:
        """Return the name of the signature field."""
        return f"sig_{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportBlock:
    """Where a load goes abroad and how; ``date`` is empty until it has left."""

    country: str
    entry: str
    vehicle: str
    date: str
    exit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Everything the base revision prints. ``boxes`` are exactly those to be signed, in signing order."""

    edition: str
    province: str
    number: str
    generator: PartyBlock
    facility_1: PartyBlock
    facility_2: PartyBlock | None = None
    carrier: PartyBlock | None = None
    export: ExportBlock | None = None
    lines: tuple[LineRow, ...]
    manifest_id: str
    data_sha256: str
    verify_url: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What a party adds in the same revision as its signature."""

    key: str
    values: Mapping[str, str] = field(default_factory=dict)
    level_text: str = LEVEL_TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Who the visible mark in a signature box names."""

    signer: str
    organization: str


@dataclass(frozen=True, slots=True)
class Item:
    """A label and its value; either may be empty."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class PartyPlan:
    """A numbered party block: its name, then rows of a wide item and, beside it, a telephone."""

    name: Item
    rows: tuple[tuple[Item, Item | None], ...]


@dataclass(frozen=True, slots=True)
class RowPlan:
    """One printed row of the table; ``state`` is the index of the marked state column."""

    n: str
    name: str
    state: int
    code: str
    mass: str
    planned: str
    applied_field: str | None


@dataclass(frozen=True, slots=True)
class BoxPlan:
    """One of the four signature boxes; without a field the box is printed as not applicable."""

    key: str
    title: str
    party: str
    sig_field: str | None
    data: tuple[tuple[str, str], ...]  # (field name, label)


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole form as text, in printing order."""

    words: Mapping[str, str]
    province: Item
    title: str
    number: Item
    form_note: str
    parties: tuple[PartyPlan, ...]
    lines_title: str
    rows: tuple[RowPlan, ...]
    methods_note: str
    export_title: str
    export: tuple[Item, ...]
    receipts_title: str
    boxes: tuple[BoxPlan, ...]
    copies: tuple[str, ...]
    foot: tuple[str, ...]
    qr: str
    verify_url: str


def kg_text(mass_g: int) -> str:
    """Return whole grams as Vietnamese kilogram text, exact: 1234500 -> "1.234,5"."""
    if mass_g < 0:
        raise ValueError("a mass is never negative")
    kg, grams = divmod(mass_g, 1000)
    whole = f"{kg:,}".replace(",", ".")
    return f"{whole},{grams:03d}".rstrip("0") if grams else whole


def clean(text: str) -> str:
    """Return the text as it is printed: NFC, one line, single spaces. Raises TextUnprintable.

    Control and format characters are refused: a direction override would show one text and hold another.
    """
    composed = " ".join(unicodedata.normalize("NFC", text).split())
    hidden = sorted({f"U+{ord(c):04X}" for c in composed if unicodedata.category(c)[0] == "C"})
    if hidden:
        raise TextUnprintable(text=composed[:80], characters=hidden)
    return composed


def data_fields(key: str, lines: int) -> tuple[str, ...]:
    """Return the short names of the data fields of a box on a form with so many lines."""
    applied = tuple(f"methods_{n}" for n in range(1, lines + 1)) if key == COMPLETION else ()
    return BOX_FIELDS[key] + applied


def qr_text(sheet: Sheet) -> str:
    """Return what the QR code holds: the address, and the data hash where no server is sent it."""
    digest = base64.urlsafe_b64encode(bytes.fromhex(sheet.data_sha256)).rstrip(b"=").decode()
    return f"{sheet.verify_url}#h={digest}"


def stamp_lines(stamp: Stamp, signed_at: datetime, level_text: str) -> tuple[str, ...]:
    """Return the text of a visible mark: signer, organisation, time in Vietnam, kind of signature."""
    moment = f"{signed_at.astimezone(VIETNAM):%H:%M:%S %d/%m/%Y}"
    return (clean(stamp.signer), clean(stamp.organization), moment, clean(level_text))


def plan(sheet: Sheet) -> Plan:
    """Put a sheet into the words of its edition. Raises SheetInvalid, EditionUnknown, TextUnprintable."""
    words = labels(sheet.edition)
    _check(sheet)
    signed = {box.key: box for box in sheet.boxes}
    seen = confirmed(sheet.edition)
    return Plan(
        words=words,
        province=Item(words["head.province"], clean(sheet.province)),
        title=words["head.title"],
        number=Item(words["head.number"], clean(sheet.number)),
        form_note=words["form.name"] if seen else UNCONFIRMED_NOTE,
        parties=_parties(sheet, words),
        lines_title=f"{words['section.lines']}. {words['lines.title']}",
        rows=tuple(_row(row, applied=COMPLETION in signed) for row in sheet.lines),
        methods_note=words["methods.note"],
        export_title=f"{words['section.export']}. {words['export.title']}",
        export=tuple(
            Item(words[f"export.{key}"], clean(getattr(sheet.export, key, "")))
            for key in ("country", "entry", "vehicle", "date", "exit")
        ),
        receipts_title=f"{words['section.receipts']}. {words['receipts.title']}",
        boxes=tuple(
            _box(key, signed.get(key), words)
            for key in (RECEIPT_1, RECEIPT_2, GENERATOR_CONFIRMS, COMPLETION)
        ),
        copies=tuple(words["copies.list"].split()),
        foot=(
            f"{PRINT_NOTE}. Kiểm tra tại:",
            f"Mã chứng từ điện tử: {sheet.manifest_id}",
            f"SHA-256 dữ liệu: {sheet.data_sha256}",
        ),
        qr=qr_text(sheet),
        verify_url=sheet.verify_url,
    )


def _parties(sheet: Sheet, words: Mapping[str, str]) -> tuple[PartyPlan, ...]:
    """Return the party blocks in the order of the edition's section numbers."""
    blocks = {
        "facility_1": sheet.facility_1,
        "facility_2": sheet.facility_2,
        "generator": sheet.generator,
    }
    numbered = sorted(_PARTIES, key=lambda key: words[f"section.{key}"])
    plans = [_party(key, blocks[key], words, f"{words[f'section.{key}']}. ") for key in numbered]
    if sheet.carrier is not None:
        plans.append(_party("carrier", sheet.carrier, words, ""))
    return tuple(plans)


def _party(key: str, block: PartyBlock | None, words: Mapping[str, str], number: str) -> PartyPlan:
    title = f"{number}{words[f'{key}.title']}"
    if block is None:
        return PartyPlan(Item(title, "không có"), ())
    code = words["generator.code" if key == "generator" else "facility.code"]
    site = words["party.site_agent" if key == "facility_1" else "party.site"]
    phone = words["party.phone"]
    return PartyPlan(
        Item(title, clean(block.name)),
        (
            (Item(code, clean(block.code)), None),
            (Item(words["party.office"], clean(block.office_address)), Item(phone, clean(block.phone))),
            (Item(site, clean(block.site_address)), Item(phone, clean(block.site_phone))),
        ),
    )


def _row(row: LineRow, *, applied: bool) -> RowPlan:
    return RowPlan(
        n=str(row.n),
        name=clean(row.name),
        state=_STATES.index(row.state),
        code=clean(row.code),
        mass=kg_text(row.mass_g),
        planned=", ".join(clean(method) for method in row.methods),
        applied_field=f"{COMPLETION}_methods_{row.n}" if applied else None,
    )


def _box(key: str, box: Box | None, words: Mapping[str, str]) -> BoxPlan:
    title = f"{words[f'section.{key}']}. {words[f'{key}.title']}"
    if box is None:
        return BoxPlan(key, title, NOT_APPLICABLE, None, ())
    data = tuple((f"{key}_{name}", words[f"field.{name}"]) for name in BOX_FIELDS[key])
    return BoxPlan(key, title, clean(box.party), box.field, data)


def _check(sheet: Sheet) -> None:
    """Refuse a sheet that no form can show. Raises SheetInvalid with every reason."""
    keys = [box.key for box in sheet.boxes]
    checks = {
        "lines": 0 < len(sheet.lines) <= MAX_LINES,
        "line_numbers": [row.n for row in sheet.lines] == list(range(1, len(sheet.lines) + 1)),
        "states": all(row.state in _STATES for row in sheet.lines),
        "masses": all(row.mass_g > 0 for row in sheet.lines),
        "boxes": bool(keys) and keys == [key for key in BOX_FIELDS if key in keys],
        "facility_2": RECEIPT_2 not in keys or sheet.facility_2 is not None,
        "data_sha256": re.fullmatch(r"[0-9a-f]{64}", sheet.data_sha256) is not None,
        "manifest_id": re.fullmatch(r"[0-9A-Za-z-]{1,64}", sheet.manifest_id) is not None,
        "verify_url": re.fullmatch(r"https?://[!-~]{1,200}", sheet.verify_url) is not None
        and "#" not in sheet.verify_url,
    }
    failed = [name for name, good in checks.items() if not good]
    if failed:
        raise SheetInvalid(fields=failed)
