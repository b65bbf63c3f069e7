import asyncio
import hashlib
import io
import logging
import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pikepdf
import pytest
from pyhanko.pdf_utils import generic as pyhanko_generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields as pyhanko_fields
from pyhanko.sign import signers

import pdf.sign
from pdf.ca import CertificateAuthority
from pdf.draw import render
from pdf.errors import SENTENCES
from pdf.form import COMPLETION, GENERATOR_CONFIRMS, RECEIPT_1, RECEIPT_2
from pdf.verdict import ExpectedSignature, Report
from pdf.verify import MAX_BYTES, async_verify, verify
from tests.pdf.samples import (
    NOW,
    PEOPLE,
    SIGNERS,
    authority,
    custody,
    expected,
    judge,
    revisions,
    sheet,
    sign_box,
)

generic: Any = pyhanko_generic  # its constructors carry no annotations


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def codes(report: Report) -> dict[str, str]:
    return {part.key: part.code for part in report.parts}


def failed(report: Report) -> set[str]:
    return {part.key for part in report.parts if part.verdict == "failed"}


def update(document: bytes, change: Callable[[Any], None]) -> bytes:
    """Append one incremental revision that ``change`` makes."""
    writer: Any = IncrementalPdfFileWriter(io.BytesIO(document))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def form_field(writer: Any, name: str) -> Any:
    return next(f.get_object() for f in writer.root["/AcroForm"]["/Fields"] if f.get_object()["/T"] == name)


# --- what is good -----------------------------------------------------------------------------------


def test_a_finished_manifest_passes_all_four_parts() -> None:
    report = judge(revisions()[-1], file_sha256=sha256(revisions()[-1]))
    assert report.ok
    assert report.code == "pdf.ok"
    assert [part.verdict for part in report.parts] == ["ok"] * 4
    assert [state.signer for state in report.signatures] == [PEOPLE[box.key][0] for box in sheet().boxes]
    assert all(state.ok and state.signed_at == NOW for state in report.signatures)
    assert report.signatures[0].party_id == "p-generator"


@pytest.mark.parametrize("signed", [1, 2, 3])
def test_a_manifest_in_progress_passes_and_lists_the_open_boxes(signed: int) -> None:
    report = judge(revisions()[signed])
    assert report.ok
    assert codes(report)["signatures"] == "pdf.signatures.in_progress"
    assert [state.signed for state in report.signatures] == [n < signed for n in range(4)]
    assert report.signatures[-1].label_vi == "sig_completion: chưa ký"


def test_without_a_plan_the_fields_of_the_form_are_taken() -> None:
    report = verify(revisions()[-1], roots=[authority().certificate], now=NOW)
    assert report.ok
    assert codes(report)["file"] == "pdf.file.not_checked"


async def _inside_a_loop() -> Report:
    return await async_verify(revisions()[1], roots=[authority().certificate], now=NOW)


def test_verifying_works_inside_a_running_loop() -> None:
    assert asyncio.run(_inside_a_loop()).ok


def test_sixty_lines_signed_to_the_end_pass() -> None:
    document = pdf_with_lines(60)
    assert judge(document).ok


def pdf_with_lines(count: int) -> bytes:
    document = render(sheet(count))
    for n, box in enumerate(sheet(count).boxes):
        document = sign_box(document, box.key, first=n == 0, count=count)
    return document


# --- who signed -------------------------------------------------------------------------------------


def test_another_authority_with_the_same_names_is_not_trusted() -> None:
    fake = CertificateAuthority.create("CTNH Ledger – Chứng thực nội bộ", now=NOW)
    document = revisions()[0]
    for n, box in enumerate(sheet().boxes):
        document = sign_box(document, box.key, first=n == 0, by=custody(box.key, fake))
    report = judge(document)
    assert codes(report)["signatures"] == "pdf.signatures.untrusted"
    assert not any(state.ok for state in report.signatures)


def test_a_box_signed_by_another_party_is_found() -> None:
    document = sign_box(revisions()[1], RECEIPT_1, by=SIGNERS[RECEIPT_2])
    report = judge(document)
    assert codes(report)["signatures"] == "pdf.signatures.party"
    assert [state.ok for state in report.signatures] == [True, False, False, False]


def test_the_very_certificate_can_be_demanded() -> None:
    good = judge(revisions()[1]).signatures[0].certificate_sha256
    plan = [ExpectedSignature(field="sig_generator_confirms", certificate_sha256=good), *expected()[1:]]
    assert judge(revisions()[1], expected=plan).ok
    plan[0] = ExpectedSignature(field="sig_generator_confirms", certificate_sha256="0" * 64)
    assert codes(judge(revisions()[1], expected=plan))["signatures"] == "pdf.signatures.party"


def test_an_expired_certificate_counts_at_its_time_and_not_later() -> None:
    later = NOW + timedelta(days=4 * 365)
    assert codes(judge(revisions()[-1], now=later))["signatures"] == "pdf.signatures.untrusted"


