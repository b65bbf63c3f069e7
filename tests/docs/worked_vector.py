"""The worked vector of docs/ledger-format.md: three entries from fixed keys, and everything made of them.

`python -m tests.docs.worked_vector` prints the section as it must stand in the document.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ledger.format.checkpoint import Checkpoint, LogProof, Receipt
from ledger.format.entry import ZERO, Entry, Envelope
from ledger.format.event import Actor, Event
from ledger.format.keys import key_fields
from ledger.format.note import Kind, NoteSigner
from ledger.format.signature import KeySigner, pae
from ledger.format.tree import inclusion_proof, root
from ledger.personal.vault import Secret, commit
from tests.vectors import make_format
from tests.vectors.format_notes import both
from tests.vectors.maker import LOG_KEY, LOG_PQ, WITNESS_1, WITNESS_2, head_text

ORIGIN = "ledger.example/vector"
BEGIN, END = "<!-- vector: begin -->", "<!-- vector: end -->"
FIRST = datetime(2025, 6, 30, 17, 0, 0, 1000, tzinfo=UTC)  # 1 July in Viet Nam
PARTY, OPERATOR = "org:generator", "org:operator"

_HOW_TO_READ = """\
Under `tests/vectors/format/`, each a folder with `trust.json`, `case.json` and either an exported log or one
file: `note`, `receipt` or `entry.tlog-proof`, some with a `policy`. `case.json` says in `target` what to
verify (`.` is the folder), in `policy` whether with the policy, in `before` whether the log that it goes on
from lies in the folder `before`, in `exit` the status (2: refused before anything is verified), in `seq` and
`code` the finding that must be among what is found and has the lowest position, and in `signature` that only
a signature of a party or of ML-DSA-44 shows it.
""".splitlines()


def key(scalar: int) -> KeySigner:
    """Return the signer of the P-256 private key with that scalar."""
    return KeySigner(ec.derive_private_key(scalar, ec.SECP256R1()))


ROOTS = (key(1), key(2))
LOG_SEED = bytes(range(32))
LOG = NoteSigner(ORIGIN, ed25519.Ed25519PrivateKey.from_private_bytes(LOG_SEED))
SECRET = Secret(value="Nguyễn Thị Ánh", subject="person:1", salt=bytes(range(32)))


def time_of(seq: int) -> datetime:
    """Return the recorded time of an entry; acts are attested a second before."""
    return FIRST + timedelta(minutes=seq)


@cache
def entries() -> tuple[Entry, ...]:
    """Return the three entries: the log opens, a party is registered, the party is admitted."""
    operators = tuple(Actor(party=OPERATOR, role="operator", kid=signer.kid) for signer in ROOTS)
    fields = [key_fields(signer.public_key, party=OPERATOR, custody="device") for signer in ROOTS]
    opened: dict[str, Any] = {
        "format": 1,
        "operator": "Đơn vị vận hành",
        "log_keys": [str(LOG.key)],
        "root_keys": fields,
        "reference": {"name": "example", "sha256": hashlib.sha256(b"").hexdigest()},
    }
    registered: dict[str, Any] = {
        "party": PARTY,
        "name": "Cơ sở Mạ Ánh Dương",
        "roles": ["generator"],
        "identifier_kind": "vaulted",
        "address": "Xã Sơn Đồng, Hà Nội",
    }
    made: list[Entry] = []
    heads: dict[str, str] = {}
    for seq, (kind, stream, body, signers, secrets) in enumerate(
        (
            ("log.opened.v1", "log", opened, 2, {}),
            ("organisation.registered.v1", PARTY, registered, 1, {"owner": SECRET}),
            ("organisation.admitted.v1", PARTY, {"party": PARTY}, 1, {}),
        )
    ):
        event = Event(
            origin=ORIGIN,
            kind=kind,
            stream=stream,
            stream_prev=heads.get(stream),
            actors=operators[:signers],
            idem=f"01980000-0000-7000-8000-{seq:012d}",
            occurred_at=time_of(seq) - timedelta(seconds=1),
            body=body,
            commitments=commit(secrets),
        ).to_bytes()
        envelope = Envelope(tuple(signer.sign_event(event) for signer in ROOTS[:signers]), event)
        prev = made[-1].hash.hex() if made else ZERO
        made.append(Entry(ORIGIN, seq, time_of(seq), prev, envelope))
        heads[stream] = envelope.hash
    return tuple(made)


def checkpoint() -> str:
    """Return the signed checkpoint over the three entries."""
    leaves = [entry.hash for entry in entries()]
    return LOG.sign(Checkpoint(ORIGIN, len(leaves), root(leaves)).text, time_of(len(leaves)))


def receipt(seq: int) -> str:
    """Return the signed receipt of an entry."""
    entry = entries()[seq]
    return LOG.sign(Receipt(ORIGIN, seq, entry.hash, entry.recorded_at).text, entry.recorded_at)


def proof(seq: int) -> LogProof:
    """Return the tlog-proof of an entry under the checkpoint, without the entry itself."""
    return LogProof(seq, inclusion_proof([entry.hash for entry in entries()], seq), checkpoint())


def section() -> str:
    """Return the section as it stands in the document, markers included."""
    made = [BEGIN, ""]
    made += ["Keys (never use them for anything else):", ""]
    for number, signer in enumerate(ROOTS, start=1):
        der = signer.public_key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        made += [f"- root {number}: P-256, private scalar {number}; SubjectPublicKeyInfo (DER, hex)"]
        made += [f"  `{der.hex()}`, kid `{signer.kid}`"]
    made += [f"- log: Ed25519, seed `{LOG_SEED.hex()}`, vkey `{LOG.key}`", ""]
    made += [
        "Commitment in entry 1:",
        "",
        f"- salt `{SECRET.salt.hex()}`, value `{SECRET.value}`",
        f"- commitment `{SECRET.commitment}`",
        "",
    ]
    for entry in entries():
        event = entry.envelope.event
        made += [
            f"### Entry {entry.seq}",
            "",
            f"{len(entry.to_bytes())} bytes, the last {len(event)} the event; no line feed at the end.",
            "",
            _block(entry.to_bytes().decode()),
            "",
            "| of | SHA-256 |",
            "|---|---|",
            f"| the event | `{hashlib.sha256(event).hexdigest()}` |",
            f"| PAE(event) | `{hashlib.sha256(pae(event)).hexdigest()}` |",
            f"| `ctnh-envelope-v1\\n` ‖ envelope: envelope hash | `{entry.envelope.hash}` |",
            f"| `0x00` ‖ entry: entry hash, leaf | `{entry.hash.hex()}` |",
            "",
        ]
    leaves = [entry.hash for entry in entries()]
    made += [f"Root over the three leaves: `{root(leaves).hex()}`", "", "### Checkpoint", ""]
    made += [_block(checkpoint()), "", "### Receipt of entry 1", "", _block(receipt(1)), ""]
    made += ["### Proof of entry 1", "", _block(proof(1).to_text()), ""]
    return "\n".join([*made, *note_lines(), *vectors(), END])


def note_lines() -> list[str]:
    """Return how each type of key signs one checkpoint; ML-DSA-44 is random, so what it signs is shown."""
    text = head_text(both().leaves)
    made = [
        "### The four lines under a checkpoint",
        "",
        "The note of `good/checkpoint` (next section), text:",
        "",
        _block(text),
        "",
    ]
    for pen, whose in ((LOG_KEY, "log"), (LOG_PQ, "log"), (WITNESS_1, "witness"), (WITNESS_2, "witness")):
        message = pen.message(text, 1_772_413_200)
        made += [f"Type 0x{pen.kind:02x}, {whose}; it signs (hex)", "", _block(message.hex()), ""]
        if pen.kind == Kind.MLDSA44:
            made += [
                f"vkey with SHA-256 `{hashlib.sha256(pen.vkey.encode()).hexdigest()}`, the line begins",
                "",
                _block(pen.line(text)[: len(pen.name) + 23]),
                "",
            ]
        else:
            made += [f"vkey `{pen.vkey}`, line", "", _block(pen.line(text)), ""]
    return made


def vectors() -> list[str]:
    """Return the list of the vectors, each with what must come out."""
    made = [
        "### Vectors",
        "",
        *_HOW_TO_READ,
        "",
        "| folder | what it is | position | code |",
        "|---|---|---|---|",
    ]
    for name, case in make_format.cases().items():
        seq = "–" if case.seq is None else str(case.seq)
        code = "–" if case.code is None else f"`{case.code}`"
        made.append(f"| `{name}` | {case.why} | {seq} | {code} |")
    return [*made, ""]


def _block(text: str) -> str:
    return "```text\n" + text.removesuffix("\n") + "\n```"


if __name__ == "__main__":
    print(section())  # noqa: T201  the point of running it
