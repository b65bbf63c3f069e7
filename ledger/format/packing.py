"""Signature lines as a row keeps them: the same lines in two thirds of the bytes.

In an envelope identifiers stand in hex and signatures in base64url. A row keeps the bytes that they spell;
every such text has one spelling, so that the lines come back as they were. Rows that hold the lines
themselves, as version 0.1 wrote them, stay readable: a packed row begins with its number of lines, below the
first letter of any scheme.
"""

from binascii import a2b_base64, b2a_base64

from ledger.format.event import MAX_ACTORS
from ledger.format.signature import Scheme

_CODES = {scheme: code for code, scheme in enumerate(Scheme, start=1)}
_SCHEMES = {code: f"{scheme} ".encode() for scheme, code in _CODES.items()}
_KID_BYTES = 32
_LENGTH_BYTES = 2
# One line of one short piece, which nearly every row has: count, scheme, kid, pieces, length, piece.
_PLAIN_AT = 1 + 1 + _KID_BYTES + 1 + _LENGTH_BYTES
_ED25519 = b"\x01\x01"
_PIECE_64 = b"\x01\x00\x40"
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def pack(head: bytes) -> bytes:
    """Return the signature lines of an envelope's head (lines, length, blank line) as a row keeps them.

    ``head`` is that of a parsed envelope.
    """
    lines = head.split(b"\n")[:-3]
    made = [bytes([len(lines)])]
    for line in lines:
        scheme, kid, value = line.split(b" ")
        pieces = [
            a2b_base64(piece.translate(_FROM_URL) + b"=" * (-len(piece) % 4)) for piece in value.split(b".")
        ]
        made += [bytes([_CODES[Scheme(scheme.decode())]]), bytes.fromhex(kid.decode()), bytes([len(pieces)])]
        made += [len(piece).to_bytes(_LENGTH_BYTES, "big") + piece for piece in pieces]
    return b"".join(made)


def unpack(kept: bytes, event_bytes: int) -> bytes:
    """Return the head of the envelope whose lines a row keeps, for an event of so many bytes.

    What is not packed comes back as it is, and so does what is damaged: it then hashes to no leaf.
    """
    if kept[:2] == _ED25519 and len(kept) == _PLAIN_AT + 64 and kept[34:37] == _PIECE_64:
        value = b2a_base64(kept[_PLAIN_AT:], newline=False).translate(_TO_URL)
        return b"pae %b %b\nlen %d\n\n" % (kept[2:34].hex().encode(), value[:-2], event_bytes)
    if not kept or kept[0] > MAX_ACTORS:
        return kept
    try:
        return _unpack(kept, event_bytes)
    except (IndexError, KeyError, ValueError):
        return kept


def _unpack(kept: bytes, event_bytes: int) -> bytes:
    made, at = [], 1
    for _ in range(kept[0]):
        scheme, kid, pieces = (
            _SCHEMES[kept[at]],
            kept[at + 1 : at + 1 + _KID_BYTES],
            kept[at + 1 + _KID_BYTES],
        )
        at += 2 + _KID_BYTES
        values = []
        for _ in range(pieces):
            length = int.from_bytes(kept[at : at + _LENGTH_BYTES], "big")
            at += _LENGTH_BYTES
            piece = kept[at : at + length]  # one that is cut off is found at the end
            if not length:
                raise ValueError("an empty piece")
            at += length
            values.append(b2a_base64(piece, newline=False).translate(_TO_URL).rstrip(b"="))
        made.append(scheme + kid.hex().encode() + b" " + b".".join(values))
    if at != len(kept) or not made:
        raise ValueError("more than the lines")
    return b"\n".join([*made, b"len %d\n\n" % event_bytes])
