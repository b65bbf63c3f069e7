"""A journey as a form with blanks, and filling it in: other days, ids, numbers and parties, signed anew.

A form is made once of a journey. Its events become runs of text with blanks between them, its rows become
lists of fixed values and blanks. What fills a blank is worked out once for each journey that is stamped.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from hashlib import sha256
from operator import itemgetter
from random import Random
from typing import Any

from nacl.bindings import crypto_sign
from sqlalchemy import Table

from bench.bulk.templates import DAY, UUID, At, Journey
from ledger.format.entry import ENVELOPE_TAG
from ledger.format.packing import pack
from ledger.format.signature import b64, pae
from ledger.types import from_ms, ms_text, to_ms
from manifest.events import Registered
from manifest.views import MANIFEST
from manifest.vocabulary import VIETNAM, local_date

# A blank: of what kind it is, and which of that kind.
Blank = tuple[str, Any]
Getter = Callable[[list[Any]], tuple[Any, ...]]
# A string of JSON, or the mark that stands for the sequence or the year of a manifest's number.
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|\x00([0-9]+)|\x01([0-9]+)')
_NUMBER = re.compile(r'(?<="number":\{"issuer":)"([^"]*)","sequence":([0-9]+),"year":([0-9]+)(?=\})')
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z")
_PIECES = re.compile(rf"({UUID.pattern}|,)")
DAY_MS = 86_400_000
_LONGEST_DELAY_MS = 3_600_000
_RANDOM_BITS = 74
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Party:
    """Who signs: the key's identifier, its number in the log, and its secret half."""

    kid: str
    number: int
    secret: bytes


@dataclass(frozen=True, slots=True)
class Cast:
    """A double of the cast: names by those of the story, and who signs by the story's key identifiers."""

    names: Mapping[str, str]
    keys: Mapping[str, Party]


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry that is signed and ready to be chained; ``key`` is the number of its first actor's key."""

    stream: str
    recorded_ms: int
    idem: bytes
    event: bytes
    head: bytes
    hash: str
    key: int


