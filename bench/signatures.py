"""What a manifest's signatures cost: Ed25519, and ML-DSA-65 beside it.

`python -m bench.signatures` prints the least and the median time of each call, in microseconds.
"""

import time
from collections.abc import Callable
from statistics import median

from guard.edge.keys import public_of, signer, verifier
from guard.edge.mldsa import mldsa_public_of, mldsa_signer, mldsa_verifier

CALLS = 200
CONTENT = bytes(300)  # an ordinary manifest's
SEED = bytes(range(32))


def measured_us(call: Callable[[], object]) -> tuple[float, float]:
    """(least, median) of some calls, in microseconds."""
    times = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        call()
        times.append((time.perf_counter() - begun) * 1e6)
    return min(times), median(times)


def main() -> None:
    """Measure and print."""
    sign, check = signer(SEED), verifier(public_of(SEED))
    sign_second, check_second = mldsa_signer(SEED), mldsa_verifier(mldsa_public_of(SEED))
    one, two = sign(CONTENT), sign_second(CONTENT)
    calls: dict[str, Callable[[], object]] = {
        "Ed25519 sign": lambda: sign(CONTENT),
        "Ed25519 verify": lambda: check(one, CONTENT),
        "ML-DSA-65 sign": lambda: sign_second(CONTENT),
        "ML-DSA-65 verify": lambda: check_second(two, CONTENT),
    }
    for name, call in calls.items():
        least, middle = measured_us(call)
        print(f"{name:18} least {least:6.0f} us, median {middle:6.0f} us")


if __name__ == "__main__":
    main()
