"""Confidence intervals for what a simulation counted. Pure; no chance, the standard library only.

`confidence` is two-sided where an interval is given and one-sided where one bound is.
"""

from collections.abc import Sequence
from math import exp, lgamma, log, log1p, sqrt
from statistics import NormalDist, fmean, variance
from typing import NamedTuple

from schemas.errors import Broken
from schemas.reasons import Reason

_BISECTIONS = 200
_FRACTIONS = 100_000
_TINY = 1e-300


class Interval(NamedTuple):
    """From `low` to `high`, both included."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value lies in it: a fact to be told, nothing is decided here."""
        return self.low <= value <= self.high


def wilson(hits: int, trials: int, confidence: float) -> Interval:
    """Of a share, by the score test (Wilson 1927): good in the middle, approximate near 0."""
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    share, more = hits / trials, z * z / trials
    middle = (share + more / 2.0) / (1.0 + more)
    half = z * sqrt(share * (1.0 - share) / trials + more / (4.0 * trials)) / (1.0 + more)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def clopper_pearson(hits: int, trials: int, confidence: float) -> Interval:
    """Of a share, exact (Clopper and Pearson 1934): it holds the truth at least that often."""
    half = (1.0 - confidence) / 2.0
    low = 0.0 if not hits else _share_with_tail(hits, trials, half)
    high = 1.0 if hits == trials else _share_with_tail(hits + 1, trials, 1.0 - half)
    return Interval(low, high)


def of_batches(means: Sequence[float], confidence: float) -> Interval:
    """Of a mean whose draws depend on one another: from the means of batches of them, which are
    so long that they do not. At least 30 batches, so that the normal quantile will do."""
    if len(means) < 30:
        raise Broken(Reason.ARGUMENT, "an interval from batches needs thirty of them")
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    middle, half = fmean(means), z * sqrt(variance(means) / len(means))
    return Interval(max(0.0, middle - half), middle + half)


def bernstein(
    mean: float, sample_variance: float, draws: int, most: float, confidence: float
) -> Interval:
    """Of a mean of independent draws from 0 to `most`, whatever their distribution.

    The empirical Bernstein bound (Maurer and Pontil 2009, theorem 4), on either side with half of
    what the confidence leaves over: no normal approximation is in it.
    """
    doubt = log(4.0 / (1.0 - confidence))
    half = sqrt(2.0 * sample_variance * doubt / draws) + 7.0 * most * doubt / (3.0 * (draws - 1))
    return Interval(max(0.0, mean - half), mean + half)


def _share_with_tail(hits: int, trials: int, wanted: float) -> float:
    """The share at which P(hits or more) has this value: it grows with the share."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if binomial_tail(hits, trials, middle) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def binomial_tail(hits: int, trials: int, share: float) -> float:
    """P(`hits` or more in so many trials): the regularised incomplete beta function I(a, b).

    For numbers of trials for which a sum of terms would take too long.
    """
    if hits <= 0:
        return 1.0
    if share <= 0.0 or share >= 1.0:
        return float(share >= 1.0)
    a, b = float(hits), float(trials - hits + 1)
    log_front = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(share) + b * log1p(-share)
    if share < (a + 1.0) / (a + b + 2.0):
        return exp(log_front) * _fraction(a, b, share) / a
    return 1.0 - exp(log_front) * _fraction(b, a, 1.0 - share) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    c, d = 1.0, 1.0 / _off_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _FRACTIONS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _off_zero(1.0 + term * d)
            c = _off_zero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            return value
    raise Broken(Reason.ARGUMENT, "a continued fraction did not come to an end")


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
