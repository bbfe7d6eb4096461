"""Small statistics for reports: percentiles of sorted samples."""

from collections.abc import Sequence


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of values in ascending order, to 2 decimals; 0.0 of none."""
    if not ascending:
        return 0.0
    rank = max(1, -(-len(ascending) * percent // 100))
    return round(ascending[int(rank) - 1], 2)
