"""Waiting for descriptors: one poll(2), no signal machinery beside it."""

import select


def wait_readable(*descriptors: int, wait_ms: int) -> frozenset[int]:
    """Which of these can be read now; waits up to `wait_ms` milliseconds, or for a signal."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return frozenset(descriptor for descriptor, _ in poller.poll(wait_ms))
