"""What a signed form proves, in four parts; offline, bounded, and never an exception for hostile bytes.

1. signatures: each is sound, by a certificate under a given root, by the expected party, in order;
2. modifications: between revisions only the signer's own box was filled, and nothing follows the last;
3. fields: exactly the fields of the form with their locks, clean padding, nothing that acts by itself;
4. file: the SHA-256 of the whole file is the one on record. Only this catches a missing last revision.

A PDF reader's "signature is valid" answers less: a file with annotations added afterwards still gets it.
"""

import asyncio
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pikepdf
from asn1crypto import parser as asn1_parser
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import read_certification_data
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from pdf.ca import certificate_name
from pdf.fields import EMPTY, FONT_NAME, Typeface
from pdf.form import BOX_FIELDS, COMPLETION, MAX_LINES, data_fields
from pdf.quiet import quiet
from pdf.verdict import ExpectedSignature, Part, Report, SignatureState

MAX_BYTES: Final = 20 * 1024 * 1024
_MAX_REVISIONS: Final = 16
_MAX_OBJECTS: Final = 20_000
_PADES: Final = "/ETSI.CAdES.detached"
# Keys by which a document acts by itself, carries another file, or swaps what it shows.
_ACTIVE: Final = frozenset(
    {"/AA", "/EF", "/EmbeddedFiles", "/JS", "/JavaScript", "/Launch", "/OCProperties", "/OpenAction"}
    | {"/RichMedia", "/SubmitForm", "/URI", "/XFA"}
)
_APPEARANCE: Final = re.compile(
    rb"/Tx BMC q\nBT 0 g /F0 [0-9.]+ Tf [0-9.]+ TL [0-9.-]+ [0-9.-]+ Td\n((?:<[0-9A-F]*> Tj T\*\n)*)ET\nQ EMC"
)


class _UnreadableError(Exception):
    """The bytes cannot be judged; the argument is the code to report."""


@dataclass
class _Findings:
    """Problems collected so far, by part, as (code, where), and the state of every box."""

    signatures: list[tuple[str, str]] = field(default_factory=list)
    modifications: list[tuple[str, str]] = field(default_factory=list)
    fields: list[tuple[str, str]] = field(default_factory=list)
    states: list[SignatureState] = field(default_factory=list)
    compared: bool = False


def verify(
    data: bytes,
    *,
    roots: Sequence[x509.Certificate],
    expected: Sequence[ExpectedSignature] | None = None,
    file_sha256: str | None = None,
    now: datetime | None = None,
) -> Report:
    """Judge a form and return what it proves; not for use inside a running event loop.

    ``expected`` is the plan of the manifest in signing order (fewer may have signed yet); without it the
    form's own field set is taken. ``now`` is the moment at which certificates must be valid: give the
    ledger's time for an old document. Costs about 35 ms of processor time a signature.
    """
    return asyncio.run(async_verify(data, roots=roots, expected=expected, file_sha256=file_sha256, now=now))


async def async_verify(
    data: bytes,
    *,
    roots: Sequence[x509.Certificate],
    expected: Sequence[ExpectedSignature] | None = None,
    file_sha256: str | None = None,
    now: datetime | None = None,
) -> Report:
    """Do as ``verify`` does, inside a running event loop (which it keeps busy)."""
    file = _file_part(data, file_sha256)
    try:
        with quiet():
            found = await _examine(data, roots, expected, now or datetime.now(UTC))
    except _UnreadableError as error:
        unread = [Part(key=key, verdict="not_checked", code=f"pdf.{key}.not_checked") for key in _KEYS[1:]]
        return Report(parts=(Part(key=_KEYS[0], verdict="failed", code=str(error)), *unread, file))
    waiting = any(not state.signed for state in found.states)
    parts = (
        _part(
            "signatures", found.signatures, "pdf.signatures.in_progress" if waiting else "pdf.signatures.ok"
        ),
        _part("modifications", found.modifications, "pdf.modifications.ok")
        if found.compared or found.modifications
        else Part(key="modifications", verdict="not_checked", code="pdf.modifications.not_checked"),
        _part("fields", found.fields, "pdf.fields.ok"),
        file,
    )
    return Report(parts=parts, signatures=tuple(found.states))


_KEYS: Final = ("signatures", "modifications", "fields")


def _part(key: str, problems: Sequence[tuple[str, str]], good: str) -> Part:
    if not problems:
        return Part(key=key, verdict="ok", code=good)
    details = tuple(f"{where}: {code}" for code, where in problems)
    return Part(key=key, verdict="failed", code=problems[0][0], details=details)


