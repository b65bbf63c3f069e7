"""Write the vectors of the format: exported logs and single files, each with what must come out.

`python -m tests.vectors.make_format` writes `format/good/NAME/` and `format/bad/NAME/` anew, from fixed keys.
`case.json` in each says what to verify (`target`; `.` is the folder as an exported log), whether with the
file `policy`, the exit status, and the finding or refusal that must be among what is found.
"""

import shutil
from pathlib import Path

from tests.vectors import format_logs, format_notes
from tests.vectors.format_logs import Case
from tests.vectors.maker import KEPT

FORMAT = Path(__file__).parent / "format"


def cases() -> dict[str, Case]:
    """Return every case by its folder, ``good/…`` or ``bad/…``."""
    made: dict[str, Case] = {}
    for kind in ("good", "bad"):
        for module in (format_logs, format_notes):
            for case in getattr(module, kind)():
                name = f"{kind}/{case.name}"
                assert name not in made, name
                made[name] = case
    return made


def files() -> dict[str, bytes]:
    """Return every file of the vectors by its path below `format/`."""
    made = {}
    KEPT.used = {}
    for name, case in cases().items():
        made[f"{name}/case.json"] = case.to_json()
        made |= {f"{name}/{path}": data for path, data in case.files.items()}
    made["ml-dsa-44.json"] = KEPT.to_bytes()
    return made


def main() -> None:
    """Write them all."""
    made = files()
    for kind in ("good", "bad"):
        shutil.rmtree(FORMAT / kind, ignore_errors=True)
    for path, data in made.items():
        target = FORMAT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    print(f"{len(cases())} cases, {len(made)} files, {sum(map(len, made.values()))} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
