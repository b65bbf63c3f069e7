"""Signing one box: its data fields and its signature, added in a single incremental revision.

The first signature certifies the form (only form filling is allowed afterwards), so each later party's
data must arrive together with its own signature. Signatures are PAdES baseline B-B over SHA-256.
"""

import asyncio
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from asn1crypto import x509 as asn1_x509
from asn1crypto.algos import SignedDigestAlgorithm
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic as pyhanko_generic
from pyhanko.pdf_utils.content import PdfResources, RawContent
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, BoxConstraints, InnerScaling, Margins, SimpleBoxLayoutRule
from pyhanko.pdf_utils.misc import PdfError as PyHankoError
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore

from pdf.errors import (
    CertificateMismatch,
    DocumentUnreadable,
    FieldClosed,
    FieldUnknown,
    OrderInvalid,
)
from pdf.fields import FONT_NAME, Typeface
from pdf.form import BOX_FIELDS, VIETNAM, Filled, Stamp, clean, stamp_lines
from pdf.supported import require_supported

generic: Any = pyhanko_generic  # its constructors carry no annotations

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_STAMP_SIZE: Final = 8.0


class PdfSigner(Protocol):
    """Someone who can sign: a certificate, the chain above it, and the raw operation."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""

    @property
    def chain(self) -> Sequence[x509.Certificate]:
        """Certificates above it, for embedding; the root may be left out."""

    async def sign_raw(self, data: bytes) -> bytes:
        """Sign ``data`` with SHA-256: ECDSA as DER, RSA as PKCS #1 v1.5."""


