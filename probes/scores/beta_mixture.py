"""Two Beta distributions on the loss (Arazo et al. 2019): how probable it is that an example is noisy."""

from __future__ import annotations

import numpy as np

__all__ = ["noise_probability_bmm"]

STEPS = 10
CELLS = 100
OUTER = (5, 95)  # percentiles; the losses beyond them shape no component
EDGE = 1e-3
TINY = 1e-12


def noise_probability_bmm(loss: np.ndarray) -> np.ndarray:
    """Posterior of the high-loss one of two Beta distributions fitted to the losses.

    The losses between their 5th and 95th percentile, scaled to [0, 1] and clipped to [0.001, 0.999], get ten EM
    steps from Beta(1, 2) and Beta(2, 1), with moments weighted by the posterior. What lies outside is clipped
    too before it is judged. The posterior is read off a table of 100 cells, constant after its maximum, so that
    many examples tie. No true labels, no validation data. Two groups are found even where there is no noise.

    Args:
        loss: float, (N,); mean loss of each example, or its loss at one epoch, at best near the highest validation
            accuracy: after interpolation both components sit at 0. NaN where unknown.

    Returns:
        float64, (N,); in [0, 1], NaN where unknown; NaN throughout where no two components can be fitted, as when
        the percentiles coincide.

    Source:
        Arazo et al., ICML 2019, section 3.1, https://arxiv.org/abs/1904.11238, and their code, whose guard of 1e-6
        in the scaling is left out, so that the unit of the loss does not matter.
    """
    values = np.asarray(loss, dtype=np.float64)
    probability = np.full(values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(values))
    if len(known) == 0:
        return probability
    low, high = np.percentile(values[known], OUTER)
    if not high > low:
        return probability
    inside = (values[known] >= low) & (values[known] <= high)
    scaled = np.clip((values[known] - low) / (high - low), EDGE, 1 - EDGE)
    probability[known] = _posterior_table(scaled[inside])[(scaled * CELLS).astype(np.int64)]
    return probability


def _posterior_table(scaled: np.ndarray) -> np.ndarray:
    """Posterior of the second component over [0, 1], (100,), constant after its maximum; NaN where EM broke down."""
    grid = np.linspace(TINY, 1 - TINY, CELLS)
    with np.errstate(all="ignore"):  # a component of no width makes all of it NaN
        posterior = _joint(grid, *_fit(scaled))
        posterior = posterior[1] / (posterior.sum(axis=0) + TINY)
    top = int(np.argmax(posterior))
    posterior[top:] = posterior[top]
    return posterior


def _fit(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters alpha and beta and weights of the two components, (2,) each, after the last EM step."""
    alpha, beta, weights = np.array([1.0, 2.0]), np.array([2.0, 1.0]), np.array([0.5, 0.5])
    for _ in range(STEPS):
        share = np.maximum(_joint(scaled, alpha, beta, weights), TINY)
        share /= share.sum(axis=0)
        total = share.sum(axis=1)
        mean = share @ scaled / total
        variance = (share * (scaled - mean[:, None]) ** 2).sum(axis=1) / total
        alpha = mean * (mean * (1 - mean) / variance - 1)
        beta = alpha * (1 - mean) / mean
        weights = total / total.sum()
    return alpha, beta, weights


def _joint(x: np.ndarray, alpha: np.ndarray, beta: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weight times density of each component at each x, (2, n)."""
    from scipy.special import betaln

    log_density = np.outer(alpha - 1, np.log(x)) + np.outer(beta - 1, np.log1p(-x)) - betaln(alpha, beta)[:, None]
    return weights[:, None] * np.exp(log_density)