class Form:
    """A journey with blanks; ``day`` is a function that makes of a date what the database's driver takes."""

    def __init__(self, journey: Journey, casts: list[Cast], day: Callable[[date], Any]) -> None:
        self._day = day
        self._places: dict[Blank, int] = {}
        self._hashes = {entry.envelope.hash: n for n, entry in enumerate(journey.entries)}
        self._story = casts[0]
        registered = [event for event in journey.events if event.kind == Registered.kind]
        self._manifests = [event.stream for event in registered]
        self._numbers = [event.body["number"] for event in registered]
        self._printed = [f"{one['sequence']}/{one['year']}/{one['issuer']}" for one in self._numbers]
        self._registered_ms = [to_ms(event.occurred_at) for event in registered]
        self.manifests = len(registered)
        self._recorded_ms = journey.times
        self.monday = _monday(journey.times[0])
        self._events = [self._event(entry.event.decode()) for entry in journey.entries]
        self._signers = [[actor.kid for actor in event.actors] for event in journey.events]
        self._streams = [self._text(event.stream) for event in journey.events]
        self._idems = [self._place("id", event.idem) for event in journey.events]
        rows, used = journey.rows()
        self._rows: list[list[tuple[Table, Getter]]] = [[] for _ in journey.entries]
        for row in rows:
            self._rows[row.last].append((row.table, self._row(row.table, row.values)))
        self._used = [
            (self._text(one.permit), one.code, one.grams, to_ms(journey.events[one.decided].occurred_at))
            for one in used
        ]
        self._kinds: dict[str, list[tuple[Any, int]]] = {}
        for (kind, which), place in self._places.items():
            self._kinds.setdefault(kind, []).append((which, place))
        self._ids = [(int(name[:8] + name[9:13], 16), place) for name, place in sorted(self._kinds["id"])]
        latest = max((which + 7 * DAY_MS // 24) % DAY_MS for which, _ in self._kinds["time"])
        self._delay_ms = min(_LONGEST_DELAY_MS, DAY_MS - latest - 1)
        self._fixed = [self._fixed_of(cast) for cast in casts]
        self._casts = casts
        self.entries = len(journey.entries)

    def _place(self, kind: str, which: Any) -> int:
        return self._places.setdefault((kind, which), len(self._places))

    def _event(self, text: str) -> Getter:
        """Return how to put an event together."""
        found: list[int] = []
        at = 0
        if (number := _NUMBER.search(text)) is not None:
            which = self._manifests.index(next(m for m in self._manifests if f'"stream":"{m}"' in text))
            marked = f'"{number[1]}","sequence":\0{which},"year":\1{which}'
            text = text[: number.start()] + marked + text[number.end() :]
        for token in _TOKEN.finditer(text):
            place = self._token(token)
            if place is None:
                continue
            start, end = token.span(1) if token[1] is not None else token.span()
            found += [self._place("literal", text[at:start]), place]
            at = end
        found.append(self._place("literal", text[at:]))
        return itemgetter(*found)

    def _token(self, token: re.Match[str]) -> int | None:
        if token[2] is not None:
            return self._place("sequence", int(token[2]))
        if token[3] is not None:
            return self._place("year", int(token[3]))
        blank = self._blank(token[1])
        return None if blank is None else self._place(*blank)

    def _text(self, text: str) -> int:
        """Return the place of a text, be it a blank or not."""
        return self._place(*(self._blank(text) or ("literal", text)))

    def _blank(self, text: str) -> Blank | None:
        """Return the blank that a text is, where it speaks of somebody, some day or some thing."""
        if text in self._story.names:
            return "name", text
        if text in self._story.keys:
            return "kid", text
        if text in self._hashes:
            return "hash", self._hashes[text]
        if text in self._printed:
            return "number", self._printed.index(text)
        if UUID.fullmatch(text):
            return "id", text
        if _TIME.fullmatch(text):
            return "time", to_ms(datetime.fromisoformat(text))
        if DAY.fullmatch(text):
            return "day", date.fromisoformat(text)
        pieces = _PIECES.split(text)
        if len(pieces) > 1 and text != "," and any(self._blank(piece) for piece in pieces):
            return "pieces", tuple(self._text(piece) for piece in pieces)
        return None

    def _row(self, table: Table, values: Mapping[str, Any]) -> Getter:
        which = self._manifests.index(values["manifest"]) if table is MANIFEST else None
        return itemgetter(
            *(
                self._place("log", None) if column.name == "log" else self._value(column.name, values, which)
                for column in table.columns
            )
        )

    def _value(self, name: str, values: Mapping[str, Any], manifest: int | None) -> int:
        value = values[name]
        match value:
            case At(what=what, entry=entry):
                return self._place(what, entry)
            case datetime():
                return self._place("time", to_ms(value))
            case date():
                return self._place("day", value)
            case int() if manifest is not None and name in {"sequence", "year"}:
                return self._place(name, manifest)
            case str():
                return self._text(str(value.value if isinstance(value, Enum) else value))
        return self._place("value", (type(value).__name__, value))

    def _fixed_of(self, cast: Cast) -> tuple[list[Any], list[Any]]:
        """Return texts and values of everything that is the same whenever a double of the cast acts."""
        texts: list[Any] = [None] * len(self._places)
        values: list[Any] = [None] * len(self._places)
        for kind, items in self._kinds.items():
            for which, place in items:
                match kind:
                    case "literal":
                        texts[place] = values[place] = which
                    case "name":
                        texts[place] = values[place] = cast.names[which]
                    case "kid":
                        texts[place] = values[place] = cast.keys[which].kid
                    case "value":
                        values[place] = which[1]
        return texts, values

    def fill(self, cast: int, weeks: int, log: int, random: Random, numbers: "Numbers") -> "Stamped":
        """Return the journey as a double of the cast makes it, so many weeks later, signed."""
        delay_ms = random.randrange(self._delay_ms) // 1000 * 1000
        shift_ms, shift = weeks * 7 * DAY_MS + delay_ms, timedelta(days=7 * weeks)
        fixed_texts, fixed_values = self._fixed[cast]
        texts, values = fixed_texts.copy(), fixed_values.copy()
        kinds = self._kinds
        for _, place in kinds.get("log", ()):
            values[place] = log
        # In the order of those that they stand for: what is shared out by the gram goes by it.
        some = sorted([random.getrandbits(_RANDOM_BITS) for _ in self._ids])
        for (at_ms, place), bits in zip(self._ids, some, strict=True):
            texts[place] = values[place] = _id(at_ms + shift_ms, bits)
        for moment, place in kinds["time"]:
            values[place] = moment + shift_ms
            texts[place] = ms_text(moment + shift_ms)
        for day, place in kinds.get("day", ()):
            later = day + shift
            texts[place], values[place] = later.isoformat(), self._day(later)
        for which, moment in enumerate(self._registered_ms):
            year = local_date(from_ms(moment + shift_ms)).year
            issuer = self._casts[cast].names[self._numbers[which]["issuer"]]
            sequence = numbers.next(issuer, year)
            for kind, value in (
                ("sequence", sequence),
                ("year", year),
                ("number", f"{sequence}/{year}/{issuer}"),
            ):
                place = self._places[kind, which]
                texts[place], values[place] = str(value), value
        for places, place in kinds.get("pieces", ()):
            texts[place] = values[place] = "".join([texts[piece] for piece in places])
        sealed = deque(self._seal(n, cast, shift_ms, texts, values) for n in range(self.entries))
        return Stamped(self, cast, sealed, values, shift_ms)

    def _seal(self, n: int, cast: int, shift_ms: int, texts: list[Any], values: list[Any]) -> Sealed:
        event = "".join(self._events[n](texts)).encode()
        message = pae(event)
        parties = [self._casts[cast].keys[kid] for kid in self._signers[n]]
        lines = [
            f"pae {party.kid} {b64(crypto_sign(message, party.secret)[:_SIGNATURE_BYTES])}\n"
            for party in parties
        ]
        head = f"{''.join(lines)}len {len(event)}\n\n".encode()
        made = sha256(b"".join((ENVELOPE_TAG, head, event))).hexdigest()
        place = self._places.get(("hash", n))
        if place is not None:
            texts[place] = values[place] = made
        idem = bytes.fromhex(texts[self._idems[n]].replace("-", ""))
        stream = texts[self._streams[n]]
        return Sealed(stream, self._recorded_ms[n] + shift_ms, idem, event, head, made, parties[0].number)

    def rows(self, n: int) -> list[tuple[Table, Getter]]:
        """Return the rows that stand for good once the entry ``n`` is written."""
        return self._rows[n]

    def used(self, stamped: "Stamped") -> Iterator[tuple[str, str, int, int]]:
        """Yield permit, code, year and grams of what a stamped journey adds to the use of permits."""
        for permit, code, grams, decided_ms in self._used:
            year = from_ms(decided_ms + stamped.shift_ms).astimezone(VIETNAM).year
            yield stamped.values[permit], code, year, grams

    def places_of(self, n: int) -> tuple[int | None, int | None]:
        """Return the blanks that the log fills when the entry ``n`` is placed: its position and its time."""
        return self._places.get(("seq", n)), self._places.get(("recorded", n))


@dataclass(slots=True)
class Stamped:
    """A journey that was filled in: its entries, signed, and the values of its rows."""

    form: Form
    cast: int
    entries: deque[Sealed]
    values: list[Any]
    shift_ms: int
    # Number and length of each stream that has begun.
    streams: dict[str, tuple[int, int]] = field(default_factory=dict)


class Numbers:
    """The next number of each series."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._last: dict[tuple[str, int], int] = {}

    def next(self, issuer: str, year: int) -> int:
        """Return the next number of an issuer's series of a year."""
        number = self._last.get((issuer, year), self._first - 1) + 1
        self._last[issuer, year] = number
        return number


def packed(head: bytes) -> bytes:
    """Return an envelope's signature lines as a row keeps them."""
    return pack(head)


def _id(at_ms: int, bits: int) -> str:
    """Return the UUIDv7 of a time with these 74 bits."""
    digits = f"{(at_ms << 16) | 0x7000 | bits >> 62:016x}{0b10 << 62 | bits & ((1 << 62) - 1):016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _monday(moment_ms: int) -> date:
    day = from_ms(moment_ms).astimezone(VIETNAM).date()
    return day - timedelta(days=day.weekday())
