"""The witness's memory and answers, and the client that asks; over HTTP in tests/api/test_witness.py."""

import multiprocessing
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from threading import Event

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed, NotAllowed, Refused, Unavailable
from ledger.format import policy as policies
from ledger.format.note import add_lines, b64, make_note, open_note, split_note
from ledger.format.tree import EMPTY_ROOT
from ledger.watching.witness import (
    MAX_PROOF,
    SAME_SIZE,
    SIZE,
    UNPROVED,
    Answer,
    Client,
    Request,
    Witness,
    gather,
    parse_request,
)
from tests.ledger.dying import witness_dies_answering, witness_dies_signing
from tests.ledger.tlog import ORIGIN, START, Tlog, cosigners, note_signer

LOG = Tlog(40)
OTHER = Tlog(40, salt="changed", common=5)
SIGNERS = cosigners("witness.example/w")
KEYS = [signer.key for signer in SIGNERS]
SECONDS = int(START.timestamp())


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path / "witness.db", {ORIGIN: LOG.keys}, SIGNERS)


def asked(log: Tlog, old: int, size: int, /, **changed: object) -> bytes:
    fields: dict[str, object] = {"old": old, "proof": log.proof(old, size), "note": log.note(size)}
    return Request(**fields | changed).to_bytes()  # type: ignore[arg-type]


def add(witness: Witness, log: Tlog, old: int, size: int, /, **changed: object) -> Answer:
    return witness.add_checkpoint(asked(log, old, size, **changed), now=START)


def size_of(witness: Witness) -> int:
    note = witness.latest(ORIGIN)
    return 0 if note is None else int(note.split("\n")[1])


def test_a_log_that_grows_is_cosigned_with_both_keys(witness: Witness) -> None:
    old = 0
    for size in (0, 1, 3, 8, 8, 32, 40):
        answer = add(witness, LOG, old, size)
        assert (answer.status, answer.content_type) == (HTTPStatus.OK, "text/plain; charset=utf-8")
        assert answer.body.endswith("\n")
        opened = open_note(make_note(LOG.checkpoint(size).text, answer.body[:-1].split("\n")), KEYS)
        assert opened.signed_by == tuple(KEYS)
        assert opened.timestamps == (SECONDS, SECONDS)
        assert size_of(witness) == old == size or size > old
        old = size


def test_what_was_cosigned_survives_the_witness(witness: Witness, tmp_path: Path) -> None:
    add(witness, LOG, 0, 8)
    again = Witness(tmp_path / "witness.db", {ORIGIN: LOG.keys}, SIGNERS)
    assert again.latest(ORIGIN) == LOG.note(8)
    assert add(again, LOG, 0, 9) == Answer(HTTPStatus.CONFLICT, "8\n", SIZE)
    assert add(again, LOG, 8, 9).status == HTTPStatus.OK


def test_a_later_cosignature_never_bears_an_earlier_time(witness: Witness) -> None:
    add(witness, LOG, 0, 8)
    answer = witness.add_checkpoint(asked(LOG, 8, 9), now=START - timedelta(days=1))
    note = make_note(LOG.checkpoint(9).text, answer.body[:-1].split("\n"))
    assert open_note(note, KEYS).timestamps == (SECONDS, SECONDS)


def test_lines_of_strangers_are_not_kept(witness: Witness) -> None:
    stranger = note_signer("stranger.example").sign_line(LOG.checkpoint(3).text, START)
    assert add(witness, LOG, 0, 3, note=add_lines(LOG.note(3), [stranger])).status == HTTPStatus.OK
    assert witness.latest(ORIGIN) == LOG.note(3)


def test_one_known_key_is_enough_for_a_witness(witness: Witness) -> None:
    text = LOG.checkpoint(3).text
    for signer in LOG.signers:
        answer = add(witness, LOG, size_of(witness), 3, note=signer.sign(text, START), proof=())
        assert answer.status == HTTPStatus.OK


