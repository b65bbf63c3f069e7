"""Exported logs that somebody has been at: a mutation is plain JSON, so that those of use are kept.

A mutation is a list of steps ``[name, …]``, applied in order to a log of twenty entries: to entries, then a
repair (how much of what follows from the entries the attacker makes anew), then to the files. Numbers are
taken modulo what there is, so that every list of steps means something.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.vectors.format_logs import BINH_2, HANDS, lived_in
from tests.vectors.maker import (
    AN,
    LOG_KEY,
    ORIGIN,
    Files,
    Hand,
    Log,
    Pen,
    b64url,
    canonical,
    export,
    head_text,
    leaf,
    note,
    pae,
)

Step = list[Any]
STRANGER = Hand("stranger")
_BY_KID = {hand.kid: hand for hand in HANDS}
_PREV = re.compile(rb"\nprev [0-9a-f]*\n")


@cache
def base() -> Log:
    """Return the log that is changed; never change it in place."""
    log = lived_in(LOG_KEY)
    del log.entries[-1]
    # The last act goes back to the first note.
    return log.note("after all", BINH_2, event={"offline": True, "stream_prev": log.envelope_hash(6)})


class Changed:
    """The log in the attacker's hands."""

    def __init__(self) -> None:
        self.entries = list(base().entries)
        self.leaves = base().leaves
        self.checkpoint = base().checkpoint()
        self.files: Files = {}

    def write(self) -> Files:
        """Return the files as they are now."""
        if not self.files:
            self.files = export(self.entries, self.leaves)
            self.files["checkpoint"] = self.checkpoint.encode()
        return self.files

    # Entries.

    def at(self, number: int) -> int:
        """Return a position that there is."""
        return number % len(self.entries)

    def flip(self, number: int, place: int, bit: int) -> None:
        """Flip a bit of an entry."""
        self.entries[self.at(number)] = _flip(self.entries[self.at(number)], place, bit)

    def replace(self, number: int, old: str, new: str) -> None:
        """Replace text in an entry, its length and signatures left as they are."""
        entry = self.entries[self.at(number)]
        self.entries[self.at(number)] = entry.replace(old.encode(), new.encode("utf-8", "surrogatepass"), 1)

    def swap(self, one: int, other: int) -> None:
        """Exchange two entries."""
        i, j = self.at(one), self.at(other)
        self.entries[i], self.entries[j] = self.entries[j], self.entries[i]

    def drop(self, number: int) -> None:
        """Take an entry out."""
        if len(self.entries) > 1:
            del self.entries[self.at(number)]

    def copy(self, number: int, place: int) -> None:
        """Put an entry in a second time."""
        self.entries.insert(self.at(place), self.entries[self.at(number)])

    def member(self, number: int, path: list[Any], value: Any, by: str) -> None:
        """Set a member of an event, or take it out (``null`` in a list), and sign it again."""
        event = json.loads(self._event(number))
        holder = event
        for step in path[:-1]:
            inner = holder[step % len(holder)] if isinstance(holder, list) and holder else holder.get(step)
            if not isinstance(inner, dict | list):
                return
            holder = inner
        if isinstance(holder, dict):
            holder[str(path[-1])] = value
        elif isinstance(path[-1], int):
            holder[path[-1] % len(holder) if holder else 0 :][:1] = [value]
        self._signed(number, canonical(event), by)

    def late(self, number: int, named: int, offline: bool, by: str) -> None:
        """Have an event name the envelope of some entry, as if signed with or without network."""
        event = json.loads(self._event(number))
        event.pop("offline", None)
        event |= {"stream_prev": base().envelope_hash(named % len(base().entries))}
        self._signed(number, canonical(event | ({"offline": True} if offline else {})), by)

    def spelling(self, number: int, old: str, new: str, by: str) -> None:
        """Replace text in an event and sign it again."""
        event = self._event(number).replace(old.encode(), new.encode("utf-8", "surrogatepass"), 1)
        self._signed(number, event, by)

    def line(self, number: int, text: str) -> None:
        """Put another signature line in the place of the first."""
        header, envelope = self._parts(number)
        rest = envelope.partition(b"\n")[2]
        self.entries[self.at(number)] = header + text.encode() + b"\n" + rest

    def header(self, number: int, name: str, value: str) -> None:
        """Set a line of the header."""
        header, envelope = self._parts(number)
        header = re.sub(rf"(?m)^{name} .*$".encode(), lambda _: f"{name} {value}".encode(), header)
        self.entries[self.at(number)] = header + envelope

    def _parts(self, number: int) -> tuple[bytes, bytes]:
        entry = self.entries[self.at(number)]
        found = _PREV.search(entry)
        end = found.end() if found else 0
        return entry[:end], entry[end:]

    def _event(self, number: int) -> bytes:
        event = base().entries[self.at(number) % len(base().entries)].partition(b"\n\n")[2]
        return event or b"{}"

    def _signed(self, number: int, event: bytes, by: str) -> None:
        """Put an event in, signed by its actors' keys, by a stranger, or with the old signatures."""
        header, envelope = self._parts(number)
        old = envelope.partition(b"\nlen ")[0].split(b"\n")
        kids: list[Any] = [line.split(b" ")[1].decode("utf-8", "replace") for line in old if b" " in line]
        with suppress(ValueError, KeyError, TypeError, RecursionError):  # otherwise those who signed before
            kids = [actor["kid"] for actor in json.loads(event)["actors"]]
        lines = []
        for kid in kids:
            hand = _BY_KID.get(kid, AN) if isinstance(kid, str) and by == "own" else STRANGER
            lines.append(f"pae {kid} {b64url(hand.sign(pae(event)))}".encode("utf-8", "replace"))
        if by == "nobody":
            lines = old
        tail = b"\n".join([*lines, b"len %d" % len(event)]) + b"\n\n" + event
        self.entries[self.at(number)] = header + tail

    # How much is made anew.

    def repair(self, level: int) -> None:
        """0: nothing; 1: leaves; 2: chain and leaves; 3: the checkpoint's root as well, signed by the log."""
        entries = [entry[:65_535] for entry in self.entries]  # a bundle holds no longer ones
        if level == 0:
            kept = base().leaves
            self.leaves = [*kept, *map(leaf, entries[len(kept) :])][: len(entries)]
        if level >= 2:
            made: list[bytes] = []
            for entry in entries:
                prev = leaf(made[-1]).hex() if made else "0" * 64
                made.append(_PREV.sub(f"\nprev {prev}\n".encode(), entry, count=1))
            entries = [entry[:65_535] for entry in made]
        self.entries = entries
        if level >= 1:
            self.leaves = [leaf(entry) for entry in entries]
        if level >= 3:
            text = head_text(self.leaves)
            self.checkpoint = note(text, LOG_KEY.line(text))

    def renumber(self) -> None:
        """Write the positions into the headers."""
        for seq in range(len(self.entries)):
            self.header(seq, "seq", str(seq))

    # Files.

    def file_flip(self, number: int, place: int, bit: int) -> None:
        """Flip a bit of a file."""
        name = self._name(number)
        self.files[name] = _flip(self.files[name], place, bit)

    def file_cut(self, number: int, length: int) -> None:
        """Cut a file off."""
        name = self._name(number)
        self.files[name] = self.files[name][: length % (len(self.files[name]) + 1)]

    def file_longer(self, number: int, text: str) -> None:
        """Write something behind a file."""
        name = self._name(number)
        self.files[name] += text.encode("utf-8", "surrogatepass")

    def file_gone(self, number: int) -> None:
        """Delete a file."""
        if len(self.write()) > 1:
            del self.files[self._name(number)]

    def file_moved(self, number: int, name: str) -> None:
        """Move a file."""
        if not set(self.write()) & {name, *(name + "/" + rest for rest in self.files)}:
            self.files[name] = self.files.pop(self._name(number))

    def file_swap(self, one: int, other: int) -> None:
        """Exchange two files."""
        a, b = self._name(one), self._name(other)
        self.files[a], self.files[b] = self.files[b], self.files[a]

    def note_text(self, old: str, new: str, by: str) -> None:
        """Replace text of the checkpoint and sign it: by the log, by a stranger of its name, by nobody."""
        body, _, lines = self.write().get("checkpoint", b"\n\n").decode("utf-8", "replace").rpartition("\n\n")
        text = (body + "\n").replace(old, new, 1)
        pens = {"own": LOG_KEY, "other": Pen(ORIGIN, 1, STRANGER)}
        signed = note(text, pens[by].line(text)) if by in pens else note(text, lines)
        self.files["checkpoint"] = signed.encode()

    def note_line(self, text: str, *, first: bool) -> None:
        """Put a line before or after the others."""
        body, _, lines = self.write().get("checkpoint", b"").decode("utf-8", "replace").rpartition("\n\n")
        more = text + "\n" + lines if first else lines + text + "\n"
        self.files["checkpoint"] = f"{body}\n\n{more}".encode("utf-8", "surrogatepass")

    def _name(self, number: int) -> str:
        names = sorted(self.write())
        return names[number % len(names)]


