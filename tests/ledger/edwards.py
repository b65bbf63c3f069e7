"""Edwards25519 by the book, in plain integers: slow, and nobody's library."""

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P
    return x, y


def times(number: int, point: Point) -> Point:
    made = NEUTRAL
    while number:
        if number & 1:
            made = add(made, point)
        point = add(point, point)
        number >>= 1
    return made


def encode(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(data: bytes) -> Point | None:
    """Return the point of its one canonical encoding, None for any other bytes."""
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if x * x % P != square or (x == 0 and sign):
        return None
    return (x if x & 1 == sign else P - x, y)


BASE = decode(bytes.fromhex("58" + "66" * 31))
assert BASE is not None


def key_accepted(public: bytes) -> bool:
    """The rule for a key: canonical, of prime order."""
    point = decode(public)
    return point is not None and point != NEUTRAL and times(ORDER, point) == NEUTRAL


def torsion() -> list[Point]:
    """The eight points whose order divides eight."""
    for y in range(2, 100):
        point = decode(y.to_bytes(32, "little"))
        if point is not None:
            small = times(ORDER, point)
            found = [times(n, small) for n in range(8)]
            if len(set(found)) == 8:
                return found
    raise AssertionError


def signature_holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """The whole rule: key, canonical ``R`` not of small order, ``S`` below the order, no cofactor."""
    key, nonce = decode(public), decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or not key_accepted(public) or key is None or nonce is None or s >= ORDER:
        return False
    if times(8, nonce) == NEUTRAL:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    assert BASE is not None
    return times(s, BASE) == add(nonce, times(k, key))


def sign(scalar: int, nonce: int, message: bytes, twist: Point = NEUTRAL) -> tuple[bytes, bytes]:
    """Return public key and signature under a chosen scalar and nonce, ``R`` moved by ``twist``."""
    assert BASE is not None
    public = encode(times(scalar, BASE))
    r = encode(add(times(nonce, BASE), twist))
    k = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % ORDER
    return public, r + ((nonce + k * scalar) % ORDER).to_bytes(32, "little")
