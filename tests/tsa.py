"""A time-stamping authority for tests: a real server on 127.0.0.1 that answers RFC 3161 requests.

Its tokens are made from the structures of the standard and signed by a certificate of its own small root.
`mode` makes it answer as a broken or dishonest authority would.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

POLICY = "1.3.6.1.4.1.99999.3161.1"
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
ENDS = datetime(2040, 1, 1, tzinfo=UTC)
DRIP_S = 0.05
MIDDLE = "tsa middle"


class Mode(StrEnum):
    """How the authority answers."""

    CORRECT = "correct"
    THROUGH_ANOTHER = "through_another"  # the certificate is of an authority below the root
    EXPIRED_ABOVE = "expired_above"  # and that one had ended
    OTHER_DATA = "other_data"  # a good token, over something else
    EXPIRED = "expired"  # the certificate had ended when it stamped
    WRONG_NONCE = "wrong_nonce"  # the answer to another request
    NO_NONCE = "no_nonce"
    FOREIGN = "foreign"  # of an authority that nobody trusts
    NO_PURPOSE = "no_purpose"  # the certificate is not one for time stamps
    OTHER_CERTIFICATE = "other_certificate"  # the signed attributes name another certificate
    OTHER_CONTENT = "other_content"  # signed as something else than a time stamp
    BROKEN_SIGNATURE = "broken_signature"
    REFUSED = "refused"  # the status says so
    GARBAGE = "garbage"
    EMPTY = "empty"
    HUGE = "huge"
    SLOW = "slow"  # a byte now and then, for ever
    SLOW_HEAD = "slow_head"  # and not even the answer's head in time
    SILENT = "silent"  # no byte at all
    ERROR = "error"  # HTTP 500, though with a good token
    ELSEWHERE = "elsewhere"  # a redirection
    PAGE = "page"  # HTTP 200 with a web page


@lru_cache
def _key(name: str) -> ec.EllipticCurvePrivateKey:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") >> 1
    return ec.derive_private_key(seed, ec.SECP256R1())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@lru_cache
def root(name: str = "tsa root") -> x509.Certificate:
    """Return the self-signed certificate of a root."""
    key = _key(name)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(name))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(BEGAN)
        .not_valid_after(ENDS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


@lru_cache
def leaf(
    above: str = "tsa root", *, until: datetime = ENDS, purpose: bool = True, serial: int = 2
) -> x509.Certificate:
    """Return the certificate that signs time stamps, issued by the root of a name."""
    use = ExtendedKeyUsageOID.TIME_STAMPING if purpose else ExtendedKeyUsageOID.CODE_SIGNING
    key = _key(f"leaf of {above}").public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(_named(f"stamps of {above}"))
        .issuer_name(root(above).subject)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(BEGAN)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(_key(above).public_key()), critical=False
        )
        .sign(_key(above), SHA256())
    )


@lru_cache
def middle(until: datetime = ENDS) -> x509.Certificate:
    """Return the certificate of an authority below the root."""
    key = _key(MIDDLE).public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(_named(MIDDLE))
        .issuer_name(root().subject)
        .public_key(key)
        .serial_number(5)
        .not_valid_before(BEGAN)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .sign(_key("tsa root"), SHA256())
    )


def pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM).decode()


def _asn1(certificate: x509.Certificate) -> asn1.Certificate:
    return asn1.Certificate.load(certificate.public_bytes(Encoding.DER))


def make_token(
    digest: bytes, at: datetime, *, nonce: int | None = None, mode: Mode = Mode.CORRECT, serial: int = 1
) -> bytes:
    """Return the DER of a time-stamp token over a SHA-256 digest."""
    above = {Mode.FOREIGN: "stranger", Mode.THROUGH_ANOTHER: MIDDLE, Mode.EXPIRED_ABOVE: MIDDLE}.get(
        mode, "tsa root"
    )
    certificate = leaf(
        above,
        until=at - timedelta(days=1) if mode is Mode.EXPIRED else ENDS,
        purpose=mode is not Mode.NO_PURPOSE,
    )
    if mode is Mode.OTHER_DATA:
        digest = hashlib.sha256(b"other " + digest).digest()
    if mode is Mode.WRONG_NONCE and nonce is not None:
        nonce += 1
    info = {
        "version": "v1",
        "policy": POLICY,
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest},
        "serial_number": serial,
        "gen_time": at,
        "accuracy": {"seconds": 1},
        "ordering": False,
    }
    if nonce is not None and mode is not Mode.NO_NONCE:
        info["nonce"] = nonce
    content = tsp.TSTInfo(info).dump()
    signing = _asn1(leaf(above, serial=77) if mode is Mode.OTHER_CERTIFICATE else certificate)
    return _signed(content, certificate, signing, _key(f"leaf of {above}"), mode)


def _signed(
    content: bytes,
    certificate: x509.Certificate,
    named: asn1.Certificate,
    key: ec.EllipticCurvePrivateKey,
    mode: Mode,
) -> bytes:
    own = _asn1(certificate)
    certificates = [own]
    if mode is Mode.THROUGH_ANOTHER:
        certificates.append(_asn1(middle()))
    if mode is Mode.EXPIRED_ABOVE:
        certificates.append(_asn1(middle(BEGAN + timedelta(days=1))))
    kind = "data" if mode is Mode.OTHER_CONTENT else "tst_info"
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": [kind]},
            {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
            {
                "type": "signing_certificate_v2",
                "values": [
                    tsp.SigningCertificateV2(
                        {"certs": [{"cert_hash": hashlib.sha256(named.dump()).digest()}]}
                    )
                ],
            },
        ]
    )
    signature = key.sign(attributes.dump(), ec.ECDSA(SHA256()))
    if mode is Mode.BROKEN_SIGNATURE:
        signature = key.sign(attributes.dump() + b" ", ec.ECDSA(SHA256()))
    signer = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            {"issuer_and_serial_number": {"issuer": own.issuer, "serial_number": own.serial_number}}
        ),
        "digest_algorithm": {"algorithm": "sha256"},
        "signed_attrs": attributes,
        "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
        "signature": signature,
    }
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {
                "content_type": kind,
                "content": core.ParsableOctetString(content),
            },
            "certificates": certificates,
            "signer_infos": [signer],
        }
    )
    made: bytes = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
    return made


def wrapped(token: bytes, status: str = "granted") -> bytes:
    """Return the answer that carries a token."""
    made: bytes = tsp.TimeStampResp(
        {"status": {"status": status}, "time_stamp_token": cms.ContentInfo.load(token)}
    ).dump()
    return made


@dataclass
class Authority:
    """The running authority: where it listens, how it answers, and how often it was asked."""

    clock: Callable[[], datetime]
    mode: Mode = Mode.CORRECT
    url: str = ""
    asked: list[bytes] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        """The name under which its anchors are kept: host and port."""
        return self.url.removeprefix("http://").partition("/")[0]

    def answer(self, body: bytes) -> bytes:
        """Return the answer to a request."""
        request = tsp.TimeStampReq.load(body)
        imprint = request["message_imprint"]
        assert imprint["hash_algorithm"]["algorithm"].native == "sha256"
        assert request["cert_req"].native
        digest, nonce = imprint["hashed_message"].native, request["nonce"].native
        self.asked.append(digest)
        match self.mode:
            case Mode.REFUSED:
                return bytes.fromhex("30053003020102")  # a status alone: rejection
            case Mode.GARBAGE:
                return b"\x30\x82not a time stamp"
            case Mode.EMPTY:
                return b""
        return wrapped(make_token(digest, self.clock(), nonce=nonce, mode=self.mode, serial=len(self.asked)))


class _Handler(BaseHTTPRequestHandler):
    authority: Authority

    def log_message(self, format: str, *_args: object) -> None:  # noqa: A002  the library's name
        """Keep quiet."""

    def do_POST(self) -> None:
        """Answer a request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/timestamp-query"
        mode = self.authority.mode
        answer = self.authority.answer(body)
        match mode:
            case Mode.SILENT:
                self.authority.ended.wait(30)
                return
            case Mode.SLOW_HEAD:
                self._drip(b"HTTP/1.1 200 OK\r\nServer: " + b"x" * 1000)
                return
            case Mode.ELSEWHERE:
                self.send_response(307)
                self.send_header("Location", self.authority.url + "other")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        self.send_response(500 if mode is Mode.ERROR else 200)
        kind = "text/html" if mode is Mode.PAGE else "application/timestamp-reply"
        self.send_header("Content-Type", kind)
        self.end_headers()
        try:
            self._send(mode, answer)
        except OSError:
            return  # the client has hung up, as it should

    def _drip(self, data: bytes) -> None:
        try:
            for byte in data:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if self.authority.ended.wait(DRIP_S):
                    return
        except OSError:
            return

    def _send(self, mode: Mode, answer: bytes) -> None:
        match mode:
            case Mode.HUGE:
                for _ in range(4096):
                    self.wfile.write(bytes(65536))
            case Mode.SLOW:
                self._drip(answer)
            case _:
                self.wfile.write(answer)


@contextmanager
def authority(clock: Callable[[], datetime], mode: Mode = Mode.CORRECT) -> Iterator[Authority]:
    """Run an authority on a free port of 127.0.0.1."""
    made = Authority(clock, mode)
    handler = type("Handler", (_Handler,), {"authority": made})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        made.url = f"http://127.0.0.1:{server.server_address[1]}/tsa"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.ended.set()
            server.shutdown()
            thread.join()
