"""Refusals of the document layer, and the sentences in which verification answers."""

# ruff: noqa: N818  (a refusal is named after what is wrong, as everywhere in this project)

from typing import ClassVar, Final


class PdfError(Exception):
    """The document cannot be made."""

    code: ClassVar[str] = "pdf.error"

    def __init__(self, **facts: object) -> None:
        """Keep the facts a caller may show; the class docstring is the sentence."""
        self.facts = facts
        shown = ", ".join(f"{name}={value!r}" for name, value in sorted(facts.items()))
        sentence = (type(self).__doc__ or "").strip()
        super().__init__(f"{sentence} ({shown})" if shown else sentence)


class EditionUnknown(PdfError):
    """No labels are on record for this edition of the form."""

    code = "pdf.edition_unknown"


class TextUnprintable(PdfError):
    """The text holds characters that the form's typeface cannot print."""

    code = "pdf.text_unprintable"


class TextTooLong(PdfError):
    """The text does not fit its place on the form at a readable size."""

    code = "pdf.text_too_long"


class SheetInvalid(PdfError):
    """The sheet does not describe a form that can be drawn."""

    code = "pdf.sheet_invalid"


class DocumentUnreadable(PdfError):
    """These bytes are not a form this package has drawn."""

    code = "pdf.document_unreadable"


class FieldUnknown(PdfError):
    """The form has no such field."""

    code = "pdf.field_unknown"


class FieldClosed(PdfError):
    """The box is signed already, or an earlier signature has closed it."""

    code = "pdf.field_closed"


class OrderInvalid(PdfError):
    """The first signature certifies the form, and only the first."""

    code = "pdf.order_invalid"


class KeyUnsupported(PdfError):
    """PDF readers verify ECDSA P-256 and RSA from 2048 bits; this key is neither."""

    code = "pdf.key_unsupported"


class CertificateMismatch(PdfError):
    """The certificate does not belong to this key, or was not issued by this chain."""

    code = "pdf.certificate_mismatch"


class KeyUnreadable(PdfError):
    """The key or certificate file cannot be read with this passphrase."""

    code = "pdf.key_unreadable"


