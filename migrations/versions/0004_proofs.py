"""Upper tiles of the tree, cosignatures, anchors, counting keys, and the sealed vault."""

import hashlib

import sqlalchemy as sa
from alembic import op

from migrations.fences import fence

revision: str = "0004_proofs"
down_revision: str | None = "0003_identity"
branch_labels: None = None
depends_on: None = None

_TILE_BYTES = 256 * 32


def upgrade() -> None:
    """Create the tables, and the tiles above level 0 of the logs that are there."""
    op.add_column("ledger_key", sa.Column("counted", sa.BigInteger, nullable=True))
    _of_a_log(
        "ledger_cosignature",
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("line", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("log", "size", "name", "key_id"),
    )
    _of_a_log(
        "ledger_anchor",
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("authority", sa.String(200), nullable=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("log", "size", "authority"),
    )
    _of_a_log(
        "vault_sealed",
        sa.Column("commitment", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("log", "commitment"),
    )
    op.create_index("vault_sealed_subject", "vault_sealed", ["log", "subject"])
    fence(op.get_bind(), ("ledger_cosignature", "ledger_anchor"))
    _raise_tiles(op.get_bind())


def _of_a_log(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("log", sa.SmallInteger, autoincrement=False, nullable=False),
        *parts,
        sa.ForeignKeyConstraint(["log"], ["ledger_log.log"]),
    )


def _raise_tiles(connection: sa.Connection) -> None:
    # Spelt out here and not imported: a migration does for ever what it did on the day it was written.
    level = 0
    while True:
        query = sa.text("SELECT log, tile, hashes FROM ledger_tile WHERE level = :level ORDER BY log, tile")
        above: dict[tuple[int, int], bytes] = {}
        for log, tile, hashes in connection.execute(query, {"level": level}):
            if len(hashes) == _TILE_BYTES:
                place = (log, tile // 256)
                above[place] = above.get(place, b"") + _root(bytes(hashes))
        if not above:
            return
        level += 1
        for (log, tile), hashes in above.items():
            row = {"log": log, "level": level, "tile": tile, "hashes": hashes}
            connection.execute(sa.text("INSERT INTO ledger_tile VALUES (:log, :level, :tile, :hashes)"), row)


def _root(hashes: bytes) -> bytes:
    nodes = [hashes[i : i + 32] for i in range(0, len(hashes), 32)]
    while len(nodes) > 1:
        nodes = [hashlib.sha256(b"\x01" + nodes[i] + nodes[i + 1]).digest() for i in range(0, len(nodes), 2)]
    return nodes[0]
