"""The log as static files over HTTP: what is served to whom, and that a client can verify it."""

import base64
import gzip
from hashlib import sha256
from pathlib import Path

import pytest

from api.home import OPERATOR
from ledger.format.entry import entry_hash
from ledger.format.tiles import places, root_at, unpack_bundle
from ledger.format.tree import verify_consistency
from ledger.storage.db import writing
from ledger.storage.statements import inserting
from ledger.storage.store import COSIGNATURE
from ledger.verifying.offline import check_export
from tests.api.caller import Answer, Caller
from tests.api.homes import AUTHORITY, GENERATOR
from tests.ledger.world import World

IMMUTABLE = "max-age=31536000, immutable"


def fetch(api: Caller, path: str, party: str | None = None, **headers: str) -> Answer:
    if party is not None:
        headers |= api.furnished.bearer(party)
    return api.client.get(f"/log/{path}", headers=headers)


def published(api: Caller) -> int:
    """Sign a checkpoint and return its size."""
    return api.furnished.home.checkpoint()[0]


def code(answer: Answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_client_can_mirror_and_verify_the_log(api: Caller, tmp_path: Path) -> None:
    size = published(api)
    paths = ["checkpoint"]
    for place in places(size):
        paths.append(place.path)
        if place.level == 0:
            paths.append(place.path.replace("tile/0/", "tile/entries/"))
    for path in paths:
        answer = fetch(api, path, AUTHORITY)
        assert answer.status_code == 200, path
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(answer.content)
    report = check_export(tmp_path, api.furnished.home.trust())
    assert (report.ok, report.size, report.findings) == (True, size, ())


def test_headers_are_those_of_the_specification(api: Caller) -> None:
    width = published(api)
    assert width < 256
    checkpoint = fetch(api, "checkpoint")
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["cache-control"] == "public, max-age=1"
    tile = fetch(api, f"tile/0/000.p/{width}")
    assert tile.headers["content-type"] == "application/octet-stream"
    assert tile.headers["cache-control"] == f"public, {IMMUTABLE}"
    assert len(tile.content) == 32 * width
    bundle = fetch(api, f"tile/entries/000.p/{width}", AUTHORITY)
    assert bundle.headers["content-type"] == "application/octet-stream"
    assert bundle.headers["cache-control"] == f"private, {IMMUTABLE}"
    assert bundle.headers["vary"] == "Accept-Encoding, Authorization"
    leaves = b"".join(map(entry_hash, unpack_bundle(bundle.content)))
    assert leaves == tile.content


def test_bundles_are_compressed_for_those_who_take_it(api: Caller) -> None:
    path = f"tile/entries/000.p/{published(api)}"
    plain = fetch(api, path, AUTHORITY, **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for accepted in ("gzip", "br;q=1.0, gzip;q=0.5", "x-gzip", "deflate, GZIP"):
        answer = fetch(api, path, AUTHORITY, **{"Accept-Encoding": accepted})
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.content == plain.content  # the client has unpacked it
        assert int(answer.headers["content-length"]) == len(gzip.compress(plain.content, 6, mtime=0))
    for accepted in ("", "br", "gzip;q=0", "gzip; q=0.00", "identity, gzip;q=0.000"):
        assert "content-encoding" not in fetch(api, path, AUTHORITY, **{"Accept-Encoding": accepted}).headers


def test_entries_are_for_authority_and_operator(api: Caller) -> None:
    path = f"tile/entries/000.p/{published(api)}"
    assert code(fetch(api, path)) == (401, "api.unauthenticated")
    assert code(fetch(api, path, Authorization="Bearer ctnh_nobody")) == (401, "api.token_invalid")
    assert code(fetch(api, path, GENERATOR)) == (403, "api.authority_only")
    assert fetch(api, path, AUTHORITY).status_code == 200
    assert fetch(api, path, OPERATOR).status_code == 200
    for open_to_all in ("checkpoint", path.replace("entries", "0")):
        assert fetch(api, open_to_all).status_code == 200


def test_a_setting_opens_the_entries_to_everyone(api: Caller) -> None:
    home = api.furnished.home
    object.__setattr__(home, "settings", home.settings.model_copy(update={"log_public": "entries"}))
    answer = fetch(api, f"tile/entries/000.p/{published(api)}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == f"public, {IMMUTABLE}"
    assert answer.headers["vary"] == "Accept-Encoding"


def test_nothing_beyond_the_checkpoint_is_served(api: Caller) -> None:
    size = published(api)
    api.lot()
    for kind in ("0", "entries"):
        assert fetch(api, f"tile/{kind}/000.p/{size}", AUTHORITY).status_code == 200
        for path in (f"tile/{kind}/000.p/{size + 1}", f"tile/{kind}/000", f"tile/{kind}/001.p/1"):
            assert code(fetch(api, path, AUTHORITY)) == (404, "ledger.tile_unknown")
    assert code(fetch(api, "tile/1/000.p/1")) == (404, "ledger.tile_unknown")
    assert published(api) == size + 1
    assert fetch(api, f"tile/0/000.p/{size + 1}").content[:-32] == fetch(api, f"tile/0/000.p/{size}").content


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0", "tile/00/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/x000/000", "tile/64/000",
        "tile/0/000/", "tile/entries/000.p/01", "tile/entries", "tile/0/" + "x001/" * 30 + "000",
    ],
)  # fmt: skip
def test_what_is_no_tile_is_not_found(lite: Caller, path: str) -> None:
    published(lite)
    answer = fetch(lite, path, AUTHORITY)
    assert answer.status_code in {404, 422}
    assert answer.headers["cache-control"] == "no-store"


def test_without_a_checkpoint_there_is_nothing(lite: Caller) -> None:
    home = lite.furnished.home
    world = World(home.engine, origin="ledger.example/unsigned").open()
    named = sha256(world.origin.encode()).hexdigest()
    assert code(fetch(lite, f"{named}/checkpoint")) == (404, "api.no_checkpoint")
    assert code(fetch(lite, f"{named}/tile/0/000.p/1")) == (404, "api.no_checkpoint")


def test_each_log_of_the_database_has_its_place(api: Caller) -> None:
    home = api.furnished.home
    size = published(api)
    own = sha256(home.ledger.origin.encode()).hexdigest()
    assert fetch(api, f"{own}/checkpoint").text == fetch(api, "checkpoint").text
    assert fetch(api, f"{own}/tile/0/000.p/{size}").content == fetch(api, f"tile/0/000.p/{size}").content
    assert fetch(api, f"{own}/tile/entries/000.p/{size}", AUTHORITY).status_code == 200
    world = World(home.engine, origin="ledger.example/other").open()
    note = world.checkpoint()[1]
    other = sha256(world.origin.encode()).hexdigest()
    assert fetch(api, f"{other}/checkpoint").text == note
    tile = fetch(api, f"{other}/tile/0/000.p/1").content
    assert root_at(lambda _level, _tile: tile, 1) == tile
    # Whoever oversees one log has no say in another.
    assert code(fetch(api, f"{other}/tile/entries/000.p/1", AUTHORITY)) == (401, "api.token_invalid")
    assert code(fetch(api, f"{'0' * 64}/checkpoint")) == (404, "ledger.log_hash_unknown")
    assert fetch(api, f"{other.upper()}/checkpoint").status_code == 422


def test_cosignatures_are_served_with_the_checkpoint(api: Caller) -> None:
    home = api.furnished.home
    size = published(api)
    note = fetch(api, "checkpoint").text
    line = "— witness.example " + base64.b64encode(b"1234" + bytes(72)).decode()
    row = {
        "log": home.ledger.log,
        "size": size,
        "name": "witness.example",
        "key_id": "31323334",
        "line": line,
    }
    with writing(home.engine, home.ledger.log) as writer:
        writer.execute(inserting(COSIGNATURE), row)
    assert fetch(api, "checkpoint").text == f"{note}{line}\n"
    assert api.get(None, "/checkpoint").text == f"{note}{line}\n"
    proof = api.get(AUTHORITY, "/entries/0/proof").text
    assert proof.endswith(f"\n\n{note}{line}\n")


def test_growth_is_proved_to_anyone(api: Caller) -> None:
    old = published(api)
    before = fetch(api, "checkpoint").text.splitlines()[2]
    api.lot()
    new = published(api)
    answer = api.did(api.get(None, f"/consistency?old={old}"), 200)
    assert answer == api.did(api.get(None, f"/consistency?old={old}&new={new}"), 200)
    assert (answer["old"], answer["new"]["size"]) == ({"size": old, "root": before}, new)
    roots = [base64.b64decode(answer[name]["root"]) for name in ("old", "new")]
    path = [base64.b64decode(node) for node in answer["proof"]]
    assert verify_consistency(old, new, path, *roots)
    api.lot()
    for wrong in (f"old={new + 1}", f"old={old}&new={new + 1}", f"old={new}&new={old}"):
        assert code(api.get(None, f"/consistency?{wrong}")) == (404, "ledger.size_unknown")
    assert api.get(None, "/consistency?old=0").status_code == 422


def test_what_was_tampered_with_is_not_served(lite: Caller) -> None:
    home = lite.furnished.home
    size = published(lite)
    with home.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_entry_no_update")
        connection.exec_driver_sql("UPDATE ledger_entry SET recorded_at = recorded_at + 1 WHERE seq = 4")
    assert code(fetch(lite, f"tile/entries/000.p/{size}", AUTHORITY)) == (409, "ledger.leaf_mismatch")
    assert fetch(lite, f"tile/0/000.p/{size}").status_code == 200