def test_boxes_signed_out_of_order_are_found() -> None:
    document = sign_box(revisions()[0], RECEIPT_1, first=True)
    document = sign_box(document, GENERATOR_CONFIRMS)
    assert codes(judge(document))["signatures"] == "pdf.signatures.order"


def test_a_form_nobody_signed_proves_nothing() -> None:
    assert judge(revisions()[0]).code == "pdf.signatures.none"


# --- what was changed -------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 4])
def test_a_byte_changed_in_the_base_revision_breaks_every_signature(step: int) -> None:
    document = bytearray(revisions()[step])
    place = document.index(b"stream") + 40
    document[place] ^= 1
    report = judge(bytes(document))
    assert not report.ok
    assert not any(state.ok for state in report.signatures)


def test_bits_flipped_anywhere_are_found() -> None:
    document = revisions()[2]
    pick = random.Random(307)  # noqa: S311
    last_hole = document.rindex(b"/Contents <")
    end_of_hole = document.index(b">", last_hole)
    for _ in range(60):
        place = pick.randrange(len(document))
        changed = bytearray(document)
        changed[place] ^= 1 << pick.randrange(8)
        report = judge(bytes(changed), file_sha256=sha256(document))
        assert "file" in failed(report)
        # Parts of the last CMS are not signed by anything; there only the file's hash decides.
        if not last_hole < place < end_of_hole:
            assert failed(report) - {"file"}, place


def add_note(writer: Any) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    note = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/FreeText"),
            pdf_name("/Rect"): generic.ArrayObject(generic.NumberObject(n) for n in (330, 500, 400, 520)),
            pdf_name("/Contents"): generic.pdf_string("99.999"),
        }
    )
    page["/Annots"].append(writer.add_object(note))
    writer.update_container(page["/Annots"])


def change_language(writer: Any) -> None:
    writer.root[pdf_name("/Lang")] = generic.pdf_string("en-US")
    writer.update_root()


def run_script(writer: Any) -> None:
    writer.root[pdf_name("/OpenAction")] = generic.DictionaryObject(
        {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): generic.pdf_string("app.alert(1)")}
    )
    writer.update_root()


def change_vehicle(writer: Any) -> None:
    field = form_field(writer, "receipt_1_vehicle")
    field[pdf_name("/V")] = generic.pdf_string("30A-000.00")
    writer.update_container(field)


@pytest.mark.parametrize("signed", [2, 4])
@pytest.mark.parametrize("attack", [add_note, change_language, run_script, change_vehicle])
def test_an_update_after_the_last_signature_is_found(attack: Callable[[Any], None], signed: int) -> None:
    report = judge(update(revisions()[signed], attack))
    assert "modifications" in failed(report)


@pytest.mark.parametrize("attack", [add_note, run_script, change_vehicle])
def test_an_update_smuggled_in_between_two_signatures_is_found(attack: Callable[[Any], None]) -> None:
    document = sign_box(update(revisions()[2], attack), RECEIPT_2)
    report = judge(document)
    assert "modifications" in failed(report)


def test_a_later_signer_who_edits_a_closed_field_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fill = pdf.sign._fill

    def fill_and_edit(writer: Any, fields: Any, *rest: Any) -> None:
        fill(writer, fields, *rest)
        change_vehicle(writer)

    monkeypatch.setattr(pdf.sign, "_fill", fill_and_edit)
    report = judge(sign_box(revisions()[2], RECEIPT_2))
    assert codes(report)["modifications"] == "pdf.modifications.changed"
    assert "sig_receipt_1: pdf.modifications.changed" in report.parts[1].details


def test_a_field_that_shows_another_value_than_it_holds_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fill = pdf.sign._fill

    def fill_two_ways(writer: Any, fields: Any, *rest: Any) -> None:
        fill(writer, fields, *rest)
        field = fields["receipt_2_vehicle"]
        field[pdf_name("/V")] = generic.pdf_string("30A-000.00")

    monkeypatch.setattr(pdf.sign, "_fill", fill_two_ways)
    report = judge(sign_box(revisions()[2], RECEIPT_2))
    assert failed(report) == {"fields"}
    assert report.parts[2].details == ("receipt_2_vehicle: pdf.fields.display",)


@pytest.mark.parametrize("signed", [1, 4])
def test_one_more_signature_than_planned_is_found(signed: int) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(revisions()[signed]))
    meta = signers.PdfSignatureMetadata(field_name="sig_fifth", md_algorithm="sha256")
    intruder = pdf.sign._Adapter(SIGNERS[COMPLETION])
    spec = pyhanko_fields.SigFieldSpec("sig_fifth")
    out = signers.PdfSigner(meta, intruder, new_field_spec=spec).sign_pdf(writer, bytes_reserved=8192)
    report = judge(out.getvalue())
    assert {"signatures", "fields"} <= failed(report)
    assert (
        codes(verify(out.getvalue(), roots=[authority().certificate], now=NOW))["fields"]
        == "pdf.fields.unexpected"
    )


