"""An upgrade reads the ledger anew where a migration has emptied the views, and nowhere else."""

from sqlalchemy import Engine, inspect, text, update

from api.database import newest_revision, revision_of, upgrade
from ledger.storage.db import reading
from manifest.views import MANIFEST
from tests.world import World


def put_back(engine: Engine, revision: str) -> None:
    """Have a database say that it is at an earlier revision; what later ones made is there already."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_views_are_filled_again_only_when_they_were_emptied(engine: Engine) -> None:
    world = World.open(engine).journey()
    with engine.begin() as connection:
        connection.execute(update(MANIFEST).values(accepted_g=1))
    put_back(engine, "0009_invitations")
    upgrade(engine, "0010_list_order")
    assert revision_of(engine) == "0010_list_order"
    assert world.row(MANIFEST)["accepted_g"] == 1
    put_back(engine, "0007_stream_room")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE invitation"))
    upgrade(engine)
    assert revision_of(engine) == newest_revision()
    assert world.row(MANIFEST)["accepted_g"] == 500_000
    with reading(engine) as reader:
        names = {index["name"] for index in inspect(reader).get_indexes("manifest")}
    assert {"manifest_order", "manifest_facility", "manifest_status"} <= names
