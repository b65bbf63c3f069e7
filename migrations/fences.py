"""Fences around the tables that only ever grow: triggers on both databases, roles on PostgreSQL.

They stop mistakes and slow an attacker down; whoever owns the database can take them away, which is why the
proofs exist. Every trigger is called ``<table>_no_<operation>``: the verifier compares them word for word.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, text

from ledger.storage.db import is_sqlite
from ledger.storage.schema import FENCED, TILE_KEPT, sqlite_fences

__all__ = ["FENCED", "fence", "grant_roles", "may_grant_roles"]

OWNER, APPENDER, READER = "ctnh_owner", "ctnh_appender", "ctnh_reader"
# What the appender may do beyond reading. Tables of later layers are views of the ledger: see grant_roles.
# Logins and keys in custody are nobody's to read who only looks at the record. The vault is: verification
# opens its commitments.
_PRIVATE = frozenset({"account", "access_token", "custody_key", "draft"})
_APPENDER_RIGHTS = {
    "ledger_log": "INSERT",
    "ledger_entry": "INSERT",
    "ledger_checkpoint": "INSERT",
    "ledger_cosignature": "INSERT",
    "ledger_anchor": "INSERT",
    "ledger_tile": "INSERT, UPDATE (hashes)",
    "ledger_head": "INSERT, UPDATE (size, hash, recorded_at)",
    "ledger_stream": "INSERT, UPDATE (length, head)",
    "ledger_key": "INSERT, UPDATE (until, counted)",
    "vault_sealed": "INSERT, DELETE",
    "vault_value": "INSERT, DELETE",
}


def fence(connection: Connection, tables: Iterable[str] = FENCED) -> None:
    """Create the triggers of these tables; raises when one is there already."""
    sqlite = is_sqlite(connection)
    for statement in (made for _, made in sqlite_fences(tables)) if sqlite else _postgres(tables):
        connection.exec_driver_sql(statement)


def _postgres(tables: Iterable[str]) -> Iterator[str]:
    yield """
        CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
                MESSAGE = TG_TABLE_NAME || ' is append-only';
        END $$
    """
    for table in tables:
        kept = "false"
        if table == "ledger_tile":
            kept = f"{TILE_KEPT} AND substr(NEW.hashes, 1, length(OLD.hashes)) = OLD.hashes"
        for operation, rest in (
            ("update", f"FOR EACH ROW WHEN (NOT ({kept}))"),
            ("delete", "FOR EACH ROW"),
            ("truncate", "FOR EACH STATEMENT"),
        ):
            name = f"{table}_no_{operation}"
            yield (
                f"CREATE TRIGGER {name} BEFORE {operation.upper()} ON {table} {rest} "
                "EXECUTE FUNCTION ledger_refuse()"
            )
            # An ordinary trigger sleeps while session_replication_role is `replica`.
            yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"


def may_grant_roles(connection: Connection) -> bool:
    """Tell whether this is PostgreSQL and its current user may create roles."""
    if is_sqlite(connection):
        return False
    query = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    return bool(connection.execute(text(query)).scalar_one())


def grant_roles(connection: Connection) -> None:
    """Create the three roles where missing and grant on the current schema; running it again changes nothing.

    ``ctnh_owner`` owns the ledger's tables and cannot log in; a login that serves gets ``ctnh_appender``, one
    that only looks ``ctnh_reader``. Neither can update, delete, truncate or disable a trigger on the record.
    Tables of later layers are rebuilt from the ledger, so the appender may change those freely.
    """
    for role in (OWNER, APPENDER, READER):
        # Roles belong to the cluster, so another database of it may have made them, even at this moment.
        connection.execute(
            text(f"""
                DO $$ BEGIN
                    CREATE ROLE {role} NOLOGIN;
                EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
                END $$
            """)
        )
    quoted = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    statements = [
        f"GRANT {OWNER} TO CURRENT_USER",
        f"GRANT USAGE ON SCHEMA {quoted} TO {APPENDER}, {READER}",
        # An owner needs CREATE to be given tables; nobody can log in as it.
        f"GRANT USAGE, CREATE ON SCHEMA {quoted} TO {OWNER}",
    ]
    for table in _tables(connection):
        rights = _APPENDER_RIGHTS.get(table, "INSERT, UPDATE, DELETE")
        name = f'"{table}"'
        if table in _APPENDER_RIGHTS:
            statements.append(f"ALTER TABLE {name} OWNER TO {OWNER}")
        if table != "alembic_version":
            statements.append(f"GRANT SELECT, {rights} ON {name} TO {APPENDER}")
        if table not in _PRIVATE:
            statements.append(f"GRANT SELECT ON {name} TO {READER}")
    for statement in statements:
        connection.execute(text(statement))


def _tables(connection: Connection) -> list[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
    return list(connection.execute(text(query)).scalars())
