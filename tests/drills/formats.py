"""Drills on bytes: what is handed to the parsers of events and signatures."""

from dataclasses import replace
from functools import partial

from ledger.format import event as events
from ledger.format.checkpoint import open_checkpoint, open_receipt
from ledger.format.entry import Envelope
from ledger.format.event import Actor, Event
from ledger.format.signature import PAYLOAD_TYPE, Scheme, SignatureLine, b64, pae, sign
from tests.drills.drill import PURE, Who, drill
from tests.drills.stage import LOG_KEYS, Stage
from tests.drills.watch import Found, refusals
from tests.ledger.tlog import Tlog
from tests.ledger.world import NOTE, ORIGIN, START, private_key, signer, uuid7
from verifier import ctnh_verify

LOG = Tlog(40)


def an_event(**changed: object) -> Event:
    """Return an event as a client makes it."""
    made: dict[str, object] = {
        "origin": ORIGIN, "kind": NOTE, "stream": "notes", "stream_prev": None, "idem": uuid7(7),
        "actors": (Actor(party="an", role="writer", kid=signer("an").kid),), "occurred_at": START,
        "body": {"text": "10 kg"},
    }  # fmt: skip
    return Event(**(made | changed))  # type: ignore[arg-type]


EVENT = an_event().to_bytes()
BODY = b'{"text":"10 kg"}'
HOSTILE_JSON = (
    b'{"text":"10 kg","text":"99 kg"}',  # the same key twice
    b'{"text":"\\ud800"}',  # half a surrogate pair
    b'{"text":NaN}',
    b'{"text":1e400}',
    b'{"text":1.5}',
    b'{"text":9007199254740993}',  # no double is this number
    '{"te\u0445t":"10 kg"}'.encode(),  # a Cyrillic letter in the name of a field
    '{"text":"e\u0302"}'.encode(),  # two code points where there is one
    '{"text":"10\u202ekg"}'.encode(),  # written backwards
    b'{"text": "10 kg"}',  # other bytes for the same value
)


@drill(
    27,
    "JSON that programs read differently: a key twice, half a surrogate, NaN, 1e400, look-alike keys.",
    {
        Who.SECOND: ("ledger.entry_malformed",),
        Who.PARSER: (
            "ledger.character_forbidden",
            "ledger.duplicate_key",
            "ledger.float_forbidden",
            "ledger.integer_out_of_range",
            "ledger.json_broken",
            "ledger.json_not_canonical",
            "ledger.key_not_ascii",
            "ledger.text_not_nfc",
        ),
    },
    databases=(),
    elsewhere=PURE,
)
def odd_json(stage: Stage) -> Found:
    bodies = HOSTILE_JSON if stage.attacked else (BODY,)
    offered = [EVENT.replace(BODY, body) for body in bodies]
    return refusals(Who.PARSER, [partial(events.parse, data) for data in offered]) | refusals(
        Who.SECOND, [partial(ctnh_verify.read_event, data) for data in offered]
    )


@drill(
    28,
    "A signature is passed off as one of another type: over the bare bytes, another payload type, another "
    "scheme, a receipt as a checkpoint.",
    {
        Who.WRITER: ("ledger.signature_invalid", "ledger.signature_scheme_unsupported"),
        Who.PARSER: ("ledger.checkpoint_malformed", "ledger.note_half_signed", "ledger.receipt_malformed"),
    },
)
def type_confused(stage: Stage) -> Found:
    world = stage.world
    key = private_key("binh.2")
    event = world.written("what was never signed as this", signer("binh.2"), party="binh", stream="third")
    data = event.to_bytes()
    good = signer("binh.2").sign_event(data)
    lines = [good]
    if stage.attacked:
        made = [data, pae(data, PAYLOAD_TYPE.replace("event", "receipt")), pae(data, "text/plain")]
        lines = [replace(good, value=b64(sign(key, message))) for message in made]
        lines.append(SignatureLine(Scheme.WEBAUTHN, good.kid, ".".join([good.value] * 3)))
    sent = [Envelope((line,), data).to_bytes() for line in lines]
    acts = [partial(world.ledger.submit, one, now=world.now()) for one in sent]
    receipt, note = world.recorded[-1].note, world.checkpoint()[1]
    if stage.attacked:
        receipt, note = note, receipt
    return refusals(Who.WRITER, acts) | refusals(
        Who.PARSER,
        [
            lambda: open_checkpoint(note, LOG_KEYS, ORIGIN),
            lambda: open_checkpoint(note, LOG_KEYS[:1], ORIGIN),
            lambda: open_receipt(receipt, LOG_KEYS, ORIGIN),
        ],
    )
