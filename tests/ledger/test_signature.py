import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from ledger.errors import Malformed, NotAllowed
from ledger.signature import (
    MAX_VALUE,
    P256_ORDER,
    Algorithm,
    KeySigner,
    Scheme,
    SignatureLine,
    b64,
    kid_of,
    load_public_key,
    pae,
    parse_line,
    sign,
    spki,
    unb64,
    verify_line,
    verify_raw,
)
from tests.ledger.vectors import vectors
from tests.ledger.world import private_key, signer

EVENT = b'{"a":1}'


def test_the_encoding_that_is_signed_is_dsse() -> None:
    assert pae(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_each_algorithm_signs_and_verifies(algorithm: Algorithm) -> None:
    who = signer("an", algorithm)
    line = who.sign_event(EVENT)
    assert parse_line(line.text()) == line
    assert line.kid == who.kid == kid_of(who.public_key)
    assert load_public_key(spki(who.public_key)) == (algorithm, who.public_key)
    verify_line(line, who.public_key, EVENT)
    with pytest.raises(NotAllowed, match="signature_invalid"):
        verify_line(line, who.public_key, EVENT + b" ")
    with pytest.raises(NotAllowed, match="signature_invalid"):
        verify_line(
            line,
            signer("binh", algorithm).public_key if algorithm != Algorithm.RSA else signer("binh").public_key,
            EVENT,
        )
    flipped = bytearray(line.parts[0])
    flipped[5] ^= 1
    with pytest.raises(NotAllowed, match="signature_invalid"):
        verify_line(replace(line, value=b64(bytes(flipped))), who.public_key, EVENT)


def test_a_signature_of_a_bare_event_does_not_count() -> None:
    key = private_key("an")
    assert not verify_raw(key.public_key(), sign(key, EVENT), pae(EVENT))


def test_the_high_twin_of_an_ecdsa_signature_is_refused() -> None:
    who = signer("an", Algorithm.P256)
    signature = sign(who.key, b"message")
    s = int.from_bytes(signature[32:], "big")
    assert s <= P256_ORDER // 2
    twin = signature[:32] + (P256_ORDER - s).to_bytes(32, "big")
    assert verify_raw(who.public_key, signature, b"message")
    assert not verify_raw(who.public_key, twin, b"message")


@pytest.mark.parametrize(
    "signature",
    [b"", b"x" * 63, b"x" * 65, bytes(64), bytes(32) + b"\1" * 32, b"\1" * 32 + bytes(32), b"\xff" * 64],
)
def test_a_degenerate_ecdsa_signature_is_refused(signature: bytes) -> None:
    assert not verify_raw(signer("an", Algorithm.P256).public_key, signature, b"message")


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024).public_key(),  # noqa: S505  the weakness under test
        ec.generate_private_key(ec.SECP384R1()).public_key(),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        ed448.Ed448PrivateKey.generate().public_key(),
    ],
    ids=["rsa-1024", "p-384", "secp256k1", "ed448"],
)
def test_other_keys_are_not_accepted(key: Any) -> None:
    with pytest.raises(Malformed, match="key_not_accepted"):
        load_public_key(spki(key))


@pytest.mark.parametrize("der", [b"", b"\x30", b"no key", spki(signer("an").public_key)[:-1]])
def test_bytes_that_are_no_key_are_malformed(der: bytes) -> None:
    with pytest.raises(Malformed, match=r"key_malformed|key_not_accepted"):
        load_public_key(der)


def test_a_second_spelling_of_a_key_is_not_accepted() -> None:
    with pytest.raises(Malformed):
        load_public_key(spki(signer("an").public_key) + b"\0")
    public = signer("an", Algorithm.P256).public_key
    assert isinstance(public, ec.EllipticCurvePublicKey)
    point = public.public_numbers()
    squeezed = bytes([2 + (point.y & 1)]) + point.x.to_bytes(32, "big")
    der = spki(public)
    compressed = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + squeezed
    assert load_public_key(der)[0] is Algorithm.P256
    with pytest.raises(Malformed, match="key_not_accepted"):
        load_public_key(compressed)


ED25519_PREFIX = bytes.fromhex("302a300506032b6570032100")


def test_the_edge_cases_of_ed25519_follow_one_rule() -> None:
    (path,) = vectors("cctv/ed25519", "vectors.json")
    counted = {"key": 0, "refused": 0, "accepted": 0}
    for vector in json.loads(path.read_text()):
        flags = set(vector["flags"] or ())
        der = ED25519_PREFIX + bytes.fromhex(vector["key"])
        if flags & {"low_order_A", "non_canonical_A"}:
            with pytest.raises(Malformed, match="key_not_accepted"):
                load_public_key(der)
            counted["key"] += 1
            continue
        _, public = load_public_key(der)
        holds = verify_raw(public, bytes.fromhex(vector["sig"]), vector["msg"].encode())
        assert holds == (not flags & {"low_order_residue", "non_canonical_R"}), vector["number"]
        counted["accepted" if holds else "refused"] += 1
    assert min(counted.values()) > 0, counted


def test_an_ed25519_key_of_small_order_is_refused() -> None:
    with pytest.raises(Malformed, match="key_not_accepted"):
        load_public_key(ED25519_PREFIX + bytes([1]) + bytes(31))


def test_an_unreduced_ed25519_key_is_refused() -> None:
    unreduced = (2**255 - 19 + 3).to_bytes(32, "little")
    with pytest.raises(Malformed):
        load_public_key(ED25519_PREFIX + unreduced)


KID = "a" * 64


@pytest.mark.parametrize(
    "line",
    [
        SignatureLine(Scheme.WEBAUTHN, KID, ".".join(b64(part) for part in (b"data", b"{}", b"sig"))),
        SignatureLine(Scheme.BATCH, KID, ".".join(b64(p) for p in (b"2", b"0", b"r" * 32, b"s", b"n" * 32))),
        SignatureLine(Scheme.BATCH, KID, ".".join(b64(part) for part in (b"1", b"0", b"r" * 32, b"s"))),
    ],
)
def test_schemes_not_built_yet_parse_and_fail_closed(line: SignatureLine) -> None:
    assert parse_line(line.text()) == line
    with pytest.raises(NotAllowed, match="signature_scheme_unsupported"):
        verify_line(line, signer("an").public_key, EVENT)


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(Malformed, match="signature_scheme_unknown"):
        parse_line(f"none {KID} AAAA")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pae",
        f"pae {KID}",
        f"pae {KID} AAAA AAAA",
        f"pae  {KID} AAAA",
        f"pae {KID[1:]} AAAA",
        f"pae {KID.upper()} AAAA",
        f"pae {KID} ",
        f"pae {KID} AAAA.AAAA",
        f"pae {KID} AA==",
        f"pae {KID} AB",
        f"pae {KID} A",
        f"pae {KID} é",
        f"pae {KID} AA+/",
        f"webauthn {KID} AAAA.AAAA",
        f"webauthn {KID} AAAA..AAAA",
        f"batch {KID} AAAA.AAAA.AAAA",
        f"pae {KID} " + "A" * MAX_VALUE,
    ],
)
def test_a_malformed_line_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="signature_malformed"):
        parse_line(text)


def test_base64_has_one_spelling() -> None:
    assert unb64(b64(b"\xff\xfe\xfd")) == b"\xff\xfe\xfd"
    for text in ("//79", "__79=", "__7", "__79\n"):
        with pytest.raises(ValueError, match="base64url"):
            unb64(text)


def test_a_signer_in_memory_says_whose_key_it_holds() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    assert KeySigner(key).public_key == key.public_key()
