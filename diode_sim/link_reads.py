"""What a receiver's socket gives in one read: datagrams joined as the kernel joins them.

Takes datagrams in the order in which they came, gives buffers as `UDP_GRO` does. Pure.
"""

from diode_sim.chance import Chance

READ_BYTES_MAX = 65_507
READ_SEGMENTS = (64, 64, 64, 7, 3, 2, 1)
"""How many datagrams a read has at most, by chance: what the kernel joins is a matter of time."""

Reads = list[tuple[bytes, int, int]]
"""Buffers as `UDP_GRO` gives them: bytes, bytes of each datagram, link."""


def joined(datagrams: list[bytes], link: int, chance: Chance) -> Reads:
    """As `UDP_GRO` joins: datagrams of one size, the last one may be shorter."""
    reads: Reads = []
    run: list[bytes] = []
    size = total = most = 0
    for datagram in datagrams:
        fits = run and 0 < len(datagram) <= size and len(run[-1]) == size
        if not fits or len(run) >= most or total + len(datagram) > READ_BYTES_MAX:
            if run:
                reads.append((b"".join(run), size, link))
            run, size, total = [], len(datagram), 0
            most = chance.choice(READ_SEGMENTS)
        run.append(datagram)
        total += len(datagram)
    if run:
        reads.append((b"".join(run), size, link))
    return reads