ONE_PROOF = LOG.proof(3, 8)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff", 400),
        (b"old 3", 400),
        (asked(LOG, 3, 8)[:-1], 400),
        (b"x" + asked(LOG, 3, 8), 400),
        (asked(LOG, 3, 8).replace(b"old 3", b"old 03"), 400),
        (asked(LOG, 3, 8).replace(b"old 3", b"old  3"), 400),
        (asked(LOG, 3, 8).replace(b"old 3", b"Old 3"), 400),
        (asked(LOG, 3, 8).replace(b"old 3", b"old -3"), 400),
        (asked(LOG, 3, 8).replace(b"old 3", b"old"), 400),
        (asked(LOG, 3, 8).replace(b"old 3\n", b"old 3\r\n"), 400),
        (asked(LOG, 3, 8).replace(b"old 3\n", b""), 400),
        (asked(LOG, 3, 8).replace(b"old 3", b"old %d" % 2**63), 400),
        (asked(LOG, 3, 8, proof=(*ONE_PROOF, bytes(31))), 400),
        (asked(LOG, 3, 8, proof=[bytes(32)] * (MAX_PROOF + 1)), 400),
        (asked(LOG, 3, 8, note="no note"), 400),
        (asked(LOG, 3, 8, note=note_signer().sign("no checkpoint\n", START)), 400),
        (asked(LOG, 3, 8, old=9), 400),
        (asked(LOG, 3, 8, note=Tlog(8, origin="other.example/log").note(8)), 404),
        (asked(LOG, 3, 8, note=note_signer("stranger").sign(LOG.checkpoint(8).text, START)), 403),
        (asked(LOG, 3, 8, note=LOG.note(8).replace("\n8\n", "\n9\n")), 403),
        (
            asked(LOG, 3, 8, note=add_lines(LOG.note(8), [f"— {ORIGIN} {b64(LOG.keys[0].id + bytes(64))}"])),
            403,
        ),
        (asked(LOG, 3, 8, old=0, proof=()), 409),
        (asked(LOG, 3, 8, old=2, proof=LOG.proof(2, 8)), 409),
        (asked(LOG, 3, 8, old=8, proof=()), 409),
        (asked(LOG, 2, 2), 409),
        (asked(LOG, 3, 8, proof=()), 422),
        (asked(LOG, 3, 8, proof=ONE_PROOF[:-1]), 422),
        (asked(LOG, 3, 8, proof=(*ONE_PROOF, bytes(32))), 422),
        (asked(LOG, 3, 8, proof=[bytes(32)] * MAX_PROOF), 422),
        (asked(LOG, 3, 3, proof=ONE_PROOF), 422),
    ],
)
def test_what_the_witness_does_not_cosign(witness: Witness, body: bytes, status: int) -> None:
    assert add(witness, LOG, 0, 3).status == HTTPStatus.OK
    answer = witness.add_checkpoint(body, now=START)
    assert answer.status == status
    assert "—" not in answer.body
    if status == 409:
        assert (answer.body, answer.content_type) == ("3\n", SIZE)
    assert size_of(witness) == 3


def test_the_first_checkpoint_takes_no_proof(witness: Witness) -> None:
    assert add(witness, LOG, 0, 8, proof=ONE_PROOF).status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert add(witness, LOG, 3, 8) == Answer(HTTPStatus.CONFLICT, "0\n", SIZE)
    empty = Tlog(0)
    assert root_note(empty, bytes(32), witness).status == HTTPStatus.CONFLICT
    assert root_note(empty, EMPTY_ROOT, witness).status == HTTPStatus.OK


def root_note(log: Tlog, root: bytes, witness: Witness) -> Answer:
    note = log.signers[0].sign(f"{ORIGIN}\n0\n{b64(root)}\n", START)
    return witness.add_checkpoint(Request(0, (), note).to_bytes(), now=START)


@pytest.mark.parametrize("old", [3, 8])
def test_two_roots_of_one_size_are_kept_as_proof_against_the_log(witness: Witness, old: int) -> None:
    add(witness, LOG, 0, 8)
    for _ in range(2):  # whatever is claimed of the old size, and however often
        assert add(witness, OTHER, old, 8, proof=()) == Answer(HTTPStatus.CONFLICT, "8\n", SIZE)
    (found,) = witness.evidence()
    assert (found.origin, found.kind, found.found_at) == (ORIGIN, SAME_SIZE, START)
    assert (found.kept, found.offered) == (LOG.note(8), OTHER.note(8))
    for note in (found.kept, found.offered):
        assert open_note(note, LOG.keys).signed_by == LOG.keys
    assert witness.latest(ORIGIN) == LOG.note(8)


def test_a_checkpoint_that_nobody_can_connect_is_kept_as_a_suspicion(witness: Witness) -> None:
    add(witness, LOG, 0, 8)
    assert add(witness, OTHER, 8, 20).status == HTTPStatus.UNPROCESSABLE_ENTITY
    (found,) = witness.evidence()
    assert (found.kind, found.kept, found.offered) == (UNPROVED, LOG.note(8), OTHER.note(20))
    assert add(witness, LOG, 8, 20).status == HTTPStatus.OK