# What verification says, by code: Vietnamese, English. A finding is a value, not an exception.
SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "pdf.ok": (
        "Không phát hiện điểm nào sai.",
        "Nothing wrong was found.",
    ),
    "pdf.not_a_pdf": (
        "Tệp này không phải là tệp PDF.",
        "This file is not a PDF.",
    ),
    "pdf.too_large": (
        "Tệp lớn hơn 20 MB nên không được kiểm tra.",
        "The file is larger than 20 MB and was not examined.",
    ),
    "pdf.too_many_revisions": (
        "Tệp có nhiều lần cập nhật hơn bất kỳ chứng từ nào.",
        "The file has more revisions than any manifest has.",
    ),
    "pdf.encrypted": (
        "Tệp bị mã hóa; chứng từ không bao giờ được mã hóa.",
        "The file is encrypted; a manifest never is.",
    ),
    "pdf.unreadable": (
        "Tệp bị hỏng, bị cắt hoặc không đọc được.",
        "The file is damaged, truncated or cannot be read.",
    ),
    "pdf.foreign": (
        "Tệp PDF này không phải chứng từ do hệ thống lập, hoặc đã được lưu lại bằng phần mềm khác.",
        "This PDF is not a manifest made by the system, or other software has saved it again.",
    ),
    "pdf.signatures.ok": (
        "Mọi ô ký đều có chữ ký hợp lệ của đúng bên.",
        "Every box holds a valid signature of the right party.",
    ),
    "pdf.signatures.in_progress": (
        "Các chữ ký đã có đều hợp lệ; còn ô chưa ký.",
        "The signatures present are valid; some boxes are not signed yet.",
    ),
    "pdf.signatures.not_checked": (
        "Chưa kiểm tra được chữ ký.",
        "The signatures could not be checked.",
    ),
    "pdf.signatures.none": (
        "Chứng từ chưa có chữ ký nào.",
        "The document bears no signature.",
    ),
    "pdf.signatures.invalid": (
        "Có chữ ký không khớp với nội dung.",
        "A signature does not match the content.",
    ),
    "pdf.signatures.kind": (
        "Có chữ ký không đúng loại (PAdES, SHA-256).",
        "A signature is not of the required kind (PAdES, SHA-256).",
    ),
    "pdf.signatures.untrusted": (
        "Có chứng thư không thuộc tổ chức chứng thực được tin cậy, hoặc không còn hiệu lực.",
        "A certificate does not lead to a trusted authority, or is not valid at this time.",
    ),
    "pdf.signatures.party": (
        "Có ô được ký bởi bên khác với bên phải ký.",
        "A box is signed by another party than the one expected.",
    ),
    "pdf.signatures.unexpected": (
        "Có chữ ký không thuộc chứng từ này.",
        "There is a signature that does not belong to this manifest.",
    ),
    "pdf.signatures.order": (
        "Các ô được ký không đúng thứ tự.",
        "The boxes were signed out of order.",
    ),
    "pdf.signatures.not_certified": (
        "Chữ ký đầu tiên không khóa nội dung chứng từ.",
        "The first signature does not certify the document.",
    ),
    "pdf.modifications.ok": (
        "Sau mỗi chữ ký chỉ có ô của bên ký sau được điền thêm.",
        "After each signature only the next signer's box was filled.",
    ),
    "pdf.modifications.not_checked": (
        "Chưa kiểm tra được thay đổi giữa các lần ký.",
        "Changes between signatures could not be checked.",
    ),
    "pdf.modifications.changed": (
        "Nội dung đã bị sửa sau khi ký.",
        "The content was changed after it was signed.",
    ),
    "pdf.modifications.coverage": (
        "Có chữ ký không bao trùm toàn bộ phần đã ký.",
        "A signature does not cover the whole of its revision.",
    ),
    "pdf.modifications.after_last": (
        "Có dữ liệu được thêm sau chữ ký cuối cùng.",
        "Data was added after the last signature.",
    ),
    "pdf.modifications.extra_revision": (
        "Số lần cập nhật tệp không khớp với số chữ ký.",
        "The number of revisions does not match the number of signatures.",
    ),
    "pdf.fields.ok": (
        "Tập trường của mẫu đầy đủ, không thừa, không thiếu.",
        "The form has exactly the fields it should have.",
    ),
    "pdf.fields.not_checked": (
        "Chưa kiểm tra được tập trường của mẫu.",
        "The form's fields could not be checked.",
    ),
    "pdf.fields.unexpected": (
        "Mẫu có trường lạ.",
        "The form has a field it should not have.",
    ),
    "pdf.fields.missing": (
        "Mẫu thiếu trường.",
        "The form lacks a field.",
    ),
    "pdf.fields.lock": (
        "Khóa của một ô ký đã bị thay đổi.",
        "The lock of a signature box is not the planned one.",
    ),
    "pdf.fields.display": (
        "Có trường hiển thị khác với giá trị lưu trong tệp.",
        "A field shows something else than the value it holds.",
    ),
    "pdf.fields.padding": (
        "Phần đệm quanh chữ ký không sạch.",
        "The space reserved for a signature holds something else.",
    ),
    "pdf.fields.active_content": (
        "Tệp chứa mã chạy, liên kết hoặc tệp đính kèm mà chứng từ không có.",
        "The file holds scripts, links or attachments, which a manifest never has.",
    ),
    "pdf.file.ok": (
        "Mã băm của tệp khớp với sổ cái.",
        "The file's hash is the one in the ledger.",
    ),
    "pdf.file.differs": (
        "Tệp khác với bản ghi trong sổ cái.",
        "The file differs from the one in the ledger.",
    ),
    "pdf.file.not_checked": (
        "Chưa đối chiếu với sổ cái.",
        "Not compared with the ledger.",
    ),
}
