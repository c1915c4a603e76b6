"""Zhang et al. 2017, section 5: linear models interpolate, too, and the solution found is the one of least norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from probes.studies.chart import BarChart, Bars, Table, cell
from probes.studies.claim import Claim, at_least, at_most
from probes.studies.data import load_arrays
from probes.studies.point import Computation
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY", "interpolate", "kernel", "least_norm"]

SOURCE = "Zhang et al. 2017, section 5"
WIDTHS = (0.5, 1.0, 2.0)  # bw in K = exp(-bw d^2)
LARGEST = 5000  # examples that a kernel matrix is solved for
FEWER = 20  # examples of the linear model, fewer than its dimensions


def kernel(left: np.ndarray, right: np.ndarray, bandwidth: float) -> np.ndarray:
    """exp(-bandwidth ||x - y||^2), (n, m), for rows x of left (n, d) and y of right (m, d)."""
    from scipy.spatial.distance import cdist

    return np.asarray(np.exp(-bandwidth * cdist(left, right, "sqeuclidean")))


def interpolate(dataset: str, subset: int | None, bandwidth: float, random_labels: bool, seed: int) -> dict[str, Any]:
    """Solve K c = Y for one-hot targets, without a regulariser; accuracies, and the norm in the kernel's space."""
    data = load_arrays(dataset, subset or (None if dataset == "digits" else LARGEST), split_seed=seed, raw=True)
    labels = data.labels
    if random_labels:
        labels = np.random.default_rng([seed, 2]).integers(0, data.num_classes, len(labels))
    targets = np.eye(data.num_classes)[labels]
    gram = kernel(data.train, data.train, bandwidth)
    coefficients = np.linalg.solve(gram, targets)
    fitted, answered = gram @ coefficients, kernel(data.test, data.train, bandwidth) @ coefficients
    return {
        "train": float((fitted.argmax(1) == labels).mean()),
        "test": float((answered.argmax(1) == data.test_labels).mean()),
        "norm": float(np.sqrt(max((coefficients * fitted).sum(), 0.0))),
        "residual": float(np.abs(fitted - targets).max()),
    }


def least_norm(dataset: str, seed: int) -> dict[str, Any]:
    """Gradient descent from zero on a linear model with fewer examples than dimensions, beside the pseudo-inverse.

    Stochastic: one example a step, in random order, until every residual is below 1e-11.
    """
    data = load_arrays(dataset, None if dataset == "digits" else LARGEST, split_seed=seed)
    rng = np.random.default_rng([seed, 3])
    chosen = rng.choice(len(data.train), FEWER, replace=False)
    x, y = data.train[chosen], data.labels[chosen].astype(float) - data.labels[chosen].mean()
    weights = np.zeros(x.shape[1])
    for _ in range(20_000):  # Kaczmarz's step: the learning rate of each example is one over its squared norm
        for row in rng.permutation(FEWER):
            weights += (y[row] - x[row] @ weights) / (x[row] @ x[row]) * x[row]
        if np.abs(y - x @ weights).max() < 1e-11:
            break
    expected = np.linalg.pinv(x) @ y
    return {
        "difference": float(np.linalg.norm(weights - expected) / np.linalg.norm(expected)),
        "residual": float(np.abs(y - x @ weights).max()),
    }


def _name(bandwidth: float, random_labels: bool) -> str:
    return f"bw{bandwidth:g}-{'random' if random_labels else 'true'}-seed{{seed}}"


def _points(scale: Scale) -> list[Computation]:
    points = [
        Computation(f"sgd-seed{seed}", least_norm, {"dataset": scale.dataset, "seed": seed}) for seed in scale.seeds
    ]
    for seed in scale.seeds:
        for bandwidth in WIDTHS:
            for random_labels in (False, True):
                arguments: dict[str, Any] = {"bandwidth": bandwidth, "random_labels": random_labels, "seed": seed}
                arguments |= {"dataset": scale.dataset, "subset": scale.subset}
                points.append(Computation(_name(bandwidth, random_labels).format(seed=seed), interpolate, arguments))
    return points