def _file_part(data: bytes, file_sha256: str | None) -> Part:
    if file_sha256 is None:
        return Part(key="file", verdict="not_checked", code="pdf.file.not_checked")
    if hashlib.sha256(data).hexdigest() == file_sha256.lower():
        return Part(key="file", verdict="ok", code="pdf.file.ok")
    return Part(key="file", verdict="failed", code="pdf.file.differs")


# --- reading ----------------------------------------------------------------------------------------


async def _examine(
    data: bytes,
    roots: Sequence[x509.Certificate],
    expected: Sequence[ExpectedSignature] | None,
    now: datetime,
) -> _Findings:
    """Run parts 1 to 3. Raises _UnreadableError."""
    _refuse_early(data)
    try:
        reader = PdfFileReader(io.BytesIO(data))  # its decode limits stop compression bombs
        if reader.encrypted:
            raise _UnreadableError("pdf.encrypted")  # noqa: TRY301
        if reader.has_xref_stream or reader.xrefs.hybrid_xrefs_present:
            raise _UnreadableError("pdf.foreign")  # noqa: TRY301
        found = _Findings()
        active = _active_keys(data)
        if active:
            found.fields.append(("pdf.fields.active_content", ", ".join(active)))
        form = _Form(reader)
        _check_fields(form, expected, found)
        await _check_signatures(form, data, found, roots=roots, expected=expected, now=now)
    except _UnreadableError:
        raise
    except pikepdf.PasswordError as error:
        raise _UnreadableError("pdf.encrypted") from error
    except RecursionError as error:
        raise _UnreadableError("pdf.unreadable") from error
    except Exception as error:  # hostile bytes make parsers raise anything, and the answer is the same
        raise _UnreadableError("pdf.unreadable") from error
    return found


def _refuse_early(data: bytes) -> None:
    """Refuse by looking at the bytes alone, before any parser runs."""
    if len(data) > MAX_BYTES:
        raise _UnreadableError("pdf.too_large")
    if not data.startswith(b"%PDF-"):
        raise _UnreadableError("pdf.not_a_pdf")
    if data.count(b"startxref") > _MAX_REVISIONS:
        raise _UnreadableError("pdf.too_many_revisions")


def _active_keys(data: bytes) -> list[str]:
    """Return forbidden keys found in any object, read by a second parser that also decodes odd spellings."""
    with pikepdf.open(io.BytesIO(data), attempt_recovery=False, suppress_warnings=True) as pdf:
        if len(pdf.objects) > _MAX_OBJECTS:
            raise _UnreadableError("pdf.unreadable")
        names = {name for item in pdf.objects for name in _names(item, 0)}
    return sorted(names & _ACTIVE)


def _names(item: Any, depth: int) -> Iterator[str]:
    """Yield the dictionary keys and name values inside one object, not following references."""
    if depth > 50:  # noqa: PLR2004
        raise _UnreadableError("pdf.unreadable")
    if isinstance(item, pikepdf.Name):
        yield str(item)
    elif isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
        for key, value in item.items():
            yield str(key)
            if not getattr(value, "is_indirect", False):
                yield from _names(value, depth + 1)
    elif isinstance(item, pikepdf.Array):
        for value in item:
            if not getattr(value, "is_indirect", False):
                yield from _names(value, depth + 1)


class _Form:
    """The form of a document as pyHanko reads it: fields by name, and the typeface for reading them."""

    def __init__(self, reader: Any) -> None:
        if "/AcroForm" not in reader.root:
            raise _UnreadableError("pdf.foreign")
        form = reader.root["/AcroForm"]
        self.reader = reader
        self.fields: dict[str, Any] = {}
        self.doubles: list[str] = []
        for ref in form["/Fields"]:
            item = ref.get_object()
            name = str(item["/T"])
            if name in self.fields:
                self.doubles.append(name)
            self.fields[name] = item
        fonts = form["/DR"]["/Font"]
        self.font = fonts.raw_get(f"/{FONT_NAME}")
        embedded = self.font.get_object()
        self.typeface = Typeface.parse(embedded["/ToUnicode"].data, embedded["/DescendantFonts"][0]["/W"])

    @property
    def keys(self) -> list[str]:
        """Return the keys of the signature boxes present, in the order of the form's plan."""
        return [key for key in BOX_FIELDS if f"sig_{key}" in self.fields]


