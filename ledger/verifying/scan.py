"""Proving a range of entries clean, fast: leaves, columns, streams and, when asked, every signature.

A scan does not say what is wrong: it raises `Anomaly`, and the careful walk over the log names it. Ranges do
not depend on each other, so several processes may each take some. What a range alone cannot tell (that key
events come in order, that nothing comes twice) it hands back for the merge.

Canonical JSON has sorted members. After ``body`` and ``commitments`` come only members of restricted
characters, so the last ``,"idem":"`` of an event is that member, and ``origin``, ``stream``, ``stream_prev``
and ``v`` are its end: comparing bytes there is as good as parsing, for an event that is canonical.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import b2a_hex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from operator import le
from typing import Any, Protocol

from ledger.format.entry import ENVELOPE_TAG, MAX_ENTRY_BYTES, envelope_hash, parse_envelope
from ledger.format.entry import TAG as ENTRY_TAG
from ledger.format.event import parse, sole_actor
from ledger.format.keys import Key, check_signatures
from ledger.format.signature import (
    ED25519_KEY_BYTES,
    Algorithm,
    load_public_key,
    pae,
    verify_ed25519,
    verify_raw,
)
from ledger.format.tiles import HASH_BYTES, TILE_BYTES, TILE_WIDTH, tile_root
from ledger.types import from_ms

Row = Sequence[Any]
"""seq, recorded_at, stream, stream_seq, key, idem, header, signatures, event."""

SPECIAL = (b"log.", b"key.", b"personal.erased.")  # kinds that the merge itself judges, in order

_NO_COMMITMENTS = b'"commitments":{}'
_BEFORE_KIND = b'","kind":"'
_IDEM_AT, _IDEM_LENGTH, _IDEM_BYTES = len(b',"idem":"'), 36, 16
_KIND_AT = _IDEM_AT + _IDEM_LENGTH + len(_BEFORE_KIND)
_DASHES = (8, 13, 18, 23)
_KID_AT, _KID_LENGTH = len(b"pae "), 64
_MILLISECONDS = [f".{ms:03d}Z\nprev " for ms in range(1000)]
_AFTER_SEQ = len("\nrecorded_at 2026-01-05T01:00:00.000Z\nprev \n") + 2 * HASH_BYTES - 1
_HEADER_ROOM = 512
_SECONDS_KEPT = 4096
_END = b'","v":1}'
_TAIL = re.compile(
    rb',"origin":"([a-z0-9._:/-]{1,100})","stream":"([a-z0-9][a-z0-9._:/-]{0,99})",'
    rb'"stream_prev":(?:null|"([0-9a-f]{64})"),"v":1\}'
)
_COMMITMENT = re.compile(rb'":"([0-9a-f]{64})"')
_COUNTING = re.compile(rb'\{"actors":\[\{"key_seq":(?:0|[1-9][0-9]{0,15}),"kid":"([0-9a-f]{64})"')


class Anomaly(Exception):  # noqa: N818  nothing has gone wrong in the program
    """Something is not as it must be."""


class Source(Protocol):
    """Where rows and tiles of one log come from."""

    def rows(self, start: int, stop: int) -> Iterable[list[Row]]:
        """Yield the entries of a range in order, some at a time; None stands for bytes beyond the limit."""
        ...

    def before(self, places: Sequence[tuple[int, int]], seq: int) -> Iterable[Row]:
        """Yield stream, stream_seq, signatures and event of the entries before ``seq`` at these places."""
        ...

    def past(self, stream: int, start: int, stop: int, seq: int) -> Iterable[Row]:
        """Yield seq, signatures and event of a stream's entries before ``seq``, at places [start, stop)."""
        ...

    def leaves(self, start: int, stop: int) -> bytes:
        """Return the stored leaf hashes of [start, stop), joined."""
        ...

    def standing(self, places: Sequence[tuple[int, int]], seq: int) -> Iterable[Row]:
        """Yield stream, stream_seq and seq of what stands at these places, or later, before ``seq``."""
        ...

    def streams(self, numbers: Sequence[int]) -> Iterable[Row]:
        """Yield stream, name, length and head of these streams as their table has them."""
        ...


