"""Public test vectors, read where they lie beside the repository."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"


def vectors(folder: str, suffix: str = ".json") -> list[Path]:
    """Return the files of a folder; where they are absent the test is skipped, on CI it fails."""
    found = sorted((ROOT / folder).rglob(f"*{suffix}"))
    if not found:
        reason = f"no public vectors at {ROOT / folder}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