def _flip(data: bytes, place: int, bit: int) -> bytes:
    if not data:
        return data
    place %= len(data)
    return data[:place] + bytes([data[place] ^ 1 << bit % 8]) + data[place + 1 :]


def apply(steps: list[Step]) -> Files:
    """Return the files after the steps."""
    changed = Changed()
    for name, *arguments in steps:
        act: Callable[..., None] = getattr(changed, name)
        if name == "note_line":
            act(arguments[0], first=arguments[1])
        else:
            act(*arguments)
    return dict(changed.write())


# What Hypothesis draws from.

_number = st.integers(0, 40)
_place = st.integers(0, 4000)
_bit = st.integers(0, 7)
_by = st.sampled_from(["own", "own", "own", "stranger", "nobody"])
ODD_TEXTS = (
    "",
    "a",
    "é",
    "e\u0301",
    "\u202e",
    "\u200b",
    "\u00ad",
    "\ufeff",
    "\u212b",
    "\ufb01",
    "\U0001f600",
    "\U000e0001",
    "\ue000",
    "\u0378",
    "a\nb",
    '"',
    "\\",
    "/",
    "\x7f",
    "\t",
    "0" * 64,
    "ab" * 32,
    "ab" * 31 + "AB",
    "x" * 65,
    AN.kid,
    ORIGIN,
    "log",
    "org:an",
    "holder",
    "2026-02-29T00:00:00.000Z",
    "2024-02-29T23:59:59.999Z",
    "2026-01-01T24:00:00.000Z",
    "0000-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "٠",
    "019c0000-0000-7000-8000-000000000002",
    "019c0000-0000-7000-8000-00000000ffff",
    "log.opened.v1",
    "key.revoked.v1",
    "key.rotated.v1",
    "log.key_added.v1",
    "personal.erased.v1",
    "note.written.v1\n",
    "ed25519",
    "device",
)
_odd = st.sampled_from(ODD_TEXTS)
_value = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) - 1, 2**53 + 1)
    | st.sampled_from([0, 1, 2, 3, 2**53, -(2**53), 2**63, 2**64, 1.5, -0.0, 1e300])
    | _odd
    | st.text(max_size=8).filter(lambda text: not any(0xD800 <= ord(c) < 0xE000 for c in text)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_odd, inner, max_size=3),
    max_leaves=5,
)
_top = (
    "v",
    "origin",
    "kind",
    "stream",
    "stream_prev",
    "actors",
    "idem",
    "occurred_at",
    "body",
    "commitments",
    "offline",
    "extra",
)
_path = st.one_of(
    st.sampled_from(_top).map(lambda name: [name]),
    st.tuples(
        st.just("actors"), st.integers(0, 2), st.sampled_from(["party", "role", "kid", "key_seq", "more"])
    ).map(list),
    st.tuples(
        st.just("body"),
        st.sampled_from(
            ["text", "key", "kid", "format", "log_keys", "root_keys", "commitments", "subject", "reason", "n"]
        ),
    ).map(list),
    st.tuples(
        st.just("body"),
        st.just("key"),
        st.sampled_from(["party", "kid", "algorithm", "public_key", "custody", "more"]),
    ).map(list),
    st.tuples(st.just("commitments"), _odd).map(list),
)
_spelling = st.sampled_from(
    [
        ('{"actors"', '{ "actors"'),
        ('"v":1}', '"v":1.0}'),
        ('"v":1}', '"v":1e0}'),
        ('"v":1}', '"v":01}'),
        ('"v":1}', '"v":-0}'),
        ('"v":1}', '"v":1} '),
        ('"v":1}', '"v":1}\n'),
        ('"v":1}', '"v":1,"v":1}'),
        ('"v":1}', '"v":true}'),
        ('"origin"', '"offline":true,"origin"'),
        ('"origin"', '"offline":false,"origin"'),
        ('"body":{', '"body":{"a":{},"a":{},'),
        ('"body":{', '"body":{"\\u0061":1,'),
        ('"body":{', '"body":{"A":1,'),
        ('"body":{', '"body":{"0":"\\/",'),
        ('"body":{', '"body":{"0":"\\n",'),
        ('"body":{', '"body":{"0":"\\t",'),
        ('"body":{', '"body":{"0":"\\u00e9",'),
        ('"body":{', '"body":{"0":"\\ud83d\\ude00",'),
        ('"body":{', '"body":{"0":"\\ud800",'),
        ('"body":{', '"body":{"0":"\ud800",'),
        ('"body":{', '"body":{"0":NaN,'),
        ('"body":{', '"body":{"0":-1,'),
        ('"body":{', '"body":{"0":12345678901234567890123,'),
        ('"body":{', '"body":{"":1,'),
        ('"body":{', '"body":{"0":[[[[[[[[[[[[[[]]]]]]]]]]]]]],'),
        ('"body":{', '"body":{"0":[[[[[[[[[[[[[]]]]]]]]]]]]],'),
        ('"body":{', '"body":{"' + "n" * 64 + '":0,'),
        ('"body":{', '"body":{"' + "n" * 65 + '":0,'),
        ('"body":{', '"body":{"0":"' + "x" * 48_000 + '",'),
        ('"body":{', '"body":{"0":"' + "x" * 50_000 + '",'),
        ("an", "an"),
        ("a", "\u0430"),
        ("note", "n\u00adote"),
        (":", " :"),
        (",", ", "),
        ("}", ""),
        ("0", "٠"),
    ]
)
_entry_text = st.sampled_from(
    [
        ("ctnh-entry-v1", "ctnh-entry-v2"),
        ("\nseq ", "\nseq 0"),
        ("\nseq ", "\nseq  "),
        ("\n", "\r\n"),
        ("\nlen ", "\nlen 0"),
        ("\nlen ", "\nlen  "),
        ("\n\n", "\n\n\n"),
        ("\n\n", "\n"),
        ("pae ", "pae  "),
        ("pae ", "PAE "),
        ("pae ", "batch "),
        ("pae ", "webauthn "),
        ("pae ", "pae\u00a0"),
        ("pae ", "\npae "),
        ("Z\n", "z\n"),
        (".000Z", "Z"),
        ("T0", "t0"),
        ("prev 0", "prev  "),
        ("origin ", "origin"),
        ("a", "A"),
        ("b", "B"),
    ]
)
_header = st.one_of(
    st.tuples(
        st.just("seq"),
        st.sampled_from(["0", "1", "5", "05", "-1", "+1", "٣", "9999999999999999", "99999999999999999"]),
    ),
    st.tuples(st.just("recorded_at"), _odd.filter(lambda text: "\n" not in text)),
    st.tuples(
        st.just("recorded_at"), st.sampled_from(["2026-03-02T01:00:00.000Z", "2027-01-01T00:00:00.000Z"])
    ),
    st.tuples(st.just("origin"), st.sampled_from([ORIGIN, "ledger.example/other", "", "x" * 101, "é"])),
    st.tuples(st.just("prev"), st.sampled_from(["0" * 64, "AB" * 32, "ab" * 32, "ab" * 31, ""])),
)
_line = st.sampled_from(
    [
        f"pae {AN.kid} AAAA",
        f"pae {AN.kid} ",
        f"pae {AN.kid.upper()} AAAA",
        f"pae {AN.kid} AA==",
        f"pae {AN.kid} A",
        f"pae {AN.kid} AB",
        f"webauthn {AN.kid} AA.AA.AA",
        f"batch {AN.kid} MQ.MA.AA.AA",
        f"webauthn {AN.kid} AA.AA",
        f"pae {AN.kid} AA.AA",
        f"pae {AN.kid} " + "A" * 8192,
    ]
)