# --- part 3: the field set --------------------------------------------------------------------------


def _check_fields(form: _Form, expected: Sequence[ExpectedSignature] | None, found: _Findings) -> None:
    count = sum(re.fullmatch(rf"{COMPLETION}_methods_\d+", name) is not None for name in form.fields)
    data = {key: [f"{key}_{name}" for name in data_fields(key, min(count, MAX_LINES))] for key in form.keys}
    planned = {f"sig_{key}" for key in form.keys}
    if expected is not None:
        planned = {item.field for item in expected}
    planned |= {name for names in data.values() for name in names}
    found.fields += [("pdf.fields.unexpected", name) for name in sorted({*form.fields} - planned)]
    found.fields += [("pdf.fields.unexpected", name) for name in form.doubles]
    found.fields += [("pdf.fields.missing", name) for name in sorted(planned - {*form.fields})]
    for name, item in form.fields.items():
        key = name.removeprefix("sig_")
        if key in data and _get(item, "/FT") == "/Sig":
            if not _lock_as_planned(_get(item, "/Lock"), key, data[key]):
                found.fields.append(("pdf.fields.lock", name))
        elif _get(item, "/FT") != "/Tx" or "/Kids" in item:
            found.fields.append(("pdf.fields.unexpected", name))
        elif not _shows_its_value(form, item):
            found.fields.append(("pdf.fields.display", name))


def _get(item: Any, key: str) -> Any:
    """Return a dictionary's value with its reference followed; pyHanko's own ``get`` does not follow it."""
    return item[key] if key in item else None  # noqa: SIM401


def _lock_as_planned(lock: Any, key: str, names: Sequence[str]) -> bool:
    if lock is None:
        return False
    kind = (_get(lock, "/Action"), _get(lock, "/P"))
    if key == COMPLETION:
        return kind == ("/All", 1)
    return kind == ("/Include", 2) and sorted(str(name) for name in _get(lock, "/Fields") or ()) == sorted(
        names
    )


def _shows_its_value(form: _Form, item: Any) -> bool:
    """Compare what a text field shows with what it holds: a signer could make them differ."""
    value = str(_get(item, "/V") or "")
    look = item["/AP"]["/N"]
    if look.data == EMPTY:
        return value == ""
    if look["/Resources"]["/Font"].raw_get(f"/{FONT_NAME}").reference != form.font.reference:
        return False
    match = _APPEARANCE.fullmatch(look.data)
    if match is None:
        return False
    letters = {glyph: letter for letter, glyph in form.typeface.glyphs.items()}
    codes = re.findall(rb"[0-9A-F]{4}", b"".join(re.findall(rb"<([0-9A-F]*)>", match.group(1))))
    shown = "".join(letters.get(int(code, 16), "\ufffd") for code in codes)
    return "".join(shown.split()) == "".join(value.split())


# --- parts 1 and 2: signatures and revisions --------------------------------------------------------


async def _check_signatures(
    form: _Form,
    data: bytes,
    found: _Findings,
    *,
    roots: Sequence[x509.Certificate],
    expected: Sequence[ExpectedSignature] | None,
    now: datetime,
) -> None:
    plan = (
        list(expected)
        if expected is not None
        else [ExpectedSignature(field=f"sig_{key}") for key in form.keys]
    )
    by_field = {item.field: item for item in plan}
    signatures = list(form.reader.embedded_signatures)
    states: dict[str, SignatureState] = {}
    anchors = [asn1_x509.Certificate.load(root.public_bytes(Encoding.DER)) for root in roots]
    trusted = bool(signatures)
    for n, signature in enumerate(signatures, start=1):
        name = str(signature.field_name)
        if not _clean_padding(signature, data):
            found.fields.append(("pdf.fields.padding", name))
        context = ValidationContext(trust_roots=anchors, allow_fetching=False, moment=now)
        status = await async_validate_pdf_signature(signature, context, skip_diff=True)
        before = len(found.signatures)
        certificate = x509.load_der_x509_certificate(signature.signer_cert.dump())
        _judge_signature(signature, status, name, found)
        _judge_party(certificate, by_field.get(name), name, found)
        states[name] = _state(signature, status, certificate, name, ok=len(found.signatures) == before)
        trusted = trusted and status.intact and status.valid and status.trusted
        if signature.signed_revision != n or status.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
            found.modifications.append(("pdf.modifications.coverage", name))
    _judge_order(form, signatures, list(by_field), found)
    if signatures and signatures[-1].coverage != SignatureCoverageLevel.ENTIRE_FILE:
        found.modifications.append(("pdf.modifications.after_last", str(signatures[-1].field_name)))
    if form.reader.total_revisions != len(signatures) + 1:
        found.modifications.append(("pdf.modifications.extra_revision", str(form.reader.total_revisions)))
    found.states += [states.get(item.field, SignatureState(field=item.field, signed=False)) for item in plan]
    # Comparing revisions walks every path through the document, which a forger can make endless. So it
    # is done only where each revision, to the last byte, was signed by a holder of a trusted certificate.
    if trusted and not found.modifications:
        found.compared = True
        for signature in signatures:
            _judge_changes(signature, found)


