"""The table of drafts and templates: ordinary rows of one deployment, no part of the record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Index, Text, insert, or_, select, update
from sqlmodel import Column, Field, SQLModel

from ledger.errors import Conflict, NotFound, Problem
from ledger.storage.db import Reader, Row, Writer
from ledger.storage.store import one, table_of
from manifest import tables as t

DRAFT_KIND, TEMPLATE_KIND = "draft", "template"


class DraftRow(SQLModel, table=True):
    """A draft, or a template that drafts begin from.

    ``version`` counts its changes, ``agreed_version`` is the one that the facility agreed to; ``manifest`` is
    what was registered from it. ``body`` is JSON: fields of a registration, any of them missing.
    """

    __tablename__ = "draft"
    __table_args__ = t.of_log(
        Index("draft_author", "log", "author"),
        Index("draft_generator", "log", "generator"),
        Index("draft_facility", "log", "facility"),
    )
    log: int = t.log()
    draft: str = t.key(36)
    kind: str = t.text(10)
    name: str = t.text(300)
    author: str = t.text()
    generator: str | None = t.text(null=True)
    facility: str | None = t.text(null=True)
    body: str = Field(sa_column=Column("body", Text, nullable=False))
    version: int = t.small()
    agreed_version: int | None = t.small(null=True)
    manifest: str | None = t.text(36, null=True)
    created_at: t.Moment = t.moment()
    changed_at: t.Moment = t.moment()


DRAFT = table_of(DraftRow)


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it is read: its row, and its body as an object."""

    row: Row
    body: dict[str, Any]

    @property
    def id(self) -> str:
        """Its identifier."""
        return str(self.row["draft"])

    @property
    def agreed(self) -> bool:
        """Whether the facility agreed to what it says now."""
        return bool(self.row["agreed_version"] == self.row["version"])

    def as_json(self) -> dict[str, Any]:
        """Return what the API shows."""
        names = ("draft", "kind", "name", "author", "version", "manifest", "created_at", "changed_at")
        shown = {name: self.row[name] for name in names} | {"agreed": self.agreed, "body": self.body}
        # A draft that begins from a template names it so.
        return shown | ({"template": self.id} if self.row["kind"] == TEMPLATE_KIND else {})


def read(row: Row) -> Draft:
    """Return the draft of a row."""
    return Draft(row, orjson.loads(row["body"]))


def find(reader: Reader, log: int, draft: str, parties: frozenset[str] | None) -> Draft:
    """Return a draft that one of the parties may see; raise NotFound when there is none such."""
    row = one(reader, DRAFT, log=log, draft=draft)
    if row is None or not _shown(row, parties):
        raise NotFound(Problem("api.draft_unknown", "", {"draft": draft}))
    return read(row)


def _shown(row: Row, parties: frozenset[str] | None) -> bool:
    if parties is None:
        return True
    shared = () if row["kind"] == TEMPLATE_KIND else (row["generator"], row["facility"])
    return not parties.isdisjoint({row["author"], *shared})


def add(writer: Writer, log: int, draft: Draft) -> None:
    """Keep a new draft."""
    writer.execute(insert(DRAFT).values({**draft.row, "log": log, "body": _text(draft.body)}))


def change(writer: Writer, log: int, draft: Draft, at: datetime, **values: Any) -> None:
    """Change a draft that nobody has changed since it was read; raise Conflict when somebody has."""
    body = values.pop("body", None)
    if body is not None:
        values |= {"body": _text(body), "version": draft.row["version"] + 1, "changed_at": at}
    done = writer.execute(
        update(DRAFT)
        .where(DRAFT.c.log == log, DRAFT.c.draft == draft.id, DRAFT.c.version == draft.row["version"])
        .where(DRAFT.c.manifest.is_(None))
        .values(values)
    )
    if done.rowcount != 1:
        raise Conflict(Problem("api.draft_changed", "/version"))


def remove(writer: Writer, log: int, draft: Draft) -> None:
    """Throw a draft away."""
    writer.execute(DRAFT.delete().where(DRAFT.c.log == log, DRAFT.c.draft == draft.id))


def listed(reader: Reader, log: int, kind: str, parties: frozenset[str] | None) -> list[Draft]:
    """Return the drafts or templates that one of the parties may see and that are still open."""
    query = select(DRAFT).where(DRAFT.c.log == log, DRAFT.c.kind == kind, DRAFT.c.manifest.is_(None))
    if parties is not None:
        names = sorted(parties)
        shared = (DRAFT.c.generator.in_(names), DRAFT.c.facility.in_(names))
        query = query.where(or_(DRAFT.c.author.in_(names), *(shared if kind == DRAFT_KIND else ())))
    rows = reader.execute(query.order_by(DRAFT.c.changed_at.desc(), DRAFT.c.draft)).mappings()
    return [read(dict(row)) for row in rows]


def _text(body: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(body)).decode()
