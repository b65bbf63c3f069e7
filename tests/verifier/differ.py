"""Both verifiers over the same bytes, and whether they say the same."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from ledger.errors import Refused
from ledger.format import canonical, policy, trust
from ledger.format.checkpoint import open_checkpoint, open_receipt, parse_proof
from ledger.format.note import decode
from ledger.verifying.offline import check_export
from tests.vectors.maker import LOG_KEY, ORIGIN, Files
from tests.verifier.mutations import Step, apply, base
from verifier import ctnh_verify

CORPUS = Path(__file__).parent / "corpus"
Found = list[tuple[int | None, str]]

_FIRST = trust.parse(base().trust())
_SECOND = ctnh_verify.read_trust(base().trust())


def lowest(found: Found) -> int | None:
    """Return the lowest position named."""
    return min((seq for seq, _ in found if seq is not None), default=None)


def both(files: Files) -> tuple[Found, Found]:
    """Return what the ledger's own check and the verifier in one file find in an exported log."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        first = [(finding.seq, finding.code) for finding in check_export(folder, _FIRST).findings]
        _, findings = ctnh_verify.verify(folder, _SECOND)
    return first, [(seq, code) for seq, code, _ in findings.kept]


def difference(steps: list[Step]) -> str | None:
    """Return how the two disagree about a mutated log, None when they do not."""
    found = disagreement(*both(apply(steps)))
    return None if found is None else f"{found}\nmutation: {json.dumps(steps)}"


def disagreement(first: Found, second: Found) -> str | None:
    """Return how two results differ: in whether anything is wrong, or in the lowest position named."""
    named = lowest(first), lowest(second)
    if bool(first) == bool(second) and (None in named or named[0] == named[1]):
        return None
    return f"ledger: {first[:5]}\nfile: {second[:5]}"


def _takes(read: Callable[[], object]) -> bool:
    try:
        read()
    except (Refused, UnicodeDecodeError, ctnh_verify.Bad):
        return False
    return True


def takes_checkpoint(data: bytes) -> tuple[bool, bool]:
    """Tell who takes a checkpoint."""
    keys = [ctnh_verify.read_vkey(LOG_KEY.vkey)]
    return (
        _takes(lambda: open_checkpoint(decode(data), _FIRST.log_keys, ORIGIN)),
        _takes(lambda: ctnh_verify.open_checkpoint(data.decode(), keys, ORIGIN)),
    )


def takes_receipt(data: bytes) -> tuple[bool, bool]:
    """Tell who takes a receipt."""
    result = ctnh_verify.Result("receipt", ORIGIN)
    return (
        _takes(lambda: open_receipt(decode(data), _FIRST.log_keys, ORIGIN)),
        _takes(lambda: ctnh_verify.check_receipt(data.decode(), _SECOND, result)),
    )


def takes_proof(data: bytes) -> tuple[bool, bool]:
    """Tell who takes a proof file's form."""
    return _takes(lambda: parse_proof(data.decode())), _takes(lambda: ctnh_verify.read_proof(data.decode()))


def takes_policy(data: bytes) -> tuple[bool, bool]:
    """Tell who takes a policy."""
    return _takes(lambda: policy.parse(data)), _takes(lambda: ctnh_verify.read_policy(data))


def takes_json(data: bytes) -> tuple[bool, bool]:
    """Tell who takes bytes as canonical JSON."""
    return _takes(lambda: canonical.decode(data)), _takes(lambda: ctnh_verify.canonical(data))
