import asyncio
import io
import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pikepdf
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from pdf.draw import render
from pdf.errors import (
    CertificateMismatch,
    DocumentUnreadable,
    FieldClosed,
    FieldUnknown,
    KeyUnsupported,
    OrderInvalid,
    PdfError,
    TextTooLong,
    TextUnprintable,
)
from pdf.form import COMPLETION, GENERATOR_CONFIRMS, RECEIPT_1, Filled, Stamp
from pdf.sign import CustodySigner, add_signature, async_add_signature
from tests.pdf.samples import NOW, SIGNERS, custody, filled, judge, revisions, sheet, sign_box, stamp


def test_each_signature_is_one_revision_that_leaves_the_earlier_bytes_alone() -> None:
    for earlier, later in zip(revisions(), revisions()[1:], strict=False):
        assert later.startswith(earlier)
        assert later[len(earlier) :].count(b"startxref") == 1
        assert len(later) - len(earlier) < 26_000


def test_the_filled_values_are_in_the_form() -> None:
    with pikepdf.open(io.BytesIO(revisions()[-1])) as pdf:
        values = {str(item.T): str(item.V) for item in pdf.Root.AcroForm.Fields if item.FT == "/Tx"}
    for key in (GENERATOR_CONFIRMS, RECEIPT_1, COMPLETION):
        for name, value in filled(key).values.items():
            assert values[f"{key}_{name}"] == value


@pytest.mark.parametrize("bits", [2048, 3072])
def test_rsa_keys_sign_as_well(bits: int) -> None:
    signed = sign_box(
        revisions()[0], GENERATOR_CONFIRMS, first=True, by=custody(GENERATOR_CONFIRMS, rsa_bits=bits)
    )
    assert judge(signed).ok


def test_signing_works_inside_a_running_loop() -> None:
    async def sign() -> bytes:
        return await async_add_signature(
            revisions()[0],
            filled=filled(GENERATOR_CONFIRMS),
            signer=SIGNERS[GENERATOR_CONFIRMS],
            signed_at=NOW,
            first=True,
            stamp=stamp(GENERATOR_CONFIRMS),
        )

    assert judge(asyncio.run(sign())).ok


def test_ed25519_is_refused_with_a_clear_error() -> None:
    with pytest.raises(KeyUnsupported, match="P-256 and RSA") as caught:
        CustodySigner(ed25519.Ed25519PrivateKey.generate(), SIGNERS[RECEIPT_1].certificate)  # type: ignore[arg-type]
    assert caught.value.code == "pdf.key_unsupported"


def test_a_certificate_of_another_key_is_refused() -> None:
    with pytest.raises(CertificateMismatch):
        CustodySigner(ec.generate_private_key(ec.SECP256R1()), SIGNERS[RECEIPT_1].certificate)


def refused(document: bytes, error: type[PdfError], *, first: bool = False, **changes: object) -> PdfError:
    """Try to sign box 7.1 with changed values; return the refusal."""
    given = replace(filled(RECEIPT_1), **changes)  # type: ignore[arg-type]
    with pytest.raises(error) as caught:
        add_signature(
            document,
            filled=given,
            signer=SIGNERS[RECEIPT_1],
            signed_at=NOW,
            first=first,
            stamp=stamp(RECEIPT_1),
        )
    return caught.value


def test_a_box_the_manifest_does_not_have_cannot_be_signed() -> None:
    base = sign_box(render(sheet(two_facilities=False)), GENERATOR_CONFIRMS, first=True)
    refused(base, FieldUnknown, key="receipt_2")


def test_an_unknown_value_is_refused_and_named() -> None:
    error = refused(revisions()[1], FieldUnknown, values={"signer_name": "A", "colour": "đỏ"})
    assert error.facts["fields"] == ["colour"]


def test_a_box_is_signed_once_and_nothing_is_signed_after_completion() -> None:
    refused(revisions()[2], FieldClosed)
    closed = sign_box(revisions()[1], COMPLETION)
    assert refused(closed, FieldClosed).facts["closed_by"] == ["sig_completion"]


def test_the_first_signature_certifies_and_only_the_first() -> None:
    refused(revisions()[0], OrderInvalid, first=False)
    refused(revisions()[1], OrderInvalid, first=True)


def test_values_that_cannot_be_shown_are_refused() -> None:
    refused(revisions()[1], TextUnprintable, values={"vehicle": "29H→123"})
    refused(revisions()[1], TextUnprintable, level_text="Xác nhận 公")
    refused(revisions()[1], TextTooLong, values={"vehicle": "29H-123.45 " * 30})


def test_a_long_note_shrinks_to_its_line_and_is_kept_whole() -> None:
    note = "Xem biên bản điều chỉnh/từ chối tiếp nhận số 12/2026/BB-SH ngày 23/11/2026"
    signed = add_signature(
        revisions()[1],
        filled=Filled(key=RECEIPT_1, values={"note": note}),
        signer=SIGNERS[RECEIPT_1],
        signed_at=NOW,
        first=False,
        stamp=Stamp(signer="Trần Văn Đức", organization="Công ty Cổ phần Vận chuyển " * 3),
    )
    assert judge(signed).ok


@pytest.mark.parametrize("junk", [b"", b"%PDF-1.7\n", b"not a pdf", revisions()[0][:5000]])
def test_bytes_that_are_no_form_are_refused(junk: bytes) -> None:
    refused(junk, DocumentUnreadable)


def test_a_time_without_zone_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="time zone"):
        add_signature(
            revisions()[0],
            filled=filled(GENERATOR_CONFIRMS),
            signer=SIGNERS[GENERATOR_CONFIRMS],
            signed_at=datetime(2026, 11, 23),  # noqa: DTZ001
            first=True,
            stamp=stamp(GENERATOR_CONFIRMS),
        )


@pytest.mark.poppler
def test_another_reader_finds_four_valid_signatures(tmp_path: Path) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(revisions()[-1])
    run = subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False)
    assert run.stdout.count("Signature is Valid") == 4
    assert run.stdout.count("ETSI.CAdES.detached") == 4
    assert run.stdout.count("Not total document signed") == 3
