"""Drills on personal values: brought back, exchanged, or made to disappear without an order."""

import sqlite3
from contextlib import closing
from functools import partial

from sqlalchemy import delete, insert, update

from ledger.format.event import Actor
from ledger.personal import erasure
from ledger.personal.disclosure import Disclosure, check
from ledger.personal.subjects import KEYS
from ledger.personal.vault import Secret, _sealed_as, seal
from ledger.publishing.published import prove_entry
from ledger.storage.db import reading
from ledger.storage.store import SEALED
from tests.drills.drill import Who, drill
from tests.drills.hands import in_hand
from tests.drills.stage import LOG_KEYS, Stage
from tests.drills.watch import Found, refusal, verifier
from tests.ledger.world import ORIGIN, World, signer

DRIVER = Secret("Nguyễn Văn A", "subject-1", b"s" * 32)
PHONE = Secret("0900 000 000", "subject-2", b"t" * 32)


def erase(world: World, secret: Secret) -> None:
    """Erase a person's value as it should be: by an entry, then in fact."""
    body = {"subject": secret.subject, "commitments": [secret.commitment], "reason": "asked for"}
    actor = Actor(party="operator-a", role="operator", kid=signer("operator-a").kid)
    world.submit(world.event(erasure.KIND, [actor], body, stream=erasure.STREAM), signer("operator-a"))
    erasure.erase(
        world.engine, world.log, world.subjects, erasure.Erasure(secret.subject, (secret.commitment,))
    )


@drill(
    33,
    "An erased value is brought back, as it was or as another; a kept one is exchanged under its commitment, "
    "by whoever holds the subject's key too; a wrong salt is shown.",
    {
        Who.VERIFIER: ("ledger.vault_mismatch", "ledger.vault_value_returned"),
        Who.WRITER: ("ledger.commitment_mismatch",),
        Who.OFFLINE: ("ledger.commitment_mismatch",),
    },
)
def value_exchanged(stage: Stage) -> Found:
    world = stage.world
    erase(world, DRIVER)
    world.checkpoint()
    value, salt = PHONE.value, PHONE.salt
    if stage.attacked:
        value, salt = "0900 999 999", b"u" * 32
        key = world.subjects.find([PHONE.subject])[PHONE.subject]
        other = _sealed_as(Secret(value, PHONE.subject, PHONE.salt), PHONE.commitment, key)
        with in_hand(world.engine) as connection:
            connection.execute(
                update(SEALED).where(SEALED.c.commitment == PHONE.commitment).values(sealed=other)
            )
            row = {"log": world.log, "commitment": DRIVER.commitment, "subject": DRIVER.subject}
            connection.execute(insert(SEALED), row | {"sealed": seal(DRIVER, bytes(32))})
    with reading(world.engine) as reader:
        proof = prove_entry(reader, world.log, 7)
    shown = [
        Disclosure(ORIGIN, 7, "phone", value, PHONE.salt, PHONE.commitment),
        Disclosure(ORIGIN, 7, "phone", PHONE.value, salt, PHONE.commitment),
    ]
    found = verifier(world)
    for one in shown:
        found |= refusal(Who.OFFLINE, partial(check, one, proof, LOG_KEYS, ORIGIN))
    wrong = Secret(PHONE.value, "subject-3", salt)
    event = world.written(
        "again", signer("binh.2"), party="binh", commitments={"phone": PHONE.commitment}, stream="x"
    )
    return found | refusal(Who.WRITER, lambda: world.submit(event, signer("binh.2"), secrets=(wrong,)))


@drill(
    34,
    "A personal value is removed, or a subject's key destroyed, without the entry that orders it.",
    {Who.VERIFIER: ("ledger.vault_key_missing", "ledger.vault_value_missing")},
)
def erased_without_order(stage: Stage) -> Found:
    world = stage.world
    if not stage.attacked:
        erase(world, DRIVER)
        return verifier(world)
    with in_hand(world.engine) as connection:
        connection.execute(delete(SEALED).where(SEALED.c.commitment == DRIVER.commitment))
    with closing(sqlite3.connect(world.subjects._folder / KEYS)) as keys:
        keys.execute("DELETE FROM subject_key WHERE subject = ?", (world.subjects.digest(PHONE.subject),))
        keys.commit()
    found = verifier(world)
    world.subjects.destroy(PHONE.subject)
    return found | verifier(world)