class CustodySigner:
    """A private key held in this process."""

    def __init__(
        self, key: SigningKey, certificate: x509.Certificate, chain: Sequence[x509.Certificate] = ()
    ) -> None:
        """Check that key and certificate belong together. Raises KeyUnsupported, CertificateMismatch."""
        require_supported(key.public_key())
        if key.public_key() != certificate.public_key():
            raise CertificateMismatch(subject=certificate.subject.rfc4514_string())
        self._key = key
        self.certificate = certificate
        self.chain = tuple(chain)

    async def sign_raw(self, data: bytes) -> bytes:
        """Sign with the loaded key; microseconds for P-256, about a millisecond for RSA."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, PKCS1v15(), SHA256())
        return self._key.sign(data, ec.ECDSA(SHA256()))


def add_signature(
    pdf: bytes, *, filled: Filled, signer: PdfSigner, signed_at: datetime, first: bool, stamp: Stamp
) -> bytes:
    """Return the document with one more revision: the box filled and signed.

    ``first`` says that this is the certifying signature. Not for use inside a running event loop: see
    ``async_add_signature``. Raises PdfError when the form, the key or the values do not fit.
    """
    return asyncio.run(
        async_add_signature(pdf, filled=filled, signer=signer, signed_at=signed_at, first=first, stamp=stamp)
    )


async def async_add_signature(
    pdf: bytes, *, filled: Filled, signer: PdfSigner, signed_at: datetime, first: bool, stamp: Stamp
) -> bytes:
    """Do as ``add_signature`` does, inside a running event loop. It is CPU-bound for tens of milliseconds."""
    if signed_at.tzinfo is None:
        raise ValueError("signed_at needs a time zone")
    require_supported(signer.certificate.public_key())
    writer, fields, typeface, font = _open(pdf)
    box = fields.get(f"sig_{filled.key}")
    if box is None:
        raise FieldUnknown(field=f"sig_{filled.key}")
    _require_open(fields, box, filled.key, first=first)
    _fill(writer, fields, filled, typeface, font)
    mark = _mark(box, stamp_lines(stamp, signed_at, filled.level_text), typeface, font)
    meta = signers.PdfSignatureMetadata(
        field_name=f"sig_{filled.key}",
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=first,
        docmdp_permissions=MDPPerm(int(box["/Lock"]["/P"])),
        name=clean(stamp.signer),
    )
    adapter = _Adapter(signer)
    session = _TimedSigner(meta, adapter, stamp_style=mark)
    session.signed_at = signed_at.astimezone(VIETNAM)
    out = await session.async_sign_pdf(writer, existing_fields_only=True, bytes_reserved=adapter.reserve())
    return bytes(out.getbuffer())


def _open(pdf: bytes) -> tuple[Any, dict[str, Any], Typeface, Any]:
    """Return the writer, the fields by name, the embedded typeface and the reference to its font."""
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        form = writer.root["/AcroForm"]
        fields = {str(ref.get_object()["/T"]): ref.get_object() for ref in form["/Fields"]}
        fonts = form["/DR"]["/Font"]
        font = fonts.raw_get(f"/{FONT_NAME}")
        embedded = font.get_object()
        typeface = Typeface.parse(embedded["/ToUnicode"].data, embedded["/DescendantFonts"][0]["/W"])
    except (PyHankoError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DocumentUnreadable(reason=type(error).__name__) from error
    return writer, fields, typeface, font


def _require_open(fields: Mapping[str, Any], box: Any, key: str, *, first: bool) -> None:
    """Refuse a box that is signed, a document that is closed, and a second certification."""
    signed = {name: field for name, field in fields.items() if field.get("/FT") == "/Sig" and "/V" in field}
    closing = [name for name, field in signed.items() if field["/Lock"]["/Action"] == "/All"]
    if "/V" in box or closing:
        raise FieldClosed(field=f"sig_{key}", closed_by=closing)
    if first != (not signed):
        raise OrderInvalid(signed=sorted(signed), first=first)


def _fill(writer: Any, fields: Mapping[str, Any], filled: Filled, typeface: Typeface, font: Any) -> None:
    """Write values and their appearances into the data fields of the box, the empty ones too.

    The signature locks them all, and pyHanko then marks those it finds unwritten read-only one revision late:
    a change to a locked field, which a verifier rightly reports.
    """
    unknown = sorted(name for name in filled.values if f"{filled.key}_{name}" not in fields)
    if unknown:
        raise FieldUnknown(box=filled.key, fields=unknown)
    own = [
        name for name, field in fields.items() if field.get("/FT") == "/Tx" and _box_of(name) == filled.key
    ]
    for name in own:
        field = fields[name]
        text = clean(filled.values.get(name.removeprefix(f"{filled.key}_"), ""))
        x1, y1, x2, y2 = (float(number) for number in field["/Rect"])
        size = float(str(field["/DA"]).split()[1])
        look = generic.StreamObject(
            dict_data={
                pdf_name("/Type"): pdf_name("/XObject"),
                pdf_name("/Subtype"): pdf_name("/Form"),
                pdf_name("/BBox"): generic.ArrayObject(
                    generic.FloatObject(f"{n:.2f}") for n in (0, 0, x2 - x1, y2 - y1)
                ),
                pdf_name("/Resources"): _font_resources(font),
            },
            # Viewers know a text field's own content by these marks.
            stream_data=b"/Tx BMC q\n" + typeface.show([text], x2 - x1, y2 - y1, size) + b"\nQ EMC",
        )
        field[pdf_name("/V")] = generic.TextStringObject(text)
        field[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): writer.add_object(look)})
        writer.update_container(field)


def _box_of(field: str) -> str | None:
    """Return the key of the box that a data field belongs to."""
    return next((key for key in BOX_FIELDS if field.startswith(f"{key}_")), None)


def _font_resources(font: Any) -> Any:
    fonts = generic.DictionaryObject({pdf_name(f"/{FONT_NAME}"): font})
    return generic.DictionaryObject({pdf_name("/Font"): fonts})


def _mark(box: Any, lines: Sequence[str], typeface: Typeface, font: Any) -> Any:
    """Return the visible mark: a thin frame and the lines, in the typeface the form already embeds.

    Not pyHanko's text stamp: with fonts of 2048 units it writes widths twice too large.
    """
    x1, y1, x2, y2 = (float(number) for number in box["/Rect"])
    width, height = x2 - x1, y2 - y1
    frame = b"q 0.5 w 0.75 0.75 %.2f %.2f re S Q\n" % (width - 1.5, height - 1.5)
    inner = typeface.show(lines, width - 4, height - 2, _STAMP_SIZE)
    resources = PdfResources()  # type: ignore[no-untyped-call]
    resources.font[pdf_name(f"/{FONT_NAME}")] = font
    content = RawContent(
        frame + b"q 1 0 0 1 2 1 cm\n" + inner + b"\nQ", resources, BoxConstraints(width=width, height=height)
    )
    corner = SimpleBoxLayoutRule(
        x_align=AxisAlignment.ALIGN_MIN,
        y_align=AxisAlignment.ALIGN_MIN,
        margins=Margins(0, 0, 0, 0),
        inner_content_scaling=InnerScaling.NO_SCALING,
    )
    return StaticStampStyle(
        background=content, background_layout=corner, background_opacity=1.0, border_width=0
    )


class _TimedSigner(signers.PdfSigner):
    """pyHanko's signer with the attested time in place of the machine's clock."""

    signed_at: datetime

    def init_signing_session(self, *args: Any, **kwargs: Any) -> Any:
        session = super().init_signing_session(*args, **kwargs)
        session.system_time = self.signed_at
        return session


class _Adapter(signers.Signer):
    """A ``PdfSigner`` as pyHanko wants it.

    The mechanism is set and the size is computed here, so pyHanko neither reloads a key nor signs twice:
    its own signer for keys in memory does both, and is four to nine times slower with RSA.
    """

    def __init__(self, signer: PdfSigner) -> None:
        certificate = signer.certificate
        chain = [cert for cert in signer.chain if cert.issuer != cert.subject]
        registry = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        registry.register_multiple(_as_asn1(cert) for cert in chain)
        self._raw = signer
        rsa_key = isinstance(certificate.public_key(), rsa.RSAPublicKey)
        super().__init__(
            signing_cert=_as_asn1(certificate),
            cert_registry=registry,
            signature_mechanism=SignedDigestAlgorithm(
                {"algorithm": "sha256_rsa" if rsa_key else "sha256_ecdsa"}
            ),
            embed_roots=False,
        )
        ders = [cert.public_bytes(Encoding.DER) for cert in (certificate, *chain)]
        issuer = len(certificate.issuer.public_bytes())
        self._size = sum(map(len, ders)) + 3 * issuer + (512 if rsa_key else 72) + 1024

    def reserve(self) -> int:
        """Return the hexadecimal digits to keep free for the CMS: a safe bound, the rest stays zero."""
        return 2 * self._size

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        if digest_algorithm != "sha256" or dry_run:
            raise NotImplementedError("only real signatures over SHA-256 are made here")
        return await self._raw.sign_raw(data)


def _as_asn1(certificate: x509.Certificate) -> Any:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