def _judge_signature(signature: Any, status: Any, name: str, found: _Findings) -> None:
    """Mathematics, kind and trust of one signature."""
    if not (status.intact and status.valid):
        found.signatures.append(("pdf.signatures.invalid", name))
    if _get(signature.sig_object, "/SubFilter") != _PADES or status.md_algorithm != "sha256":
        found.signatures.append(("pdf.signatures.kind", name))
    if not status.trusted:
        found.signatures.append(("pdf.signatures.untrusted", name))


def _judge_party(
    certificate: x509.Certificate, expected: ExpectedSignature | None, name: str, found: _Findings
) -> None:
    """Whether the certificate is the expected party's."""
    if expected is None:
        found.signatures.append(("pdf.signatures.unexpected", name))
        return
    pairs = (
        (expected.party_id, _attribute(certificate, NameOID.SERIAL_NUMBER)),
        (
            expected.organization and certificate_name(expected.organization),
            _attribute(certificate, NameOID.ORGANIZATION_NAME),
        ),
        (expected.certificate_sha256, _fingerprint(certificate)),
    )
    if any(wanted is not None and wanted != actual for wanted, actual in pairs):
        found.signatures.append(("pdf.signatures.party", name))


def _judge_changes(signature: Any, found: _Findings) -> None:
    """Whether only permitted changes followed a signature."""
    signature.compute_integrity_info()
    integrity = signature.summarise_integrity_info()
    level = getattr(integrity["diff_result"], "modification_level", ModificationLevel.OTHER)
    if level == ModificationLevel.OTHER or not integrity["docmdp_ok"]:
        found.modifications.append(("pdf.modifications.changed", str(signature.field_name)))


def _judge_order(form: _Form, signatures: Sequence[Any], planned: Sequence[str], found: _Findings) -> None:
    """Signed in the order of the plan, the first one certifying, at least one."""
    names = [str(signature.field_name) for signature in signatures]
    if not names:
        found.signatures.append(("pdf.signatures.none", "-"))
        return
    places = [planned.index(name) for name in names if name in planned]
    if places != sorted(places):
        found.signatures.append(("pdf.signatures.order", ", ".join(names)))
    certified = read_certification_data(form.reader)
    first = signatures[0].sig_object
    if (
        certified is None
        or certified.permission != MDPPerm.FILL_FORMS
        or certified.author_sig.get_object().container_ref != first.container_ref
    ):
        found.signatures.append(("pdf.signatures.not_certified", names[0]))


def _clean_padding(signature: Any, data: bytes) -> bool:
    """Whether the hole left for the CMS holds it, in one spelling, and after it only zeros."""
    start, length, resume, _ = (int(number) for number in signature.byte_range)
    hole = data[length:resume]
    if start != 0 or len(hole) < 2 or hole[:1] != b"<" or hole[-1:] != b">":  # noqa: PLR2004
        return False
    digits = hole[1:-1]
    if re.fullmatch(rb"[0-9a-f]+|[0-9A-F]+", digits) is None or len(digits) % 2:
        return False
    content = bytes.fromhex(digits.decode())
    return not any(content[asn1_parser.peek(content) :])


def _state(
    signature: Any, status: Any, certificate: x509.Certificate, name: str, *, ok: bool
) -> SignatureState:
    moment = status.signer_reported_dt or signature.self_reported_timestamp
    return SignatureState(
        field=name,
        signed=True,
        ok=ok,
        signer=_attribute(certificate, NameOID.COMMON_NAME),
        organization=_attribute(certificate, NameOID.ORGANIZATION_NAME),
        party_id=_attribute(certificate, NameOID.SERIAL_NUMBER),
        signed_at=moment,
        certificate_sha256=_fingerprint(certificate),
    )


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def _fingerprint(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
