"""Typical sheets, keys and certificates for the tests of the PDF package."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pdf.ca import CertificateAuthority
from pdf.draw import render
from pdf.form import (
    ADJUSTED_NOTE,
    COMPLETION,
    GENERATOR_CONFIRMS,
    RECEIPT_1,
    RECEIPT_2,
    Box,
    Filled,
    LineRow,
    PartyBlock,
    Sheet,
    Stamp,
)
from pdf.sign import CustodySigner, add_signature
from pdf.verdict import ExpectedSignature, Report
from pdf.verify import verify

NOW = datetime(2026, 11, 23, 11, 33, 15, tzinfo=UTC)

GENERATOR = PartyBlock(
    name="Công ty TNHH Linh kiện Điện tử Đông Anh Việt Nam",
    code="01.001234.T",
    office_address="Lô E3, Khu công nghiệp Thăng Long, xã Thiên Lộc, thành phố Hà Nội",
    phone="024 3951 5555",
    site_address="Lô E3–E4, Khu công nghiệp Thăng Long, xã Thiên Lộc, thành phố Hà Nội",
    site_phone="024 3951 5556",
)
FACILITY_1 = PartyBlock(
    name="Công ty Cổ phần Vận chuyển và Xử lý Môi trường Sông Hồng",
    code="1-2-3-4-5-6.047.VX",
    office_address="Số 12 ngõ 85 phố Hạ Đình, phường Khương Đình, thành phố Hà Nội",
    phone="024 3552 0047",
    site_address="Cụm công nghiệp Quất Động mở rộng, xã Thượng Phúc, thành phố Hà Nội",
    site_phone="0912 345 678",
)
FACILITY_2 = PartyBlock(
    name="Công ty TNHH MTV Xử lý Chất thải Nguy hại Bắc Hưng Yên",
    code="1-2-3-4.112.VX",
    office_address="Thôn Đại Từ, xã Đại Đồng, tỉnh Hưng Yên",
    phone="0221 3999 112",
    site_address="Khu xử lý chất thải Đại Đồng, xã Đại Đồng, tỉnh Hưng Yên",
)
WASTES = (
    (
        "Bóng đèn huỳnh quang và các loại thủy tinh hoạt tính thải",
        "solid",
        "16 01 06",
        85_500,
        ("PT", "HR", "CL"),
    ),
    ("Dầu động cơ, hộp số và bôi trơn tổng hợp thải", "liquid", "17 02 03", 1_234_500, ("TC",)),
    (
        "Bùn thải có các thành phần nguy hại từ quá trình xử lý nước thải",
        "sludge",
        "12 06 05",
        16_045_000,
        ("TĐ", "HR", "C"),
    ),
    (
        "Giẻ lau, vải bảo vệ thải bị nhiễm các thành phần nguy hại",
        "solid",
        "18 02 01",
        320_007,
        ("TĐ", "HR", "C"),
    ),
)


def lines(count: int) -> tuple[LineRow, ...]:
    """Return so many lines, repeating the typical wastes."""
    rows = (WASTES[n % len(WASTES)] for n in range(count))
    return tuple(
        LineRow(n=n, name=name, state=state, code=code, mass_g=mass + n, methods=methods)
        for n, (name, state, code, mass, methods) in enumerate(rows, start=1)
    )


def sheet(count: int = 4, *, two_facilities: bool = True, **changes: Any) -> Sheet:
    """Return a typical sheet; change only what the test is about."""
    last = FACILITY_2 if two_facilities else FACILITY_1
    boxes = [
        Box(key=GENERATOR_CONFIRMS, party=GENERATOR.name),
        Box(key=RECEIPT_1, party=FACILITY_1.name),
        *([Box(key=RECEIPT_2, party=FACILITY_2.name)] if two_facilities else []),
        Box(key=COMPLETION, party=last.name),
    ]
    base = Sheet(
        edition="tt02-2022",
        province="Hà Nội",
        number="0127/2026/1-2-3-4-5-6.047.VX",
        generator=GENERATOR,
        facility_1=FACILITY_1,
        facility_2=FACILITY_2 if two_facilities else None,
        lines=lines(count),
        manifest_id="0193581a-6f3c-7b1e-9c57-3f0f5d3a2b11",
        data_sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        verify_url="https://ctnh.example.vn/v/0193581a-6f3c-7b1e-9c57-3f0f5d3a2b11",
        boxes=tuple(boxes),
    )
    return replace(base, **changes)


@cache
def authority() -> CertificateAuthority:
    return CertificateAuthority.create("CTNH Ledger – Chứng thực nội bộ", now=NOW)


PEOPLE = {
    GENERATOR_CONFIRMS: ("Nguyễn Thị Hương", GENERATOR.name, "p-generator"),
    RECEIPT_1: ("Trần Văn Đức", FACILITY_1.name, "p-facility-1"),
    RECEIPT_2: ("Phạm Thị Ngọc Ánh", FACILITY_2.name, "p-facility-2"),
    COMPLETION: ("Lê Quốc Cường", FACILITY_2.name, "p-facility-2"),
}


def custody(key: str, ca: CertificateAuthority | None = None, *, rsa_bits: int = 0) -> CustodySigner:
    """Return a signer for the person who signs a box, certified by the given or the usual authority."""
    name, organization, party = PEOPLE[key]
    private = (
        rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
    )
    ca = ca or authority()
    certificate = ca.issue(
        private.public_key(), common_name=name, organization=organization, party_id=party, now=NOW
    )
    return CustodySigner(private, certificate, [ca.certificate])


def filled(key: str, count: int = 4) -> Filled:
    """Return what the person types into a box."""
    name = PEOPLE[key][0]
    values = {"signer_name": name, "signed_on": "23/11/2026"}
    if key in (RECEIPT_1, RECEIPT_2):
        values |= {"vehicle": "29H-123.45", "note": ADJUSTED_NOTE}
    if key == GENERATOR_CONFIRMS:
        values["signer_title"] = "Trưởng phòng An toàn"
    if key == COMPLETION:
        values |= {"signer_title": "Giám đốc", "note": "Đã xử lý an toàn"}
        values |= {f"methods_{n}": "TĐ, HR, C" for n in range(1, count + 1)}
    return Filled(key=key, values=values)


def stamp(key: str) -> Stamp:
    name, organization, _ = PEOPLE[key]
    return Stamp(signer=name, organization=organization)


SIGNERS = {key: custody(key) for key in PEOPLE}


def sign_box(
    document: bytes, key: str, *, first: bool = False, count: int = 4, by: CustodySigner | None = None
) -> bytes:
    return add_signature(
        document,
        filled=filled(key, count),
        signer=by or SIGNERS[key],
        signed_at=NOW,
        first=first,
        stamp=stamp(key),
    )


@cache
def revisions() -> tuple[bytes, ...]:
    """Return the typical form as it grows: drawn, then signed once, twice, three and four times."""
    found = [render(sheet())]
    for box in sheet().boxes:
        found.append(sign_box(found[-1], box.key, first=len(found) == 1))
    return tuple(found)


def expected() -> list[ExpectedSignature]:
    return [
        ExpectedSignature(field=box.field, party_id=PEOPLE[box.key][2], organization=PEOPLE[box.key][1])
        for box in sheet().boxes
    ]


def judge(document: bytes, **options: Any) -> Report:
    """Verify against the usual root and plan, at the time of signing."""
    given = {"roots": [authority().certificate], "expected": expected(), "now": NOW, **options}
    return verify(document, **given)
