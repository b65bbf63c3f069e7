"""The differential tests for as long as one likes: `python -m tests.verifier.fuzz --seconds N [--seed S]`.

Prints how many mutations were tried and which findings they led to. The first disagreement ends the run with
status 1, made small by Hypothesis, printed, and kept in `corpus/`.
"""

import argparse
import collections
import hashlib
import json
import sys
import time

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.verifier.differ import CORPUS, both, disagreement
from tests.verifier.mutations import Step, apply, mutations

ROUND = 200


def main() -> int:
    """Run until the time is up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", 1)[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given_arguments = parser.parse_args()
    codes: collections.Counter[str] = collections.Counter()
    found: dict[str, list[Step]] = {}
    tried, number = 0, given_arguments.seed
    end = time.monotonic() + given_arguments.seconds

    def attempt(steps: list[Step]) -> None:
        nonlocal tried
        tried += 1
        first, second = both(apply(steps))
        codes.update({code for _, code in [*first, *second]} or {"clean"})
        if disagreement(first, second) is not None:
            found["steps"] = steps
            raise AssertionError

    while time.monotonic() < end:
        run = settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(given(mutations)(attempt))
        try:
            seed(number)(run)()
        except AssertionError:
            data = json.dumps(found["steps"], indent=1, ensure_ascii=True).encode() + b"\n"
            kept = CORPUS / f"{hashlib.sha256(data).hexdigest()[:12]}.json"
            kept.write_bytes(data)
            print(f"{disagreement(*both(apply(found['steps'])))}\n{data.decode()}kept in {kept.name}")  # noqa: T201
            return 1
        number += 1
    print(f"{tried} mutations, seeds {given_arguments.seed} to {number - 1}, no disagreement")  # noqa: T201
    for code, count in codes.most_common():
        print(f"{count:8} {code}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
