"""What is pushed to a mirror: the body of `add-entries`, taken in as it arrives.

Format: c2sp.org/tlog-mirror. The body has no bound; what waits here is never more than one package.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from ledger.errors import Malformed, NotAllowed, Problem
from ledger.format.note import MAX_SIZE
from ledger.format.tiles import HASH_BYTES
from ledger.watching.mirror import Mirror, Package, Upload

MAX_HASHES = 63
PIECE = 1 << 20
_SIZE = struct.Struct(">H")
_RANGE = struct.Struct(">QQ")


@dataclass(frozen=True, slots=True)
class Header:
    """What an upload says of itself: entries [start, stop) of a log."""

    origin: str
    start: int
    stop: int
    ticket: bytes = b""

    def to_bytes(self) -> bytes:
        """Return the head of the body."""
        origin = self.origin.encode()
        return b"".join(
            (
                _SIZE.pack(len(origin)),
                origin,
                _RANGE.pack(self.start, self.stop),
                _SIZE.pack(len(self.ticket)),
                self.ticket,
            )
        )


def take_header(data: bytes | bytearray) -> tuple[Header, int] | None:
    """Return the head of ``data`` and how long it is, None when there is more to come; raise Malformed."""
    if (found := _sized(data, 0)) is None:
        return None
    origin, at = found
    if len(data) < at + _RANGE.size or (rest := _sized(data, at + _RANGE.size)) is None:
        return None
    start, stop = _RANGE.unpack_from(data, at)
    try:
        header = Header(origin.decode(), start, stop, rest[0])
    except UnicodeDecodeError as error:
        raise Malformed(Problem("ledger.mirror_upload_malformed")) from error
    if max(start, stop) > MAX_SIZE:
        raise Malformed(Problem("ledger.mirror_upload_malformed"))
    return header, rest[1]


def take_package(data: bytes | bytearray, count: int) -> tuple[list[bytes], list[bytes], int] | None:
    """Return ``count`` entries, their proof and how long both are, None when there is more to come.

    Raises NotAllowed when the proof is longer than any can be.
    """
    entries: list[bytes] = []
    at = 0
    while len(entries) < count:
        if (found := _sized(data, at)) is None:
            return None
        entry, at = found
        entries.append(entry)
    if len(data) <= at:
        return None
    hashes = data[at]
    if hashes > MAX_HASHES:
        raise NotAllowed(Problem("ledger.proof_invalid", "", {"index": 0}))
    end = at + 1 + hashes * HASH_BYTES
    if len(data) < end:
        return None
    return entries, [bytes(data[i : i + HASH_BYTES]) for i in range(at + 1, end, HASH_BYTES)], end


def _sized(data: bytes | bytearray, at: int) -> tuple[bytes, int] | None:
    start = at + _SIZE.size
    if len(data) < start:
        return None
    end = start + int(_SIZE.unpack_from(data, at)[0])
    return (bytes(data[start:end]), end) if len(data) >= end else None


class Receiver:
    """One upload as it comes in; ``gzip`` tells whether it was compressed on its way."""

    def __init__(self, mirror: Mirror, *, gzip: bool = False) -> None:
        self._mirror = mirror
        self._inflate = zlib.decompressobj(wbits=31) if gzip else None
        self._waiting = bytearray()
        self._packages: Iterator[Package] = iter(())
        self._next: Package | None = None
        self.header: Header | None = None
        self.upload: Upload | None = None
        self.taken = 0

    @property
    def whole(self) -> bool:
        """Whether every package has come."""
        return self.upload is not None and self._next is None

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the body in, and into the mirror what is complete by it.

        Raises as `Mirror.upload` and `Upload.add` do, and Malformed when the piece cannot be unpacked.
        """
        for piece in self._pieces(chunk):
            self._waiting += piece
            self._advance()

    def _pieces(self, chunk: bytes) -> Iterator[bytes]:
        if self._inflate is None:
            yield chunk
            return
        try:
            while chunk:
                yield self._inflate.decompress(chunk, PIECE)
                chunk = self._inflate.unconsumed_tail
        except zlib.error as error:
            raise Malformed(Problem("ledger.mirror_upload_malformed")) from error

    def _advance(self) -> None:
        if self.upload is None and (found := take_header(self._waiting)) is not None:
            self.header, length = found
            self.upload = self._mirror.upload(self.header.origin, self.header.start, self.header.stop)
            self._packages = self.upload.packages()
            self._drop(length)
        while self.upload is not None and self._next is not None:
            package = self._next
            parts = take_package(self._waiting, package.stop - package.start)
            if parts is None:
                return
            entries, proof, length = parts
            self.upload.add(package, entries, proof)
            self.taken += 1
            self._drop(length)
        if self.upload is not None:
            self._waiting.clear()  # nothing belongs behind the last package

    def _drop(self, length: int) -> None:
        del self._waiting[:length]
        self._next = next(self._packages, None)
