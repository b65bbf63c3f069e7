"""File systems that fill up: a small one in memory where mounting is allowed, else a limit on files."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.crash.cases import goes_on
from tests.crash.child import Work
from tests.crash.cluster import Cluster
from tests.crash.ground import Ground, Tally, read_journal, until


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """Yield a file system of that size, or raise PermissionError where none can be mounted."""
    place = folder / "disk"
    place.mkdir(exist_ok=True)
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0777", "tmpfs", str(place)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise PermissionError("no file system can be mounted here") from error
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def resize(place: Path, kilobytes: int) -> None:
    """Give a small disk another size."""
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(place)], check=True)


def used_kb(place: Path) -> int:
    """Return how much of a disk is in use."""
    said = subprocess.run(
        ["df", "-k", "--output=used", str(place)], check=True, capture_output=True, text=True
    )
    return int(said.stdout.split()[1])


def filled_up(ground: Ground, disk: Path, times: int, server: Cluster | None = None) -> Tally:
    """Have the disk fill up while a process appends, and give it more space."""
    work = ground.work(retry=True, threads=4)
    pid = ground.start(work)
    for _ in range(times):
        _shrink(disk, 2048)
        _waits_for_errors(work)
        ground.tally.accidents += 1
        time.sleep(0.5)
        resize(disk, used_kb(disk) + 65536)
        if server is not None and not server.answers():
            with suppress(subprocess.CalledProcessError):
                server.stop("immediate")
            server.start()
        goes_on([work])
    assert ground.nursery.kill(pid, signal.SIGTERM) == 0
    ground.check([work])
    return ground.final()


def _shrink(disk: Path, left_kb: int) -> None:
    for _ in range(20):  # it grows while it is being measured
        try:
            resize(disk, used_kb(disk) + left_kb)
        except subprocess.CalledProcessError:
            continue
        return


def limited(ground: Ground, limit_bytes: int) -> Tally:
    """Have a process meet the largest size that a file may have, and lift that limit."""
    work = ground.work(retry=True, threads=4, limit_bytes=limit_bytes)
    pid = ground.start(work)
    _waits_for_errors(work)
    ground.tally.accidents += 1
    assert sys.platform == "linux"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    goes_on([work])
    assert ground.nursery.kill(pid, signal.SIGTERM) == 0
    ground.check([work])
    return ground.final()


def _waits_for_errors(work: Work) -> None:
    path = Path(work.journal)
    before = len(read_journal(path).errors)
    until(lambda: len(read_journal(path).errors) > before + 4, work)