def test_a_document_saved_again_by_other_software_is_found() -> None:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(revisions()[-1])) as document:
        document.save(out)
    assert not judge(out.getvalue()).ok


def test_a_cut_off_last_revision_is_caught_by_the_hash_alone() -> None:
    report = judge(revisions()[3], file_sha256=sha256(revisions()[4]))
    assert failed(report) == {"file"}
    assert report.code == "pdf.file.differs"


def test_a_comment_after_the_end_is_found() -> None:
    report = judge(revisions()[-1] + b"% hello\n")
    assert "modifications" in failed(report)


def test_dirty_padding_is_found() -> None:
    document = bytearray(revisions()[-1])
    end = document.index(b">", document.rindex(b"/Contents <"))
    document[end - 2 : end] = b"41"
    assert codes(judge(bytes(document)))["fields"] == "pdf.fields.padding"


def test_a_script_put_in_before_the_first_signature_is_found() -> None:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(revisions()[0])) as document:
        document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
        document.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    report = judge(sign_box(out.getvalue(), GENERATOR_CONFIRMS, first=True))
    assert codes(report)["fields"] == "pdf.fields.active_content"
    assert failed(report) == {"fields"}


def test_a_form_drawn_with_other_boxes_than_the_plan_is_found() -> None:
    report = judge(revisions()[1], expected=expected()[:3])
    assert codes(report)["fields"] == "pdf.fields.unexpected"


# --- hostile bytes ----------------------------------------------------------------------------------


def saved(document: bytes, **options: Any) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(document)) as opened:
        opened.save(out, **options)
    return out.getvalue()


def looping() -> bytes:
    document = revisions()[0]
    at = int(document.rsplit(b"startxref", 1)[1].split()[0])
    return document.replace(b"trailer <<", b"trailer << /Prev %d" % at)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "pdf.not_a_pdf"),
        (b"hello", "pdf.not_a_pdf"),
        (b"%PDF-1.7\n" + bytes(MAX_BYTES), "pdf.too_large"),
        (b"%PDF-1.7\n" + b"startxref\n" * 99, "pdf.too_many_revisions"),
        (b"%PDF-1.7\n%%EOF", "pdf.unreadable"),
        (b"%PDF-1.7\n" + random.Random(1).randbytes(50_000), "pdf.unreadable"),  # noqa: S311
        (revisions()[-1][:-900], "pdf.unreadable"),
        (saved(revisions()[0], object_stream_mode=pikepdf.ObjectStreamMode.generate), "pdf.foreign"),
        (saved(revisions()[0], encryption=pikepdf.Encryption(owner="o", user="u")), None),
        (looping(), None),
    ],
)
def test_hostile_bytes_get_a_clear_code_and_never_an_exception(document: bytes, code: str | None) -> None:
    report = judge(document, file_sha256="0" * 64)
    assert not report.ok
    assert failed(report) >= {"signatures", "file"}
    assert code is None or report.code == code
    assert report.parts[0].sentence_vi
    assert report.parts[0].sentence_en


def test_an_encrypted_file_is_named_as_such() -> None:
    document = saved(
        revisions()[0],
        encryption=pikepdf.Encryption(owner="o", user="u", R=4, aes=True),
        object_stream_mode=pikepdf.ObjectStreamMode.disable,
    )
    assert judge(document).code == "pdf.encrypted"


def test_an_appended_maze_does_not_keep_the_verifier_busy() -> None:
    def add_maze(writer: Any) -> None:
        # Sixty dictionaries, each naming the next one twice: 2 to the 60th paths from the first to the last.
        inner = writer.add_object(generic.DictionaryObject())
        for _ in range(60):
            inner = writer.add_object(
                generic.DictionaryObject({pdf_name("/A"): inner, pdf_name("/B"): inner})
            )
        writer.root[pdf_name("/Maze")] = inner
        writer.update_root()

    started = time.perf_counter()
    assert "modifications" in failed(judge(update(revisions()[2], add_maze)))
    assert time.perf_counter() - started < 5


def test_truncated_and_mangled_files_never_raise() -> None:
    document = revisions()[1]
    pick = random.Random(7)  # noqa: S311
    for _ in range(25):
        cut = document[: pick.randrange(len(document))]
        assert not judge(cut).ok
        start = pick.randrange(len(document))
        mangled = document[:start] + pick.randbytes(200) + document[start + pick.randrange(400) :]
        assert not judge(mangled).ok


def test_libraries_do_not_log_and_levels_are_restored(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("pyhanko")
    before = logger.level
    with caplog.at_level(logging.DEBUG):
        judge(update(revisions()[2], add_note))
    assert [record for record in caplog.records if record.name.startswith("pyhanko")] == []
    assert logger.level == before


def test_every_code_has_a_sentence_in_both_languages() -> None:
    assert all(vi and en and vi != en for vi, en in SENTENCES.values())
