"""Steps 5 to 8 of verification: what stands beside the entries, whichever way they were verified.

The numbers are those of `ledger.verifying.verify`.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any, Self

from ledger.errors import Refused
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint, open_checkpoint
from ledger.format.note import NoteKey, parse_line, split_note
from ledger.format.policy import Policy, Witness
from ledger.format.tree import EMPTY_ROOT
from ledger.personal.erasure import check_vault
from ledger.personal.subjects import Subjects
from ledger.publishing.anchor import anchors
from ledger.publishing.guard import Guard
from ledger.report import Step
from ledger.storage.db import reading
from ledger.storage.raw import raw_rows
from ledger.storage.schema import check_indices, check_schema
from ledger.storage.store import CHECKPOINT, COSIGNATURE, HEAD, one
from ledger.verifying.walk import Walk


class Steps(Walk):
    """A verification with the steps that come after the entries."""

    guard: Guard | None = None
    subjects: Subjects | None = None
    policy: Policy | None = None
    thorough = True  # whether indices are compared with their tables, which reads all of both
    sound = False  # whether the entries themselves are as they must be
    signed_here = False  # whether a log key has signed a stored checkpoint

    def knowing(self, guard: Guard | None, subjects: Subjects | None, policy: Policy | None = None) -> Self:
        """Take what lies outside the database."""
        self.guard, self.subjects, self.policy = guard, subjects, policy
        self.texts: dict[int, str | None] = {}  # of the stored checkpoints, None where no log key signed one
        return self

    def beside(self) -> None:
        """Take the steps that do not depend on how the entries were verified."""
        self.steps(self.fences, self.indices, self.checkpoints, self.cosignatures)
        self.steps(self.anchors, self.guarded, self.vault)

    def further(self, further: Sequence[Step]) -> None:
        """Take the caller's steps."""
        self.steps(*(partial(self.caller, step) for step in further))

    # 5. The fences.

    def fences(self) -> None:
        """Look for whatever somebody who has been at the schema left: fences, tables, indices."""
        for finding in check_schema(self.reader):
            self.add(finding.seq, finding.code, finding.detail)

    def indices(self) -> None:
        """Compare the indices with their tables, for other readers look entries up in them."""
        if self.thorough:
            for finding in check_indices(self.reader):
                self.add(finding.seq, finding.code, finding.detail)

    # 6. Checkpoints against the tree over the stored leaves.

    def checkpoints(self) -> None:
        """Check every stored checkpoint, and compute the root on the way."""
        for size, checkpoint in self._signed_heads():
            self.checkpoint_size = size
            if size > self.size:
                self.add(self.size, "ledger.tail_missing", f"checkpoint {size}")
            root = self.leaves.root(size)
            if root is not None:
                self.roots[size] = root
                if root != checkpoint.root:
                    self.add(None, "ledger.checkpoint_mismatch", f"checkpoint {size}: root")
        if self.trust is not None and not self.signed_here:
            # With nothing signed over them the entries are whatever the last one to hold the database made;
            # a checkpoint that the auditor has kept says nothing of those that came after.
            self.add(None, "ledger.checkpoint_missing")
        self.root = self.leaves.root(self.leaves.count) or EMPTY_ROOT

    def cosignatures(self) -> None:
        """Check the lines of witnesses, and under a policy whether those of its witnesses hold.

        Whose key nobody here knows is judged by whoever does; the line must still be one, of the key and the
        checkpoint that its row names.
        """
        known = {(witness.key.name, witness.key.id): witness.key for witness in self._witnesses()}
        for size, name, key_id, line in self.stored_cosignatures():
            if size in self.texts and self.texts[size] is None:
                continue  # the checkpoint itself is named already
            if not _cosigned(self.texts.get(size), name, key_id, line, known):
                self.add(None, "ledger.cosignature_invalid", f"checkpoint {size}: {name}")

    def _witnesses(self) -> tuple[Witness, ...]:
        return () if self.policy is None else self.policy.witnesses

    def stored_cosignatures(self) -> Iterable[Sequence[Any]]:
        """Return size, name, key and line of the cosignatures to look at."""
        return raw_rows(self.reader, COSIGNATURE, "size", "name", "key_id", "line", log=self.log)

    def anchors(self) -> None:
        """Check what outside authorities say of the checkpoints."""
        roots = self.trust.tsa_roots if self.trust else ()
        for finding in anchors(
            self.reader,
            self.log,
            origin=self.origin,
            root_at=self.checkpoint_root,
            tsa_roots=roots,
            tally=self.anchored,
        ):
            self.add(finding.seq, finding.code, finding.detail)

    def checkpoint_root(self, size: int) -> bytes | None:
        """Return the root at the size of a checkpoint that was found good."""
        return self.roots.get(size)

    def stored_checkpoints(self) -> list[tuple[Any, Any]]:
        """Return size and note of the checkpoints to look at."""
        rows = raw_rows(self.reader, CHECKPOINT, "size", "note", log=self.log)
        return [(size, note) for size, note in rows]

    def _signed_heads(self) -> list[tuple[int, Checkpoint]]:
        """Return the checkpoints that a log key has signed, the one that the auditor kept among them."""
        stored = self.stored_checkpoints()
        kept = self.trust.checkpoint if self.trust else None
        heads = []
        self.signed_here, self.texts = False, {size: None for size, _ in stored}
        claims = [(True, size, note) for size, note in stored]
        for here, size, note in [*claims, *([(False, None, kept)] if kept is not None else [])]:
            try:
                claimed = claimed_checkpoint(note or "", self.origin)
                checkpoint = open_checkpoint(note, self.log_keys_at(claimed.size), self.origin)
            except Refused as error:
                self.add(None, error.code, f"checkpoint {size}")
                continue
            if here and checkpoint.size != size:
                self.add(None, "ledger.checkpoint_mismatch", f"checkpoint {size}: size")
                continue
            if here:
                self.signed_here = True
                self.texts[size] = split_note(note)[0]
            heads.append((checkpoint.size, checkpoint))
        return sorted(heads, key=lambda head: head[0])

    def guarded(self) -> None:
        """Compare the log with the signer's memory of it."""
        if self.guard is None:
            return
        self.guard_state = "checked"
        try:
            note = self.guard.last()
            if note is None:
                return
            claimed = claimed_checkpoint(note, self.origin)
            remembered = open_checkpoint(note, self.log_keys_at(claimed.size), self.origin)
        except Refused as error:
            self.add(None, "ledger.guard_mismatch", error.code)
            return
        except OSError as error:  # a folder in its place, or a file that nobody may read
            self.add(None, "ledger.guard_mismatch", type(error).__name__)
            return
        if remembered.size > self.leaves.count:
            # A log that is written to while it is read has grown beyond what is read here; a cut one has not.
            if not self._has_grown_to(remembered.size):
                self.add(self.size, "ledger.guard_ahead", f"checkpoint {remembered.size}")
        elif self.leaves.root(remembered.size) != remembered.root:
            self.add(None, "ledger.guard_mismatch", f"checkpoint {remembered.size}")
        elif self.trust is None and not self.signed_here and self._signed_twice():
            # The newest note may be on its way from the guard to the table; the one before it stood there.
            self.add(None, "ledger.checkpoint_missing")

    def _signed_twice(self) -> bool:
        assert self.guard is not None, "only asked beside a guard"
        return next(islice(self.guard.notes(), 1, None), None) is not None

    def _has_grown_to(self, size: int) -> bool:
        with reading(self.reader.engine) as now:
            head = one(now, HEAD, log=self.log)
        return head is not None and isinstance(head["size"], int) and head["size"] >= size

    # 7. Personal values.

    def vault(self) -> None:
        """Compare the vault with what the entries promise and erase."""
        self.personal = check_vault(self.reader, self.log, self.promises, self.subjects, lost=self.lost > 0)
        for finding in self.personal.findings:
            self.add(finding.seq, finding.code, finding.detail)

    # 8. Whatever else the caller wants to know.

    def caller(self, step: Step) -> None:
        """Run a step of the caller's."""
        try:
            for finding in step(self.reader, self.log):
                self.add(finding.seq, finding.code, finding.detail)
        except Refused as error:
            self.add(None, error.code, "replay")


def _cosigned(
    text: str | None, name: Any, key_id: Any, line: Any, known: dict[tuple[str, bytes], NoteKey]
) -> bool:
    """Tell whether a row holds a line of that key under that text, as far as the key is known."""
    try:
        parsed = parse_line(line or "")  # nothing, where the column holds what it may not
        if text is None or (parsed.name, parsed.key_id.hex()) != (name, key_id):
            return False
        key = known.get((parsed.name, parsed.key_id))
        if key is not None:
            key.check(text, parsed.signature)
    except Refused:
        return False
    return True
