"""A report of verification that somebody signs: canonical JSON as the text of a C2SP signed note.

    {"checkpoint":…,"finished_at":…,"format":"ctnh-verification-v1","report":{…},
     "started_at":…,"tool":…,"trust":…}

``report`` is what `ctnh ledger verify --json` prints, ``checkpoint`` the size of the newest checkpoint found
good, ``trust`` the SHA-256 of the trust file, null without one. Members are sorted, without white space.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from ledger.errors import Malformed, Problem
from ledger.format.event import time_text
from ledger.format.note import MAX_NOTE_BYTES, NoteKey, NoteSigner, open_note
from ledger.report import Report

FORMAT = "ctnh-verification-v1"
ROOM = MAX_NOTE_BYTES - 16 * 1024  # what the signatures and the rest leave to the findings

_MEMBERS = {"checkpoint", "finished_at", "format", "report", "started_at", "tool", "trust"}


def attest(
    report: Report,
    signer: NoteSigner,
    *,
    tool: str,
    trust: str | None,
    started_at: datetime,
    finished_at: datetime,
) -> str:
    """Return the signed note of a report; findings for which it has no room are in ``found`` alone."""
    said = report.as_json()
    while len(orjson.dumps(said)) > ROOM:
        said["findings"] = said["findings"][: len(said["findings"]) // 2]
    made = {
        "format": FORMAT,
        "tool": tool,
        "trust": trust,
        "started_at": time_text(started_at),
        "finished_at": time_text(finished_at),
        "checkpoint": said["checkpoint"],
        "report": said,
    }
    text = orjson.dumps(made, option=orjson.OPT_SORT_KEYS).decode() + "\n"
    return signer.sign(text, finished_at)


def open_attested(note: str, keys: Iterable[NoteKey]) -> dict[str, Any]:
    """Return what a signed report says, once a known key is found to have signed it.

    Raises Malformed or NotAllowed.
    """
    text = open_note(note, keys).text
    try:
        made = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Malformed(Problem("ledger.report_malformed")) from error
    if (
        not isinstance(made, dict)
        or set(made) != _MEMBERS
        or made["format"] != FORMAT
        or not isinstance(made["report"], dict)
        or not isinstance(made["report"].get("ok"), bool)
        or orjson.dumps(made, option=orjson.OPT_SORT_KEYS).decode() + "\n" != text
    ):
        raise Malformed(Problem("ledger.report_malformed"))
    return made
