"""Drills on proofs and signed notes: nodes for leaves, bent proofs, bent notes, another log's."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from ledger.errors import NotAllowed, Problem
from ledger.format import policy as policies
from ledger.format.checkpoint import LogProof, check_proof, open_checkpoint, parse_proof
from ledger.format.note import NoteSigner, make_note
from ledger.format.note import b64 as b64std
from ledger.format.tree import leaf_hash, node_hash
from ledger.format.trust import Trust
from ledger.publishing.published import prove_entry
from ledger.storage.db import reading
from ledger.storage.store import leaf_hashes
from ledger.verifying.verify import verify
from ledger.watching.monitor import Monitor
from tests.drills.drill import PURE, Who, drill
from tests.drills.hands import signed_head
from tests.drills.stage import LOG_KEYS, Stage
from tests.drills.watch import Found, both, mirror, monitor, refusal, refusals, second, witness
from tests.ledger.tlog import Tlog, cosigners
from tests.ledger.tlog import note_signer as log_signer
from tests.ledger.world import ORIGIN, START, World, private_key, signer
from verifier import ctnh_verify

LOG = Tlog(40)
TRUST = Trust(ORIGIN, LOG_KEYS, (signer("operator-a").kid,))
LOG_TRUST = replace(TRUST, log_keys=LOG.keys)


def _proofs(stage: Stage, proofs: Sequence[LogProof | str], leaves: Sequence[bytes | None]) -> Found:
    """Have both verifiers judge proof files; a leaf is given where it is not the hash of the entry inside."""
    found: list[Found] = []
    for number, (proof, leaf) in enumerate(zip(proofs, leaves, strict=True)):
        text = proof if isinstance(proof, str) else proof.to_text()
        path = stage.folder / f"{number}.tlog-proof"
        path.write_text(text, encoding="utf-8")

        def judge(text: str = text, leaf: bytes | None = leaf) -> None:
            read = parse_proof(text)
            check_proof(read, leaf or leaf_hash(read.extra or b""), LOG_KEYS, ORIGIN)

        found.append(refusal(Who.OFFLINE, judge))
        if leaf is None:
            found.append(second(path, TRUST))
    assert all(found) or not any(found), found
    return set().union(*found)


# An entry's proof in a log of 40 opaque entries. The second verifier reads the entry too, so what is genuine
# for it is the proof of an entry of the stage's log.


def honest_proof(stage: Stage) -> LogProof:
    """Return the proof that the log gives of its entry 4."""
    with reading(stage.world.engine) as reader:
        return prove_entry(reader, stage.world.log, 4)


@drill(
    29,
    "An inner node of the tree is offered as a leaf, and two hashes as an entry.",
    {Who.SECOND: ("ledger.proof_invalid",), Who.OFFLINE: ("ledger.proof_invalid",)},
)
def inner_node(stage: Stage) -> Found:
    proof = honest_proof(stage)
    if not stage.attacked:
        return _proofs(stage, [proof, proof], [None, leaf_hash(proof.extra or b"")])
    with reading(stage.world.engine) as reader:
        leaves = leaf_hashes(reader, stage.world.log)
    pair = leaves[4] + leaves[5]
    shorter = replace(proof, index=2, path=proof.path[1:])
    return _proofs(
        stage,
        [
            replace(shorter, extra=pair),
            replace(proof, extra=pair),
            shorter,
            replace(proof, path=proof.path[1:]),
        ],
        [None, None, node_hash(*leaves[4:6]), node_hash(*leaves[4:6])],
    )


@drill(
    30,
    "Proofs with another index or size, with hashes missing, added or out of order, over an empty tree.",
    {
        Who.SECOND: ("ledger.proof_invalid", "ledger.proof_malformed"),
        Who.WITNESS: ("400", "409", "422"),
        Who.OFFLINE: ("ledger.proof_invalid", "ledger.proof_malformed"),
    },
)
def proofs_bent(stage: Stage) -> Found:
    world, proof = stage.world, honest_proof(stage)
    if not stage.attacked:
        grown = stage.cosign(12, (), world.checkpoint()[1])
        return _proofs(stage, [proof], [None]) | witness(grown)
    path = proof.path
    empty = signed_head(ORIGIN, (), world.log_signers)
    bent: list[LogProof | str] = [
        replace(proof, index=5),
        replace(proof, index=12),
        replace(proof, path=path[:-1]),
        replace(proof, path=(*path, path[-1])),
        replace(proof, path=path[::-1]),
        replace(proof, path=()),
        replace(proof, checkpoint=empty, index=0, path=()),
        replace(proof, checkpoint=stage.note_at(5)),
        proof.to_text().replace("index 4", "index 04"),
        proof.to_text().replace("index 4", "index -4"),
        proof.to_text().replace("index 4", "index 4\n" + "\n".join([b64std(path[0])] * 64)),
    ]
    world.note("growth", by="binh.2")
    note = world.checkpoint()[1]
    good = stage.proof(world, 12, 13)
    answers = [
        stage.cosign(12, wrong, note) for wrong in (good[:-1], (*good, good[0]), good[::-1], (), good * 30)
    ]
    answers.append(stage.cosign(11, stage.proof(world, 11, 13), note))
    return _proofs(stage, bent, [None] * len(bent)) | set().union(*map(witness, answers))


@drill(
    31,
    "Checkpoints under unknown signers, one witness counted twice, half or false signatures, a line too "
    "many; a policy that asks for less than it seems.",
    {
        Who.SECOND: (
            "ledger.note_half_signed",
            "ledger.note_malformed",
            "ledger.note_signature_invalid",
            "ledger.note_unsigned",
            "ledger.policy_malformed",
            "ledger.quorum_missing",
        ),
        Who.PARSER: (
            "ledger.note_half_signed",
            "ledger.note_malformed",
            "ledger.note_signature_invalid",
            "ledger.note_unsigned",
            "ledger.policy_malformed",
            "ledger.quorum_missing",
        ),
    },
    databases=(),
    elsewhere=PURE,
)
def notes_bent(stage: Stage) -> Found:
    head = LOG.checkpoint(12).text
    witnesses = [cosigners(f"w{number}.example") for number in (1, 2)]
    policy_text = "".join(f"witness w{n} {pair[0].key}\n" for n, pair in enumerate(witnesses))
    policy_text = f"{policy_text}group both all w0 w1\nquorum both\n"
    lines = [one.sign_line(head, START) for one in LOG.signers]
    cosigned = [pair[0].sign_line(head, START) for pair in witnesses]
    later = witnesses[0][0].sign_line(head, START + timedelta(hours=1))
    stranger = [
        one.sign_line(head, START) for one in (log_signer("stranger.example"), *cosigners("w3.example"))
    ]
    broken = lines[0][:-4] + ("AAA=" if not lines[0].endswith("AAA=") else "BBB=")
    notes = [make_note(head, [*lines, *cosigned])]
    policies_ = [policy_text]
    if stage.attacked:
        notes = [
            make_note(head, stranger),
            make_note(head, [lines[0], *cosigned]),
            make_note(head, [*lines, broken, *cosigned]),
            make_note(head, [*lines, *stranger]),
            make_note(head, [*lines, cosigned[0], later]),
            make_note(head, [*lines, cosigned[0], cosigned[0]]),
            make_note(head + "more 1\n", [*lines, *cosigned]),
            notes[0].replace("\n\n", "\n\n\n", 1),
            notes[0] + "trailing\n",
        ]
        policies_ = [
            policy_text.replace("all", "0"),
            policy_text.replace("all w0 w1", "2 w0 w0"),
            policy_text + "quorum none\n",
            policy_text.replace("w1 ", "w0 "),
            f"{policy_text}witness again {witnesses[0][0].key}\n",
            policy_text.replace("quorum both\n", ""),
            policy_text[:-1],
        ]
    policy = policies.parse(policy_text.encode())

    def final(note: str) -> None:
        if not policy.check(note, ORIGIN, LOG.keys).quorum:
            raise NotAllowed(Problem("ledger.quorum_missing"))

    found = [refusals(Who.PARSER, [partial(final, note) for note in notes])]
    found.append(refusals(Who.PARSER, [partial(policies.parse, data.encode()) for data in policies_]))
    for number, note in enumerate(notes):
        path = stage.folder / f"note-{number}"
        path.write_text(note, encoding="utf-8")
        found.append(second(path, LOG_TRUST, policy_text.encode()))
    found.append(
        refusals(Who.SECOND, [partial(ctnh_verify.read_policy, data.encode()) for data in policies_])
    )
    assert all(found) or not any(found), found
    return set().union(*found)


@drill(
    32,
    "A client of old is shown another log: under another name, or under the same name by other keys.",
    {
        Who.VERIFIER: ("ledger.checkpoint_missing", "ledger.note_unsigned", "ledger.trust_mismatch"),
        Who.SECOND: (
            "ledger.checkpoint_malformed",
            "ledger.entry_misplaced",
            "ledger.other_origin",
            "ledger.trust_mismatch",
        ),
        Who.WITNESS: ("404",),
        Who.MONITOR: ("ledger.other_origin",),
        Who.MIRROR: ("ledger.note_unsigned",),
        Who.OFFLINE: (
            "ledger.checkpoint_malformed",
            "ledger.entry_misplaced",
            "ledger.other_origin",
            "ledger.trust_mismatch",
        ),
        Who.PARSER: ("ledger.note_unsigned",),
    },
)
def other_log(stage: Stage) -> Found:
    world = stage.world
    monitor(stage, stage.shown(world))
    shown: World = world
    note = world.checkpoint()[1]
    if stage.attacked:
        shown = World(stage.new_engine(), origin="ledger.example/other")
        # The keys are the log's own: an operator who would have the old name forgotten.
        one, other = (replace(signer, name=shown.origin) for signer in world.log_signers)
        shown.log_signers = (one, other)
        shown.open().register("an").note("another log")
        note = shown.checkpoint()[1]
    folder = stage.shown(shown, "other")
    found = refusal(Who.PARSER, lambda: open_checkpoint(note, LOG_KEYS, ORIGIN))
    found |= refusal(Who.MONITOR, lambda: Monitor(stage.monitor.folder, shown.origin, LOG_KEYS))
    if stage.attacked:
        foreign = [NoteSigner(ORIGIN, private_key("foreign"))]  # type: ignore[arg-type]
        named = signed_head(ORIGIN, [b"entry"], foreign)
        found |= refusal(Who.PARSER, lambda: open_checkpoint(named, LOG_KEYS, ORIGIN))
    with reading(shown.engine) as reader:
        report = verify(reader, origin=shown.origin, trust=stage.trust)
    return (
        found
        | {(Who.VERIFIER, one.code) for one in report.findings}
        | both(folder, stage.trust)
        | monitor(stage, folder)
        | witness(stage.cosign(0 if stage.attacked else 12, (), note))
        | mirror(stage, folder)
    )
