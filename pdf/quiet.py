"""Keeping the PDF libraries silent while they read what may be hostile."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Final

_LOGGERS: Final = tuple(logging.getLogger(name) for name in ("pyhanko", "pyhanko_certvalidator", "pikepdf"))
_lock = threading.Lock()
_silenced: list[list[int]] = []


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries from logging whole tracebacks of hostile files; nests across threads."""
    with _lock:
        _silenced.append([logger.level for logger in _LOGGERS])
        for logger in _LOGGERS:
            logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        with _lock:
            levels = _silenced.pop()
            if not _silenced:  # the outermost entry remembers what the application had set
                for logger, level in zip(_LOGGERS, levels, strict=True):
                    logger.setLevel(level)
