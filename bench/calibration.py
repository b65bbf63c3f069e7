"""What the machine can do at this moment: without it no figure of a benchmark says anything."""

import hashlib
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

_BLOCK = 1024
_SYNCS = 200


def calibrate(folder: Path | None = None) -> dict[str, Any]:
    """Return hash speed, latency of a durable write in ``folder``, load, and what is installed."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "sha256_1k_per_s": sha256_speed(),
        "fdatasync_ms": _fdatasync(folder),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "cryptography": version("cryptography"),
        "pynacl": version("pynacl"),
    }


def sha256_speed(for_s: float = 1.0) -> int:
    """Return how many hashes of 1 KiB a second of processor time gives, on one core."""
    data, count = b"x" * _BLOCK, 0
    began = time.process_time()
    while time.process_time() - began < for_s:
        for _ in range(1000):
            hashlib.sha256(data).digest()
        count += 1000
    return round(count / (time.process_time() - began))


def _fdatasync(folder: Path | None) -> dict[str, float]:
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        took = []
        for _ in range(_SYNCS):
            file.seek(0)
            file.write(os.urandom(4096))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return {"p50": round(statistics.median(took), 3), "p99": round(took[int(_SYNCS * 0.99)], 3)}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
