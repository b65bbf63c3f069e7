"""Processor time of other processes, to the microsecond: what a request costs however busy the machine is."""

from pathlib import Path

_PROC = Path("/proc")


def descendants(root: int) -> list[int]:
    """Return a process and all that it has started, directly or through others."""
    children: dict[int, list[int]] = {}
    for path in _PROC.iterdir():
        if path.name.isdigit():
            try:
                stat = (path / "stat").read_text(encoding="utf-8")
            except (FileNotFoundError, ProcessLookupError):
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def processor_ms(processes: list[int]) -> float:
    """Return the milliseconds that the threads of processes have run; what has ended counts no more."""
    nanoseconds = 0
    for process in processes:
        try:
            threads = list((_PROC / str(process) / "task").iterdir())
        except FileNotFoundError:
            continue
        for thread in threads:
            try:
                nanoseconds += int((thread / "schedstat").read_text(encoding="ascii").split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return nanoseconds / 1e6
