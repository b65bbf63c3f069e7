"""The schema as the ledger needs it: plain tables, the fences word for word, nothing that answers for either.

Whoever owns a database can put a view, a rule or a policy where a table was, a trigger that does nothing
where a fence stood, or an index that still holds what the table no longer does: then a verifier would read
something else than everybody else. What is not as it was made is a finding.
"""

import re
from collections.abc import Iterable, Iterator

from sqlalchemy import text

from ledger.report import Finding
from ledger.storage.db import Reader, is_sqlite

# Table -> its keys, primary key first. SQLite's OR REPLACE removes whatever row stands in the way of any.
FENCED = {
    "ledger_log": (("log",), ("origin",)),
    "ledger_entry": (("log", "seq"), ("log", "stream", "stream_seq"), ("log", "key", "idem")),
    "ledger_tile": (("log", "level", "tile"),),
    "ledger_checkpoint": (("log", "size"),),
    "ledger_cosignature": (("log", "size", "name", "key_id"),),
    "ledger_anchor": (("log", "size", "authority"),),
}
# A tile is the one that changes in place, and only by growing at its end.
TILE_KEPT = "NEW.log = OLD.log AND NEW.level = OLD.level AND NEW.tile = OLD.tile"
OTHERS = ("ledger_head", "ledger_stream", "ledger_key", "vault_sealed", "vault_value")
_OWN = (*FENCED, *OTHERS)

_SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name IN ({0}) OR tbl_name IN ({0})"
_POSTGRES_FENCES = """
    SELECT t.tgname, c.relname, pg_get_triggerdef(t.oid), t.tgenabled = 'A' AND p.prosrc ~ :refusing
    FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND c.oid IN (SELECT to_regclass(name) FROM unnest(CAST(:own AS text[])) AS name)
"""
# A row for each table that is not plain: missing, a view or a part, with rules, policies or heirs.
_POSTGRES_ODD = """
    SELECT name FROM unnest(CAST(:own AS text[])) AS name LEFT JOIN pg_class c ON c.oid = to_regclass(name)
    WHERE c.relkind IS DISTINCT FROM 'r' OR c.relrowsecurity OR c.relforcerowsecurity OR c.relispartition
        OR EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid)
        OR EXISTS (SELECT FROM pg_inherits h WHERE c.oid IN (h.inhparent, h.inhrelid))
    ORDER BY name
"""
_REFUSING = r"^\s*BEGIN\s+RAISE EXCEPTION\y[^;]*;\s*END\s*$"
_POSTGRES_WHEN = {"update": " WHEN ((NOT false))", "delete": "", "truncate": ""}


def sqlite_fences(tables: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and statement of each trigger that these tables have on SQLite."""
    for table in tables:
        keys = FENCED[table]
        kept = "0"
        if table == "ledger_tile":
            kept = f"{TILE_KEPT} AND substr(NEW.hashes, 1, length(OLD.hashes)) IS OLD.hashes"
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        there = " OR ".join(
            f"EXISTS (SELECT 1 FROM {table} WHERE "  # noqa: S608  names of our own
            + " AND ".join(f"{column} = NEW.{column}" for column in key)
            + ")"
            for key in keys
        )
        for operation, when in (
            ("update", f"UPDATE ON {table} WHEN NOT ({kept})"),
            ("delete", f"DELETE ON {table}"),
            ("replace", f"INSERT ON {table} WHEN {there}"),
        ):
            name = f"{table}_no_{operation}"
            yield name, f"CREATE TRIGGER {name} BEFORE {when} {refuse}"


def check_schema(reader: Reader) -> Iterator[Finding]:
    """Yield a finding for each fence that does not stand, and for whatever is in the place of a table."""
    yield from (_sqlite if is_sqlite(reader) else _postgres)(reader)


def _sqlite(reader: Reader) -> Iterator[Finding]:
    names = ", ".join(f"'{name}'" for name in _OWN)
    found = list(reader.execute(text(_SQLITE.format(names))))
    plain = {row.name for row in found if row.type == "table" and _is_plain(row.sql)}
    standing = {row.name: row.sql for row in found if row.type == "trigger"}
    for name, statement in sqlite_fences(FENCED):
        if standing.pop(name, None) != statement:
            yield _missing(name)
    indices = [row.name for row in found if row.type == "index" and row.sql and row.name not in _INDICES]
    for odd in (*sorted(set(_OWN) - plain), *sorted(standing), *sorted(indices)):
        yield _changed(odd)


_INDICES = {"vault_sealed_subject"}  # the others come with the tables


def _is_plain(statement: str | None) -> bool:
    return (statement or "").lstrip().upper().startswith("CREATE TABLE")


def check_indices(reader: Reader) -> Iterator[Finding]:
    """Yield a finding for each table of a SQLite file of which an index holds something else.

    Reads all of them; PostgreSQL has no such check of its own.
    """
    if not is_sqlite(reader):
        return
    for table in _OWN:
        said = reader.exec_driver_sql(f"PRAGMA integrity_check({table})").scalars()
        if any(" index " in str(line) for line in said):
            yield _changed(f"{table}: index")


def _postgres(reader: Reader) -> Iterator[Finding]:
    own = {"own": list(_OWN)}
    standing = {
        (name, table): (re.sub(r"\S+\.(?=ledger_)", "", made), good)
        for name, table, made, good in reader.execute(text(_POSTGRES_FENCES), own | {"refusing": _REFUSING})
    }
    for table in FENCED:
        for operation, when in _POSTGRES_WHEN.items():
            name = f"{table}_no_{operation}"
            made, good = standing.pop((name, table), ("", False))
            each = "STATEMENT" if operation == "truncate" else "ROW"
            stated = f"CREATE TRIGGER {name} BEFORE {operation.upper()} ON {table} FOR EACH {each}"
            end = " EXECUTE FUNCTION ledger_refuse()"
            kept = (table, operation) == (
                "ledger_tile",
                "update",
            ) and "substr(new.hashes, 1, length(old.hashes)) = old.hashes" in made
            if not good or (made != stated + when + end and not kept):
                yield _missing(name)
    for odd in (*reader.execute(text(_POSTGRES_ODD), own).scalars(), *sorted(name for name, _ in standing)):
        yield _changed(odd)
    if reader.execute(text("SELECT current_schemas(true)")).scalar_one()[:1] != ["pg_catalog"]:
        yield _changed("search_path")  # somebody's own functions would answer for those of the server


def _missing(name: str) -> Finding:
    return Finding(None, "ledger.fence_missing", name)


def _changed(what: str) -> Finding:
    return Finding(None, "ledger.schema_changed", what)
