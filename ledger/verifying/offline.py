"""An exported log checked from its bytes, with nothing but the files and a trust file.

1. The note `checkpoint` says how many entries there are; after the walk it must be signed by the log's keys
   at that size, and its root be the one computed.
2. Each bundle is unpacked; each entry hashes to its leaf in the tile of level 0, stands at its position,
   links to the one before it, is signed by keys active there, continues its stream, and repeats no other.
3. Each tile above is what the leaves make of it.
4. A checkpoint that the auditor has kept is one of the log's past.

The files may be anybody's: a size that is no more than a claim ends the walk after `MAX_MISSING` files that
are not there.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import Malformed, Refused
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint, open_checkpoint
from ledger.format.note import MAX_NOTE_BYTES
from ledger.format.tiles import (
    HASH_BYTES,
    TILE_BYTES,
    TILE_WIDTH,
    Place,
    grow,
    range_at,
    root_at,
)
from ledger.format.tree import EMPTY_ROOT, CompactRange
from ledger.format.trust import Trust
from ledger.report import Report
from ledger.storage.predecessor import Predecessor
from ledger.verifying.exported import ExportFiles
from ledger.verifying.succession import Earlier, Findings, Succession

MAX_MISSING = 100

Progress = Callable[[int, int], None]
"""Told how many entries are done, of how many."""


def check_export(
    folder: Path, trust: Trust, *, before: Sequence[Path] = (), progress: Progress | None = None
) -> Report:
    """Check an exported log and report; raises nothing for what the files hold.

    ``before`` are the exports of the logs that it goes on from, the latest first.
    """
    findings = Findings()
    files = ExportFiles(folder, findings)
    if (found := _checkpoint(files)) is None:
        return _report(trust, findings)
    note, claimed = found
    with Succession(trust, findings, _before(before, findings)) as succession:
        walk = _Walk(files, succession, _kept(trust), claimed)
        whole = walk.entries(progress)
        succession.check_log_keys()
        signed = _is_signed(note, claimed.size, trust, succession, "checkpoint")
        if signed and whole and walk.root != claimed.root:
            findings.add(None, "ledger.checkpoint_mismatch", "root")
        if trust.checkpoint is not None:
            size = walk.kept.size if walk.kept else 0
            _is_signed(trust.checkpoint, size, trust, succession, "kept checkpoint")
        return _report(trust, findings, walk, succession)


def _checkpoint(files: ExportFiles) -> tuple[str, Checkpoint] | None:
    """Return the note and what it claims, nothing of it verified; None, with a finding, for none."""
    try:
        data = files.read("checkpoint", MAX_NOTE_BYTES)
    except Malformed:
        files.findings.add(None, "ledger.note_malformed")
        return None
    if data is None:
        files.findings.add(None, "ledger.checkpoint_missing")
        return None
    try:
        note = data.decode()
        return note, claimed_checkpoint(note)
    except UnicodeDecodeError:
        files.findings.add(None, "ledger.note_malformed")
    except Malformed as error:
        files.findings.add(None, error.code)
    return None


def _kept(trust: Trust) -> Checkpoint | None:
    try:
        return None if trust.checkpoint is None else claimed_checkpoint(trust.checkpoint, trust.origin)
    except Malformed:
        return None  # named when its signatures are looked at


def _is_signed(note: str, size: int, trust: Trust, succession: Succession, what: str) -> bool:
    """Tell whether the keys that the log had at that size have signed a note; if not, that is a finding."""
    try:
        open_checkpoint(note, succession.log_keys.at(size) or trust.log_keys, trust.origin)
    except Refused as error:
        succession.findings.add(None, error.code, what)
        return False
    return True


def _before(folders: Sequence[Path], findings: Findings) -> Earlier | None:
    """Return how to replay the predecessor from its export, None without one."""
    if not folders:
        return None

    @contextmanager
    def survivors(named: Predecessor) -> Iterator[Succession]:
        found = Findings()
        # Nothing is believed of it but what the new log's entry 0 says.
        unknown = Trust(named.origin, (), ())
        with Succession(unknown, found, _before(folders[1:], found)) as earlier:
            if (code := _replay(ExportFiles(folders[0], found), earlier, named)) is not None:
                findings.add(0, "ledger.predecessor_mismatch", code)
            for one in found.kept:
                if one.code != "ledger.trust_mismatch":
                    findings.add(None, one.code, f"{named.origin}, {one.seq}: {one.detail}")
            yield earlier

    return survivors


def _replay(files: ExportFiles, earlier: Succession, named: Predecessor) -> str | None:
    """Replay the entries that survive; return why they are not those that were named, None when they are."""
    tree, at_note = CompactRange(), None
    try:
        note = claimed_checkpoint(named.note, named.origin)
        exported = _checkpoint(files)
        size = 0 if exported is None else exported[1].size
        for start in range(0, min(size, named.size), TILE_WIDTH):
            entries = files.bundle(Place(None, start // TILE_WIDTH, min(TILE_WIDTH, size - start)))
            if entries is None:
                break
            for data in entries[: named.size - start]:
                tree.push(earlier.take(tree.size, data, None))
                at_note = tree.root() if tree.size == note.size else at_note
        if (tree.size, tree.root()) != (named.size, named.root):
            return "ledger.checkpoint_mismatch"
        open_checkpoint(named.note, earlier.log_keys.at(max(tree.size, 1)), named.origin)
    except Refused as error:
        return error.code
    same = note.size <= named.lost[1] and at_note in {None, note.root}
    return None if same else "ledger.checkpoint_mismatch"


def _report(
    trust: Trust, findings: Findings, walk: "_Walk | None" = None, succession: Succession | None = None
) -> Report:
    return Report(
        ok=findings.count == 0,
        origin=trust.origin,
        size=walk.read if walk else 0,
        root=walk.root.hex() if walk else EMPTY_ROOT.hex(),
        findings=tuple(findings.kept),
        found=findings.count,
        trust="file",
        checkpoint_size=walk.claimed.size if walk else None,
        signatures=succession.signatures if succession else 0,
        personal_redacted=succession.commitments if succession else 0,
    )


class _Walk:
    """The way through the files, with the right edge of the tree that they make."""

    def __init__(
        self, files: ExportFiles, succession: Succession, kept: Checkpoint | None, claimed: Checkpoint
    ) -> None:
        self.claimed = claimed
        self.read = 0
        self.root = EMPTY_ROOT
        self._files = files
        self._findings = files.findings
        self._succession = succession
        self.kept = kept
        self._edge: dict[tuple[int, int], bytes] = {}

    def entries(self, progress: Progress | None) -> bool:
        """Check every bundle and tile; tell whether each entry has a leaf: only then is there a root."""
        size = self.claimed.size
        whole = True
        if size == 0:
            self._findings.add(0, "ledger.entry_missing")  # without entry 0 a log was never opened
        for start in range(0, size, TILE_WIDTH):
            width = min(TILE_WIDTH, size - start)
            leaves = self._stretch(start, width)
            if self._files.missing >= MAX_MISSING:
                self._findings.add(start, "ledger.export_incomplete", f"{size - start} entries not looked at")
                return False
            whole = whole and leaves is not None
            if whole and leaves is not None:
                self._check_kept(start, leaves)
                self._tiles(start, leaves)
            if progress is not None:
                progress(start + width, size)
        if self.kept is not None and self.kept.size > size:
            self._findings.add(size, "ledger.tail_missing", f"kept checkpoint of {self.kept.size}")
        if not whole:
            return False
        for (level, index), hashes in self._edge.items():
            self._compare(Place(level, index, len(hashes) // HASH_BYTES), hashes)
        self.root = root_at(self._at_edge, size)
        return True

    def _stretch(self, start: int, width: int) -> list[bytes] | None:
        """Check the entries of a bundle; return their leaves, None when one can be had from nowhere."""
        index = start // TILE_WIDTH
        tile = self._files.tile(Place(0, index, width))
        entries = self._files.bundle(Place(None, index, width))
        leaves = _split(tile) if tile is not None else [None] * width
        made = []
        for place, leaf in enumerate(leaves):
            if entries is None:
                self._succession.lose(leaf)
                made.append(leaf)
            else:
                self.read += 1
                digest = self._succession.take(start + place, entries[place], leaf)
                made.append(digest if leaf is None else leaf)
        known = [leaf for leaf in made if leaf is not None]
        return known if len(known) == width else None

    def _check_kept(self, start: int, leaves: Sequence[bytes]) -> None:
        kept = self.kept
        if kept is None or not start < kept.size <= start + len(leaves):
            return
        tree = range_at(self._at_edge, start)
        tree.extend(leaves[: kept.size - start])
        if tree.root() != kept.root:
            self._findings.add(None, "ledger.checkpoint_mismatch", f"kept checkpoint of {kept.size}")

    def _tiles(self, start: int, leaves: Sequence[bytes]) -> None:
        for (level, index), row in grow(self._at_edge, start, leaves).items():
            if len(row.hashes) < TILE_BYTES:
                self._edge[level, index] = row.hashes
                continue
            self._edge.pop((level, index), None)
            self._compare(Place(level, index), row.hashes)

    def _compare(self, place: Place, hashes: bytes) -> None:
        if place.level and self._files.tile(place) not in {None, hashes}:
            self._findings.add(None, "ledger.tile_mismatch", place.path)

    def _at_edge(self, level: int, index: int) -> bytes:
        return self._edge.get((level, index), b"")


def _split(hashes: bytes) -> list[bytes | None]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