def _find(results: Results, scale: Scale) -> Findings:
    true, random = (
        {width: results.values(_name(width, labels), scale.seeds) for width in WIDTHS} for labels in (False, True)
    )
    descent = results.values("sgd-seed{seed}", scale.seeds)
    claims = [
        Claim(
            "interpolates",
            "A kernel model without regulariser fits true and random labels alike.",
            SOURCE,
            "least training accuracy over bandwidths and both kinds of labels",
            at_least(1.0, exact=True),
            "MNIST: no training error",
            tuple(
                float(min(column))
                for column in zip(
                    *(_values(of, "train") for both in (true, random) for of in both.values()), strict=False
                )
            ),
        ),
        *(
            Claim(
                f"norm-{width:g}",
                f"Random labels need a function of larger norm (bandwidth {width:g}).",
                SOURCE,
                "norm in the kernel's space with random labels less that with true labels",
                at_least(0.0),
                "no such comparison; norms 220 (raw) and 390 (wavelets) although error halves",
                _differences(_values(random[width], "norm"), _values(true[width], "norm")),
            )
            for width in WIDTHS[:2]
        ),
        Claim(
            "generalises-only-with-true-labels",
            "Both interpolate, but only with true labels do they generalise.",
            SOURCE,
            "test accuracy with true labels less that with random labels, bandwidth 1",
            at_least(0.8),
            "MNIST 1.2 % test error by interpolation",
            _differences(_values(true[1.0], "test"), _values(random[1.0], "test")),
            f"Test accuracy with true labels: {cell(_values(true[1.0], 'test'))}.",
        ),
        Claim(
            "least-norm",
            "Stochastic gradient descent from zero ends at the interpolating solution of least norm.",
            SOURCE + ", X^T (X X^T)^-1 y",
            "distance to the pseudo-inverse's solution, relative to its norm",
            at_most(1e-6, exact=True),
            "an identity: none",
            _values(descent, "difference"),
        ),
    ]
    return Findings(claims, [_figure(true, random), _table(true, random)], _notes())


def _figure(true: dict[float, list[dict[str, Any]]], random: dict[float, list[dict[str, Any]]]) -> BarChart:
    bars = []
    for name, of in (("true labels", true), ("random labels", random)):
        rows = [_values(of[width], "norm") for width in WIDTHS]
        means = [float(np.mean(row)) if row else float("nan") for row in rows]
        sds = [float(np.std(row, ddof=1)) if len(row) > 1 else 0.0 for row in rows]
        low, high = ([mean + sign * sd for mean, sd in zip(means, sds, strict=True)] for sign in (-1, 1))
        bars.append(Bars(name, means, low, high, "clean" if of is true else "noisy"))
    told = "; ".join(
        f"{width:g}: {cell(_values(true[width], 'norm'), 1)} and {cell(_values(random[width], 'norm'), 1)}"
        for width in WIDTHS
    )
    return BarChart(
        "norms",
        "What norm does it take to fit the labels?",
        "Norm does not predict error across representations; random labels are not compared.",
        f"Norm with true and with random labels, by bandwidth: {told}.",
        "norm in the kernel's space",
        [f"bandwidth {width:g}" for width in WIDTHS],
        bars,
    )


def _table(true: dict[float, list[dict[str, Any]]], random: dict[float, list[dict[str, Any]]]) -> Table:
    rows = [
        [f"{width:g}", name, *(cell(_values(of[width], key)) for key in ("train", "test", "norm"))]
        for width in WIDTHS
        for name, of in (("true", true), ("random", random))
    ]
    header = ["bandwidth", "labels", "training accuracy", "test accuracy", "norm"]
    return Table("numbers", "The numbers", "MNIST: 1.2 % test error.", "Mean ± sd over the seeds.", header, rows)


def _values(rows: Sequence[dict[str, Any]], key: str) -> tuple[float, ...]:
    return tuple(float(row[key]) for row in rows)


def _differences(ones: Sequence[float], others: Sequence[float]) -> tuple[float, ...]:
    return tuple(one - other for one, other in zip(ones, others, strict=False))


def _notes() -> list[str]:
    return [
        "K = exp(-bandwidth ||x - x'||^2) on pixels in [0, 1]; K c = Y is solved for one-hot Y.",
        "Of a linear model the loss's second derivative does not depend on the weights: flatness cannot choose "
        "between interpolating solutions, least norm does.",
    ]


STUDY = Study(
    name="linear",
    title="Linear models interpolate, too",
    question="Is fitting random labels a matter of deep networks, and what chooses the solution?",
    source="Zhang et al., ICLR 2017, section 5, https://arxiv.org/abs/1611.03530",
    effect="Kernel interpolation without regulariser generalises; gradient descent finds the solution of least norm.",
    points=_points,
    find=_find,
)