def test_of_many_requests_at_once_one_is_cosigned(witness: Witness) -> None:
    add(witness, LOG, 0, 3)
    sizes = [4, 5, 6, 7, 8, 9, 10, 11] * 2
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda size: add(witness, LOG, 3, size), sizes))
    good = {size for size, answer in zip(sizes, answers, strict=True) if answer.status == HTTPStatus.OK}
    assert len(good) == 1
    assert {size_of(witness)} == good
    rest = [answer for answer in answers if answer.status != HTTPStatus.OK]
    assert {(answer.status, answer.body) for answer in rest} == {(HTTPStatus.CONFLICT, f"{good.pop()}\n")}


@pytest.mark.parametrize(("die", "kept"), [(witness_dies_signing, 3), (witness_dies_answering, 8)])
def test_a_witness_that_is_killed_goes_on_from_what_it_may_have_answered(
    witness: Witness, tmp_path: Path, die: Callable[[Path], None], kept: int
) -> None:
    add(witness, LOG, 0, 3)
    process = multiprocessing.get_context("spawn").Process(target=die, args=(tmp_path / "witness.db",))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert size_of(witness) == kept
    # Whoever got no answer asks again, and is told where to begin.
    if kept == 8:
        assert add(witness, OTHER, 3, 8).status == HTTPStatus.CONFLICT
    answer = add(witness, LOG, kept, 8)
    assert answer.status == HTTPStatus.OK


def test_nothing_is_answered_that_could_not_be_written(witness: Witness, tmp_path: Path) -> None:
    add(witness, LOG, 0, 3)
    with sqlite3.connect(tmp_path / "witness.db") as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON seen BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    database.close()
    with pytest.raises(sqlite3.Error, match="disk full"):
        add(witness, LOG, 3, 8)
    assert size_of(witness) == 3


@given(st.data())
def test_any_changed_byte_of_a_request_is_refused_or_shows(data: st.DataObject) -> None:
    body = bytearray(asked(LOG, 3, 8))
    at = data.draw(st.integers(0, len(body) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = body[at] != byte
    body[at] = byte
    try:
        request = parse_request(bytes(body))
    except Malformed:
        assert changed
        return
    assert request.to_bytes() == bytes(body)
    assert changed == (request != parse_request(asked(LOG, 3, 8)))


def transport(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer))


def of(witness: Witness) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        said = witness.add_checkpoint(request.read(), now=START)
        return httpx.Response(said.status, text=said.body)

    return answer


def test_a_client_learns_where_the_witness_stands(witness: Witness) -> None:
    add(witness, LOG, 0, 3)
    asked_for: list[int] = []

    def prove(old: int) -> tuple[bytes, ...]:
        asked_for.append(old)
        return LOG.proof(old, 8)

    with transport(of(witness)) as http:
        client = Client("http://w.example/", KEYS, http)
        lines = client.cosign(LOG.note(8), prove)
        assert open_note(add_lines(LOG.note(8), lines), KEYS).signed_by == tuple(KEYS)
        assert (asked_for, client.size) == ([3], 8)
        client.cosign(LOG.note(12), LOG.prover(12))
        assert client.size == 12
        only_one = Client("http://w.example", KEYS[1:], http, size=12).cosign(LOG.note(12), LOG.prover(12))
        assert [line.split(" ")[1] for line in only_one] == ["witness.example/w"]
        with pytest.raises(NotAllowed, match="witness_differs"):
            client.cosign(OTHER.note(12), OTHER.prover(12))
        with pytest.raises(NotAllowed, match="witness_differs"):
            client.cosign(LOG.note(4), LOG.prover(4))
        with pytest.raises(NotAllowed, match="witness_refused"):
            client.cosign(OTHER.note(20), OTHER.prover(20))


GOOD = SIGNERS[0].sign_line(LOG.checkpoint(8).text, START)


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (httpx.Response(500, text="no"), "witness_refused"),
        (httpx.Response(200, text=""), "note_malformed"),
        (httpx.Response(200, text="hello\n"), "note_malformed"),
        (httpx.Response(200, content=b"\xff\n"), "note_malformed"),
        (httpx.Response(200, text="— a AAAAAAAA\n"), "note_unsigned"),
        (httpx.Response(200, text=GOOD.replace("A", "B", 1) + "\n"), "note_"),
        (
            httpx.Response(200, text=SIGNERS[0].sign_line(LOG.checkpoint(7).text, START) + "\n"),
            "note_signature_invalid",
        ),
        (httpx.Response(200, text="x" * 600_000), "answer_too_long"),
        (httpx.Response(409, text="eight\n"), "note_malformed"),
        (httpx.Response(409, text="0\n"), "witness_differs"),
        (httpx.Response(409, text="9\n"), "witness_differs"),
        (httpx.Response(409, text="3\n"), "witness_differs"),
        (httpx.Response(301, headers={"location": "http://elsewhere.example/"}), "witness_refused"),
    ],
)
def test_a_witness_that_misbehaves_is_not_believed(response: httpx.Response, code: str) -> None:
    with transport(lambda _: response) as http, pytest.raises(Refused, match=code):
        Client("http://w.example", KEYS, http).cosign(LOG.note(8), LOG.prover(8))


