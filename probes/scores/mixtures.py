"""Two-component mixtures on the loss: how probable it is that an example is noisy."""

from __future__ import annotations

import numpy as np

__all__ = ["noise_probability"]


def noise_probability(mean_loss: np.ndarray) -> np.ndarray:
    """Posterior of the higher-mean component of two Gaussians fitted to the mean losses.

    Made nondecreasing in the mean loss, since the wider component also wins far below the lower
    mean: no posterior is below that of a lower loss. Where the higher mean's component wins even at
    the lowest loss, so that one easy example would make all others noisy, what lies below the smallest
    posterior takes that one instead. No true labels, no validation data. A mixture always finds two
    groups, even where there is no noise.

    Args:
        mean_loss: float, (N,); nats, NaN where unknown.

    Returns:
        float64, (N,); in [0, 1], NaN where unknown, or where fewer than two distinct values are known.

    Source:
        Arazo et al., ICML 2019, section 3.1, https://arxiv.org/abs/1904.11238 (with Betas); the Gaussian
        form is that of Li et al., ICLR 2020 (DivideMix).
    """
    from sklearn.mixture import GaussianMixture

    values = np.asarray(mean_loss, dtype=np.float64)
    probability = np.full(values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(values))
    if len(np.unique(values[known])) < 2:
        return probability
    column = values[known, None]
    mixture = GaussianMixture(n_components=2, random_state=0).fit(column)
    posterior = mixture.predict_proba(column)[:, np.argmax(mixture.means_[:, 0])]
    order = np.argsort(column[:, 0], kind="stable")
    rising = posterior[order]
    if rising[0] > 0.5:
        lowest = int(np.argmin(rising[column[order, 0] <= mixture.means_.max()]))
        rising[:lowest] = rising[lowest]
    probability[known[order]] = np.maximum.accumulate(rising)
    return probability