_entry_step = st.one_of(
    st.tuples(st.just("flip"), _number, _place, _bit).map(list),
    st.builds(lambda n, pair: ["replace", n, *pair], _number, _entry_text),
    st.tuples(st.just("swap"), _number, _number).map(list),
    st.tuples(st.just("drop"), _number).map(list),
    st.tuples(st.just("copy"), _number, _number).map(list),
    st.tuples(st.just("member"), _number, _path, _value, _by).map(list),
    st.tuples(st.just("member"), _number, _path, _value, _by).map(list),
    st.tuples(st.just("late"), _number, _number, st.booleans(), _by).map(list),
    st.builds(lambda n, pair, by: ["spelling", n, *pair, by], _number, _spelling, _by),
    st.tuples(st.just("line"), _number, _line).map(list),
    st.builds(lambda n, pair: ["header", n, *pair], _number, _header),
    st.just(["renumber"]),
)
_note_text = st.sampled_from(
    [
        (ORIGIN, ORIGIN),
        (ORIGIN, "ledger.example/other"),
        (ORIGIN, ORIGIN + " "),
        ("\n2", "\n1"),
        ("\n2", "\n02"),
        ("\n2", "\n٢"),
        ("\n2", "\n-2"),
        ("\n2", "\n" + "9" * 18 + "2"),
        ("\n2", "\n" + "9" * 19),
        ("=\n", "\n"),
        ("=\n", "=\nextension\n"),
        ("=\n", "=\n\n"),
        ("=\n", "=\n\nextension\n"),
        ("A", "B"),
        ("=\n", "=\n\t\n"),
        ("=\n", "==\n"),
        ("=\n", "=\n\u00a0\n"),
        ("=\n", "=\u2028\n"),
        ("\n", "\r\n"),
    ]
)
_note_line = st.sampled_from(
    [
        "— a AAAAAAAA",
        "— a AAAAAAA",
        "— a AAAAAA==",
        "—  a AAAAAAAA",
        "- a AAAAAAAA",
        "— a\u00a0b AAAAAAAA",
        "— a+b AAAAAAAA",
        "",
        "— a AAAAAAAA ",
        "— é AAAAAAAA",
        f"— {ORIGIN} AAAAAAAA",
        "— a AAAAAAAB=",
        "— a\x00 AAAAAAAA",
        "— a\x85b AAAAAAAA",
        "— a\u2028b AAAAAAAA",
        "— \U0001f600 AAAAAAAA",
    ]
)
_file_name = st.sampled_from(
    [
        "tile/0/0.p/20",
        "tile/0/000",
        "tile/entries/000",
        "tile/00/000.p/20",
        "tile/0/000.p/020",
        "tile/0/x000/000",
        "tile/1/000.p/1",
        "Checkpoint",
        "tile/entries/000.p/19",
        "tile/0/000.p/21",
    ]
)
_file_step = st.one_of(
    st.tuples(st.just("file_flip"), _number, _place, _bit).map(list),
    st.tuples(st.just("file_cut"), _number, _place).map(list),
    st.tuples(
        st.just("file_longer"), _number, st.sampled_from(["\n", "\x00", "\x00\x00", "a", "\u00e9"])
    ).map(list),
    st.tuples(st.just("file_gone"), _number).map(list),
    st.tuples(st.just("file_moved"), _number, _file_name).map(list),
    st.tuples(st.just("file_swap"), _number, _number).map(list),
    st.builds(
        lambda pair, by: ["note_text", *pair, by],
        _note_text,
        st.sampled_from(["own", "own", "other", "none"]),
    ),
    st.tuples(st.just("note_line"), _note_line, st.booleans()).map(list),
)

_levels = st.sampled_from([0, 1, 2, 3, 3, 3])
_entries_alone = st.builds(
    lambda entries, level: [*entries, ["repair", level]],
    st.lists(_entry_step, min_size=1, max_size=2),
    _levels,
)
mutations = st.one_of(
    _entries_alone,
    _entries_alone,
    _entries_alone,
    st.builds(
        lambda steps, files: [*steps, *files],
        _entries_alone | st.just([["repair", 0]]),
        st.lists(_file_step, min_size=1, max_size=2),
    ),
)