def test_keys_that_are_not_the_witness_s_are_ignored_in_its_answer() -> None:
    stranger = note_signer("stranger.example").sign_line(LOG.checkpoint(8).text, START)
    with transport(lambda _: httpx.Response(200, text=f"{stranger}\n{GOOD}\n")) as http:
        assert Client("http://w.example", KEYS, http).cosign(LOG.note(8), LOG.prover(8)) == [GOOD]


def test_a_witness_that_is_not_there_is_unavailable() -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("nobody")

    with transport(fail) as http, pytest.raises(Unavailable, match="witness_unavailable"):
        Client("http://w.example", KEYS, http).cosign(LOG.note(8), LOG.prover(8))


def dribbling() -> httpx.Response:
    return httpx.Response(200, content=(b"x" for _ in range(10_000)))


def test_an_answer_that_dribbles_in_is_given_up() -> None:
    with transport(lambda _: dribbling()) as http, pytest.raises(Malformed, match="answer_too_long"):
        Client("http://w.example", KEYS, http).cosign(LOG.note(8), LOG.prover(8))


def test_the_witnesses_of_a_policy_are_asked_at_once(tmp_path: Path) -> None:
    names = ("one", "two", "three", "four")
    witnesses = {
        name: Witness(tmp_path / f"{name}.db", {ORIGIN: LOG.keys}, cosigners(f"{name}.example"))
        for name in names
    }
    add(witnesses["two"], OTHER, 0, 12)
    release = Event()

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.host.partition(".")[0]
        if name == "three":
            raise httpx.ConnectError("down")
        if name == "four":
            release.wait(30)
        return of(witnesses[name])(request)

    lines = []
    for name in names:
        for kind, signer in zip(("a", "b"), witnesses[name].signers, strict=True):
            lines.append(f"witness {name}-{kind} {signer.key} http://{name}.example")
    stranger = cosigners("offline.example")[0].key
    lines += [f"witness offline {stranger}", "group both all one-a one-b", "quorum both"]
    policy = policies.parse("\n".join(lines).encode() + b"\n")
    sizes: dict[str, int] = {}
    with transport(answer) as http:
        found = gather(policy, LOG.note(12), LOG.prover(12), http, sizes, within_s=1)
        release.set()
    assert found.quorum
    assert len(found.lines) == 2
    assert found.failed == {
        "http://two.example": "ledger.witness_differs",
        "http://three.example": "ledger.witness_unavailable",
        "http://four.example": "ledger.witness_unavailable",
    }
    assert sizes == {"http://one.example": 12, "http://two.example": 12, "http://three.example": 0}
    assert policy.check(found.note, ORIGIN, LOG.keys).witnesses == ("one-a", "one-b")
    assert split_note(found.note)[0] == LOG.checkpoint(12).text


def test_a_policy_without_places_asks_nobody() -> None:
    policy = policies.parse(f"witness w {KEYS[0]}\nquorum w\n".encode())
    with transport(lambda _: httpx.Response(500)) as http:
        found = gather(policy, LOG.note(3), LOG.prover(3), http)
        assert (found.lines, found.quorum, found.failed, found.note) == ((), False, {}, LOG.note(3))
        cosigned = add_lines(LOG.note(3), [SIGNERS[0].sign_line(LOG.checkpoint(3).text, START)])
        assert gather(policy, cosigned, LOG.prover(3), http).quorum
