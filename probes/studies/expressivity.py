"""Zhang et al. 2017, theorem 1: 2n + d weights realise any labelling of n points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from probes.studies.chart import LineChart, Table, spread
from probes.studies.claim import Claim, below, exactly
from probes.studies.data import load_arrays
from probes.studies.point import Computation
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY", "construct", "evaluate"]

SOURCE = "Zhang et al. 2017, theorem 1 and appendix C"
TOLERANCE = 1e-5
GAUSSIAN = (500, 20)  # points and dimensions
LARGEST = 5000  # examples that a triangular system is solved for


def construct(inputs: np.ndarray, targets: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two-layer network of the theorem: c(x) = sum_j w_j max(<a, x> - b_j, 0).

    Points are sorted by their projection s on a random direction a; biases b_1 < s_1 < b_2 < s_2 < ... lie between
    them, so that the matrix max(s_i - b_j, 0) is lower triangular with a positive diagonal, and w solves it.

    Args:
        inputs: float64, (n, d); distinct rows.
        targets: float64, (n,); what c shall be there.
        seed: of the direction.

    Returns:
        a (d,), b (n,), w (n,), float64.

    Raises:
        ValueError: two rows are alike, so that no function can tell them apart.
    """
    from scipy.linalg import solve_triangular

    direction = np.random.default_rng(seed).standard_normal((inputs.shape[1],))
    projected = inputs @ direction
    order = np.argsort(projected)
    points = projected[order]
    if (np.diff(points) <= 0).any():
        raise ValueError("two inputs are alike: no function tells them apart. Leave one out.")
    biases = np.concatenate([[points[0] - 1], (points[:-1] + points[1:]) / 2])
    matrix = np.maximum(points[:, None] - biases[None], 0)
    return direction, biases, solve_triangular(matrix, targets[order], lower=True)


def evaluate(network: tuple[np.ndarray, np.ndarray, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """The network's values at inputs (n, d), in the precision of its weights."""
    direction, biases, weights = network
    return np.maximum((inputs.astype(direction.dtype) @ direction)[:, None] - biases[None], 0) @ weights


def realise(data: str, subset: int | None, seed: int) -> dict[str, Any]:
    """Construct the network for random labels of some points, and see how well it realises them."""
    inputs = _points_of(data, subset, seed)
    targets = np.random.default_rng([seed, 1]).integers(0, 10, len(inputs)).astype(float)
    network = construct(inputs, targets, seed)
    single = tuple(part.astype(np.float32) for part in network)
    gaps = np.diff(np.sort(inputs @ network[0]))
    return {
        "points": len(inputs),
        "dimensions": inputs.shape[1],
        "weights": sum(part.size for part in network),
        "error": float(np.abs(evaluate(network, inputs) - targets).max()),
        "error_float32": float(np.abs(evaluate((single[0], single[1], single[2]), inputs) - targets).max()),
        "largest_weight": float(np.abs(network[2]).max()),
        "least_gap": float(gaps.min()),
    }


def _points_of(data: str, subset: int | None, seed: int) -> np.ndarray:
    """Distinct inputs: Gaussian ones, or the training examples of a data set, each once."""
    if data == "gaussian":
        return np.random.default_rng([seed, 0]).standard_normal(GAUSSIAN)
    return np.unique(load_arrays(data, subset, split_seed=seed, most=LARGEST).train, axis=0)


def _data(scale: Scale) -> dict[str, str]:
    return {
        "gaussian": f"{GAUSSIAN[0]} Gaussian points in {GAUSSIAN[1]} dimensions",
        scale.dataset: "training examples",
    }


def _points(scale: Scale) -> list[Computation]:
    return [
        Computation(f"{place}-seed{seed}", realise, {"data": data, "subset": scale.subset, "seed": seed})
        for seed in scale.seeds
        for place, data in enumerate(_data(scale))
    ]


def _find(results: Results, scale: Scale) -> Findings:
    found = {data: results.values(f"{place}-seed{{seed}}", scale.seeds) for place, data in enumerate(_data(scale))}
    claims = []
    for data in found:
        tag = "gaussian" if data == "gaussian" else "data"
        on = _data(scale)[data] if data == "gaussian" else f"the training examples of {data}"
        name = f"{list(found).index(data)}-seed{{seed}}"
        error, excess = (results.per_seed(name, scale.seeds, read, math.nan) for read in (_error, _excess))
        claims += [
            Claim(
                f"exact-{tag}",
                f"A two-layer network built as in the proof realises random labels on {on}.",
                SOURCE,
                "largest difference between the network's value and the label, in float64",
                below(TOLERANCE, exact=True),
                "a theorem: none",
                tuple(error),
                f"At most {max(known):.1e}." if (known := [one for one in error if math.isfinite(one)]) else "",
            ),
            Claim(
                f"weights-{tag}",
                f"The two-layer network built as in the proof has 2n + d weights, on {on}.",
                SOURCE,
                "number of weights less 2n + d",
                exactly(0),
                "2n + d",
                tuple(excess),
            ),
        ]
    return Findings(claims, [_figure(found), _table(found)], _notes())


def _error(row: dict[str, Any]) -> float:
    return float(row["error"])


def _excess(row: dict[str, Any]) -> float:
    """Weights beyond 2n + d."""
    return float(row["weights"] - (2 * row["points"] + row["dimensions"]))


def _figure(found: dict[str, list[dict[str, Any]]]) -> LineChart:
    known = [rows for rows in found.values() if rows]
    at = [rows[0]["points"] for rows in known]
    lines = [
        spread("float64", at, [[row["error"] for row in rows] for rows in known], swatch="clean"),
        spread("float32", at, [[row["error_float32"] for row in rows] for rows in known], swatch="noisy", dashed=True),
    ]
    worst = max((row["error"] for rows in found.values() for row in rows), default=float("nan"))
    single = min((row["error_float32"] for rows in found.values() for row in rows), default=float("nan"))
    return LineChart(
        "error",
        "How exact is it on a computer?",
        "A theorem about real numbers: no error at all.",
        f"At most {worst:.1e} in float64; in float32 at least {single:.1e}, which is no realisation.",
        "points",
        "largest error",
        lines,
        log_x=True,
        log_y=True,
    )


def _table(found: dict[str, list[dict[str, Any]]]) -> Table:
    rows = [
        [
            data,
            row["points"],
            row["dimensions"],
            row["weights"],
            f"{row['error']:.1e}",
            f"{row['largest_weight']:.1e}",
            f"{row['least_gap']:.1e}",
        ]
        for data, of in found.items()
        for row in of
    ]
    header = ["data", "n", "d", "weights", "largest error", "largest weight", "least gap"]
    return Table("numbers", "The numbers", "2n + d weights.", "One row per seed.", header, rows)


def _notes() -> list[str]:
    return [
        "Inputs that occur twice are left out once: no function gives them two labels.",
        "The error grows as the least gap between projected points shrinks; float32 is not enough.",
        "That a network can realise any labelling says nothing of whether training finds it: see randomization.",
    ]


STUDY = Study(
    name="expressivity",
    title="2n + d weights realise any labels",
    question="How large must a network be to memorize n examples?",
    source="Zhang et al., ICLR 2017, theorem 1, https://arxiv.org/abs/1611.03530",
    effect="A two-layer ReLU network with 2n + d weights can represent any labelling of n points in d dimensions.",
    points=_points,
    find=_find,
)