@dataclass(slots=True)
class Scanned:
    """What the merge needs of a range that was found clean."""

    start: int
    stop: int
    roots: bytes = b""  # of the full tiles of leaves
    first_at: int = 0
    last_at: int = 0
    last_leaf: bytes = b""
    begun: list[tuple[int, bytes]] = field(default_factory=list)  # number and name of each new stream
    tails: dict[int, tuple[int, int, bytes]] = field(default_factory=dict)  # stream: events, length, head
    special: list[tuple[int, bytes]] = field(default_factory=list)  # position and envelope
    promised: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)  # position and commitments
    counted: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    named: list[int] = field(default_factory=list)  # positions that acts signed offline go back to
    signatures: int = 0


class _Stream:
    """A stream within a range: how an event that goes on with it ends."""

    __slots__ = ("back", "events", "head", "known", "length", "past", "prefix")

    def __init__(self, prefix: bytes, length: int) -> None:
        # By envelope hash, the positions of the first ``known`` events: only where an act goes back.
        self.past: dict[str, int] = {}
        self.known = 0
        self.prefix = prefix
        self.back = len(prefix) + 2 * HASH_BYTES + len(_END)  # so far before the end it begins
        self.length = length
        self.head = b""
        self.events = 0


class Scan:
    """Scans ranges of one log; ``keys`` are all that `ledger_key` claims, by their numbers."""

    def __init__(self, source: Source, origin: str, keys: Mapping[int, Key], *, signatures: bool) -> None:
        self._source = source
        self._signatures = signatures
        self._header = f"\0{ENTRY_TAG}\norigin {origin}\nseq "
        self._origin = origin.encode()
        self._keys = {key.kid: key for key in keys.values()}
        self._points = {
            key.kid: key.public_key[-ED25519_KEY_BYTES:]
            for key in keys.values()
            if signatures and key.algorithm is Algorithm.ED25519 and load_public_key(key.public_key)
        }
        self._kids = {number: key.kid.encode() for number, key in keys.items()}
        self._actors = {number: b'{"actors":[{"kid":"%b"' % kid for number, kid in self._kids.items()}
        self._counting = {key.kid for key in keys.values() if key.counted is not None}
        self._text = lru_cache(maxsize=_SECONDS_KEPT)(_second_text)

    def range(self, start: int, stop: int) -> Scanned:
        """Scan [start, stop), against the stored leaves of the range and the one before. Raises Anomaly."""
        leaves = self._source.leaves(start, stop)
        before = self._source.leaves(start - 1, start) if start else bytes(HASH_BYTES)
        _demand(len(leaves) == (stop - start) * HASH_BYTES)
        done = Scanned(start, stop, last_leaf=leaves[-HASH_BYTES:])
        prevs = (before + leaves).hex()
        streams: dict[int, _Stream] = {}
        place = start
        for rows in self._source.rows(start, stop):
            columns = tuple(zip(*rows, strict=True))
            self._columns(done, place, columns)
            first = (place - start) * HASH_BYTES
            hashes = self._hashes(columns, prevs, 2 * first)
            _demand(leaves.startswith(hashes, first))
            self._events(done, place, rows, streams)
            place += len(rows)
        _demand(place == stop)
        done.tails = {number: (one.events, one.length, one.head) for number, one in streams.items()}
        if start % TILE_WIDTH == 0:
            done.roots = b"".join(
                tile_root(leaves[at : at + TILE_BYTES])
                for at in range(0, len(leaves) // TILE_BYTES * TILE_BYTES, TILE_BYTES)
            )
        return done

    def _columns(self, done: Scanned, place: int, columns: Sequence[Sequence[Any]]) -> None:
        """Check what can be checked of many rows at once; types, where nothing else would fail for them."""
        seqs, times, numbers, places, keys, _, headers, signatures, events = columns
        _demand(set(map(type, chain(numbers, places, keys))) == {int})
        _demand(set(map(type, headers)) == {bytes})
        if max(map(len, signatures)) + max(map(len, events)) > MAX_ENTRY_BYTES - _HEADER_ROOM:
            room = MAX_ENTRY_BYTES - len(self._header) - _AFTER_SEQ
            for seq, head, event in zip(seqs, signatures, events, strict=True):
                _demand(len(str(seq)) + len(head) + len(event) <= room)
        _demand(seqs == tuple(range(place, place + len(seqs))))
        _demand(all(map(le, (done.last_at, *times), times)))
        if place == done.start:
            done.first_at = times[0]
        done.last_at = times[-1]

    def _hashes(self, columns: Sequence[Sequence[Any]], prevs: str, at: int) -> bytes:
        """Return the leaves that rows make, joined; ``prevs`` has the ones before, in hex from ``at`` on."""
        seqs, times, *_, headers, signatures, events = columns
        start, text, milliseconds = self._header, self._text, _MILLISECONDS
        width = 2 * HASH_BYTES
        made = [
            f"{start}{seq}{text(ms // 1000)}{milliseconds[ms % 1000]}{prevs[i : i + width]}\n".encode()
            for i, seq, ms in zip(range(at, len(prevs), width), seqs, times, strict=False)
        ]
        if any(headers):
            for header, stored in zip(made, headers, strict=True):
                _demand(stored in {b"", header[1:]})
        parts = zip(made, signatures, events, strict=True)
        return b"".join([sha256(b"".join(part)).digest() for part in parts])

    def _events(self, done: Scanned, place: int, rows: list[Row], streams: dict[int, _Stream]) -> None:
        """Check each row's numbers against its event, and that streams go on."""
        idems: list[bytes] = []
        stored: list[bytes] = []
        unseen: dict[tuple[int, int], bytes] = {}
        actors, signed = self._actors, self._signatures
        for seq, _, number, stream_seq, key, idem, _, head, event in rows:
            stream = streams.get(number)
            if stream is None:
                stream = streams[number] = self._first(done, number, stream_seq, event, unseen)
                at = event.rfind(b',"idem":"')
            else:
                at = event.rfind(b',"idem":"', 0, len(event) - stream.back)  # before ``origin``
            idems.append(event[at + _IDEM_AT : at + _IDEM_LENGTH + _IDEM_AT])
            stored.append(idem)
            if stream.events and not (
                stream.length == stream_seq
                and (
                    event.endswith(stream.prefix + stream.head + _END)
                    or self._goes_back(done, seq, (number, stream_seq), stream, event)
                    if signed
                    else event.startswith(stream.prefix, len(event) - stream.back)
                )
            ):
                raise Anomaly
            stream.length += 1
            stream.events += 1
            if (
                event[at + _IDEM_LENGTH + _IDEM_AT : at + _KIND_AT] != _BEFORE_KIND
                or head[-2:] != b"\n\n"
                or not (event.startswith(actors[key]) or self._is_first(key, event))
            ):
                raise Anomaly
            special = event.startswith(SPECIAL, at + _KIND_AT)
            if special:
                done.special.append((seq, head + event))
            if signed:
                stream.head = b2a_hex(sha256(b"".join((ENVELOPE_TAG, head, event))).digest())
                self._signed(done, seq, head, event, special=special)
            elif not event.startswith(_NO_COMMITMENTS, at - len(_NO_COMMITMENTS)):
                begun = event.rfind(b'"commitments":{', 0, at)
                named = _COMMITMENT.findall(event, begun, at)
                done.promised.append((seq, tuple(hashed.decode() for hashed in named)))
        _demand(set(map(len, stored)) == {_IDEM_BYTES})
        _same_idems(b"".join(idems), b"".join(stored), len(rows))
        self._known_before(done, place, streams, unseen)

    def _is_first(self, key: int, event: bytes) -> bool:
        found = _COUNTING.match(event)
        return found is not None and found[1] == self._kids[key]

    def _first(
        self,
        done: Scanned,
        number: int,
        stream_seq: int,
        event: bytes,
        unseen: dict[tuple[int, int], bytes],
    ) -> _Stream:
        """Take up a stream at its first event in the range; where it stood before is asked for later."""
        found = _TAIL.search(event, max(len(event) - 400, 0))
        _demand(found is not None and found.end() == len(event) and found[1] == self._origin)
        assert found is not None
        name, prev = found[2], found[3]
        _demand((prev is None) == (stream_seq == 0))
        if prev is None:
            done.begun.append((number, name))
        else:
            unseen[number, stream_seq - 1] = event
        prefix = b',"origin":"%b","stream":"%b","stream_prev":"' % (self._origin, name)
        return _Stream(prefix, stream_seq)

    def _known_before(
        self,
        done: Scanned,
        place: int,
        streams: Mapping[int, _Stream],
        unseen: dict[tuple[int, int], bytes],
    ) -> None:
        """Look the last events of streams up that were there before the range."""
        places = list(unseen)
        for start in range(0, len(places), 200):
            for number, stream_seq, head, event in self._source.before(places[start : start + 200], place):
                ours, stream = unseen.pop((number, stream_seq), b""), streams[number]
                _demand(_name_of(event) == _name_of(ours))
                if self._signatures:
                    known = envelope_hash(head + event).encode()
                    follows = ours.endswith(stream.prefix + known + _END)
                    at = (number, stream_seq + 1)
                    _demand(follows or self._goes_back(done, place, at, stream, ours))
        _demand(not unseen)

    def _goes_back(
        self, done: Scanned, seq: int, place: tuple[int, int], stream: _Stream, event: bytes
    ) -> bool:
        """Tell whether an event that does not name the last of its stream may name the one that it does.

        It has to be signed offline and the other an earlier event of the stream: such acts are few, and only
        for them are the events before looked up.
        """
        number, stream_seq = place
        _demand(event.startswith(stream.prefix, len(event) - stream.back))
        if stream.known < stream_seq:
            for at, head, earlier in self._source.past(number, stream.known, stream_seq, seq):
                _demand(_name_of(earlier) == _name_of(event))
                stream.past[envelope_hash(head + earlier)] = at
            stream.known = stream_seq
        act = parse(event)
        found = stream.past.get(act.stream_prev or "", seq)
        done.named.append(found)
        return act.offline and found < seq

    # Every signature.

    def _signed(self, done: Scanned, seq: int, head: bytes, event_bytes: bytes, *, special: bool) -> None:
        kid = sole_actor(event_bytes)
        if kid is not None:
            if kid in self._counting:
                count(done.counted, kid, None)
            if not special and self._plain(seq, head, kid, event_bytes):
                done.signatures += 1
                return
        event = parse(event_bytes)
        if kid is None:
            if event.commitments:
                done.promised.append((seq, tuple(event.commitments.values())))
            for actor in event.actors:
                if actor.key_seq is not None or actor.kid in self._counting:
                    count(done.counted, actor.kid, actor.key_seq)
        if special:
            return  # the merge looks at these itself
        done.signatures += len(event.actors)
        envelope = parse_envelope(head + event_bytes)
        check_signatures(envelope, event, seq, self._known(seq))

    def _plain(self, seq: int, head: bytes, kid: str, event_bytes: bytes) -> bool:
        """Verify the usual envelope: one line ``pae``. False for any other, which says nothing."""
        if not head.startswith(b"pae "):
            return False
        end = b"\nlen %d\n\n" % len(event_bytes)
        at = _KID_AT + _KID_LENGTH
        value = head[at + 1 : -len(end)]
        key = self._keys.get(kid)
        if (
            key is None
            or head[_KID_AT:at] != kid.encode()
            or head[at : at + 1] != b" "
            or not head.endswith(end)
            or not key.active_at(seq)
        ):
            return False
        try:
            signature = urlsafe_b64decode(value + b"=" * (-len(value) % 4))
        except ValueError:
            return False
        if urlsafe_b64encode(signature).rstrip(b"=") != value:
            return False
        point = self._points.get(kid)
        if point is not None:
            return verify_ed25519(point, signature, pae(event_bytes))
        return verify_raw(key.public, signature, pae(event_bytes))

    def _known(self, seq: int) -> Any:
        def known(kid: str) -> Key | None:
            key = self._keys.get(kid)
            return key if key is not None and key.since <= seq else None

        return known


def _name_of(event: bytes) -> bytes | None:
    """Return the name of an event's stream, by its end."""
    found = _TAIL.search(event, max(len(event) - 400, 0))
    return found[2] if found is not None and found.end() == len(event) else None


def _second_text(second: int) -> str:
    return "\nrecorded_at " + from_ms(second * 1000).isoformat()[:19]


def count(counted: dict[str, tuple[int | None, int | None]], kid: str, found: int | None) -> None:
    """Take in an act's ``key_seq``; what is kept is where the key began in the range and where it stands.

    The first is None when acts without a number came first.
    """
    if kid not in counted:
        counted[kid] = (found, found)
        return
    first, last = counted[kid]
    if last is None and found is None:
        return
    _demand(found == (0 if last is None else last + 1))
    counted[kid] = (first, found)


def _same_idems(texts: bytes, stored: bytes, number: int) -> None:
    """Demand that UUIDs, joined as texts and as bytes, are the same."""
    _demand(len(texts) == number * _IDEM_LENGTH)
    _demand(all(texts[at::_IDEM_LENGTH] == b"-" * number for at in _DASHES))
    _demand(texts.replace(b"-", b"") == b2a_hex(stored))


def _demand(good: bool) -> None:
    if not good:
        raise Anomaly
