"""Arpit et al. 2017, section 3.1: after one epoch, real examples are easy or hard; random ones are all alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes.studies.chart import Chart, Line, LineChart, Swatch, Table, band, cell
from probes.studies.claim import Claim, Rule, above, at_least, below
from probes.studies.point import Computation
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY", "overdispersion", "wrong_after_one_epoch"]

SOURCE = "Arpit et al. 2017, section 3.1 and figure 1"
LR, BATCH, WIDTH, DEPTH = 0.01, 64, 512, 2
RUNS = 100  # for which overdispersion is told, however many there are
EASY = 0.05  # at most this share of the runs is wrong
SHOWN = 200  # points of a curve
DATA: dict[str, Mapping[str, float]] = {
    "real": {"uniform_all": 0.0},
    "randX": {"gaussian": 1.0},
    "randY": {"uniform_all": 1.0},
}
SWATCHES: dict[str, Swatch] = {"real": "clean", "randX": "1", "randY": "noisy"}
LABELS = {"real": "real data", "randX": "random inputs (randX)", "randY": "random labels (randY)"}
NO_NUMBER = "shown as curves; no number published"


def overdispersion(wrong: np.ndarray, runs: int) -> float:
    """Variance over examples of the share of runs that are wrong, over that of a binomial of their mean share.

    1 where every run is as likely to be wrong on one example as on another; it grows with the number of runs where they
    are not: D = 1 + (runs - 1) * rho, with rho the correlation of two runs' errors on one example.

    Args:
        wrong: int, (N,); runs that misclassify each example.
        runs: of all.

    Returns:
        NaN where all runs are right, or all wrong.
    """
    share = np.asarray(wrong, dtype=float) / runs
    mean = share.mean()
    expected = mean * (1 - mean) / runs
    return float(share.var(ddof=1) / expected) if expected > 0 else float("nan")


def wrong_after_one_epoch(
    dataset: str, subset: int | None, shares: Mapping[str, float], seed: int, runs: int
) -> dict[str, Any]:
    """Train `runs` networks for one epoch, alike but for initial weights and order, and count their errors.

    Args:
        dataset: a name of `probe list datasets`, or one's own data.
        subset: training examples to keep; None keeps all.
        shares: share of each kind of noise.
        seed: of the split and the noise; the networks have seeds of their own.
        runs: R.

    Returns:
        `runs`: R. `wrong`: int, (N,); runs whose prediction is not the given label. `as_true`: share of all predictions
        that equal the true label.
    """
    from probes.studies.noisy_data import flat_inputs, noisy_data
    from probes.training.ensemble import train_ensemble
    from probes.training.setup import using_threads

    data = noisy_data(dataset, subset, shares, seed)
    train = data.train
    inputs = flat_inputs(train.inputs)
    with using_threads(1):
        models = train_ensemble(
            inputs,
            train.given_labels,
            seeds=[seed * 100_000 + run for run in range(runs)],
            num_classes=len(data.classes),
            epochs=1,
            width=WIDTH,
            depth=DEPTH,
            lr=LR,
            batch_size=BATCH,
        )
        predicted = models.logits(inputs).argmax(2)
    true = train.given_labels if train.true_labels is None else train.true_labels
    return {
        "runs": runs,
        "wrong": (predicted != train.given_labels).sum(0).tolist(),
        "as_true": float((predicted == true).double().mean()),
    }


def _runs(scale: Scale) -> int:
    return scale.pick(100, 40)


def _points(scale: Scale) -> list[Computation]:
    return [
        Computation(
            f"{data}-seed{seed}",
            wrong_after_one_epoch,
            {"dataset": scale.dataset, "subset": scale.subset, "shares": shares, "seed": seed, "runs": _runs(scale)},
        )
        for seed in scale.seeds
        for data, shares in DATA.items()
    ]


@dataclass(frozen=True)
class _Errors:
    """Of one kind of data at one seed."""

    wrong: np.ndarray
    runs: int
    as_true: float

    @property
    def share(self) -> np.ndarray:
        return self.wrong / self.runs

    @property
    def correlation(self) -> float:
        """Of two runs' errors on one example."""
        return (overdispersion(self.wrong, self.runs) - 1) / (self.runs - 1)

    @property
    def dispersion(self) -> float:
        """Overdispersion over RUNS runs: over other numbers of runs it is another, with the same correlation."""
        return 1 + (RUNS - 1) * self.correlation

    @property
    def easy(self) -> float:
        return float((self.share <= EASY).mean())


def _find(results: Results, scale: Scale) -> Findings:
    rows = {data: results.per_seed(data + "-seed{seed}", scale.seeds, _errors, None) for data in DATA}
    found = {data: [errors for errors in of if errors is not None] for data, of in rows.items()}
    charts: list[Chart] = [_table(found)]
    if all(found.values()):
        charts.insert(0, _curves(found))
    return Findings(_claims(rows), charts, _notes(_runs(scale)))


def _errors(value: dict[str, Any]) -> _Errors:
    return _Errors(np.array(value["wrong"]), value["runs"], value["as_true"])


def _claims(found: Mapping[str, Sequence[_Errors | None]]) -> list[Claim]:
    def claim(id: str, statement: str, quantity: str, rule: Rule, values: Sequence[float], seen: str = "") -> Claim:
        return Claim(id, statement, SOURCE, quantity, rule, NO_NUMBER, tuple(values), seen)

    def read(data: str, name: str) -> np.ndarray:
        return np.array([math.nan if errors is None else getattr(errors, name) for errors in found[data]])

    spread, easy = ({data: read(data, name) for data in DATA} for name in ("dispersion", "easy"))
    agreement = cell(read("randY", "as_true").tolist())
    told = ", ".join(f"{LABELS[data]} {cell(values.tolist(), 1)}" for data, values in spread.items())
    return [
        claim(
            "real-spread",
            "After one epoch, real examples differ widely in how often they are right: in variance more than ten times "
            "as much as chance alone makes them.",
            f"overdispersion over {RUNS} runs, real data (1: all examples alike)",
            above(10.0),
            spread["real"].tolist(),
        ),
        claim(
            "random-inputs-alike",
            "With random inputs, examples differ little in how often they are right: in variance less than eight times "
            "as much as chance alone makes them.",
            f"overdispersion over {RUNS} runs, random inputs (1: all examples alike)",
            below(8.0),
            spread["randX"].tolist(),
            f"The errors of two runs correlate by {cell(read('randX', 'correlation').tolist())}."
            + _ends(found["randX"]),
        ),
        claim(
            "easy-examples",
            "The share of examples that nearly every run gets right is larger by at least 30 points on real data than "
            "on random inputs or with random labels.",
            "share of examples that at most 5 % of the runs get wrong: real data less the larger of the random ones",
            at_least(0.3),
            (easy["real"] - np.maximum(easy["randX"], easy["randY"])).tolist(),
        ),
        claim(
            "random-labels-between",
            "With random labels, examples differ less than real ones do and more than random inputs do.",
            "overdispersion of random labels: the smaller of its distances to the other two, negative outside them",
            above(0.0),
            np.minimum(spread["real"] - spread["randY"], spread["randY"] - spread["randX"]).tolist(),
            f"Overdispersion: {told}. The paper explains it by patterns that inputs share; that is not tested here. "
            f"Networks trained on random labels predict the true one at a rate of {agreement}: labels drawn without "
            "regard to the class teach nothing of it, so that it is not true classes that set examples apart.",
        ),
    ]


def _curves(found: Mapping[str, Sequence[_Errors]]) -> LineChart:
    count = min(len(errors.wrong) for group in found.values() for errors in group)
    places = np.unique(np.linspace(0, count - 1, SHOWN).round().astype(int))
    x = ((places + 0.5) / count).tolist()
    lines = [
        band(LABELS[data], x, [np.sort(errors.share)[places] for errors in found[data]], swatch=SWATCHES[data])
        for data in DATA
    ]
    lines.append(Line("binomial, as random inputs", x, _binomial(found["randX"], x), swatch="other", dashed=True))
    words = ", ".join(f"{cell([errors.easy for errors in group])} of {LABELS[data]}" for data, group in found.items())
    return LineChart(
        "curves",
        "Which examples are right after one epoch?",
        "Real data rise from examples that are always right to some that are always wrong; random inputs follow the "
        "binomial, random labels lie between.",
        f"At most 5 % of the runs are wrong on a share of {words}; mean and one sd over {len(found['real'])} "
        f"repetitions of {found['real'][0].runs} runs.",
        "share of examples, easiest first",
        "runs that misclassify the example",
        lines,
        percent_x=True,
        percent_y=True,
    )


def _ends(random_inputs: Sequence[_Errors | None]) -> str:
    """From where to where the curve of random inputs runs in the figure, and the binomial beside it."""
    known = [errors for errors in random_inputs if errors is not None]
    if not known:
        return ""
    count = min(len(errors.wrong) for errors in known)
    drawn = np.mean([np.sort(errors.share)[[0, count - 1]] for errors in known], axis=0)
    chance = _binomial(known, [0.5 / count, 1 - 0.5 / count])
    return (
        f" From the easiest example to the hardest {drawn[0]:.0%} to {drawn[1]:.0%} of the runs are wrong; were all "
        f"examples alike, {chance[0]:.0%} to {chance[1]:.0%} would be."
    )


def _binomial(random_inputs: Sequence[_Errors], quantiles: Sequence[float]) -> list[float]:
    """Sorted shares, were every example wrong in a run with the mean probability."""
    from scipy.stats import binom

    runs = random_inputs[0].runs
    mean = float(np.mean([errors.share.mean() for errors in random_inputs]))
    return (binom.ppf(quantiles, runs, mean) / runs).tolist()


def _table(found: Mapping[str, Sequence[_Errors]]) -> Table:
    rows = [
        [
            LABELS[data],
            cell([errors.dispersion for errors in group], 1),
            cell([errors.correlation for errors in group]),
            cell([float(errors.share.mean()) for errors in group]),
            cell([errors.easy for errors in group]),
            cell([float((errors.share >= 1 - EASY).mean()) for errors in group]),
            cell([errors.as_true for errors in group]),
        ]
        for data, group in found.items()
    ]
    header = [
        "data",
        "overdispersion",
        "correlation of two runs",
        "mean error",
        "at most 5 % of runs wrong",
        "at least 95 % wrong",
        "predicted as the true label",
    ]
    return Table("numbers", "The numbers", "No table in the paper.", "Mean ± sd over repetitions.", header, rows)


def _notes(runs: int) -> list[str]:
    return [
        f"A 2x512 perceptron, one epoch, lr {LR}, batches of {BATCH}, momentum 0.9; the paper's is 2x4096 on MNIST. "
        "Repetitions differ in split, noise and all networks.",
        "Overdispersion D grows with the number of runs; the correlation of two runs' errors on one example, "
        f"(D - 1) / (runs - 1), does not. D is worked out from that correlation for {RUNS} runs, the paper's number; "
        f"here there are {runs}.",
        "The dashed curve is the quantiles of the binomial; the paper draws 1,000 times from it.",
        "An example is wrong where the prediction is not its given label, which for random labels is not the true one.",
    ]


STUDY = Study(
    name="first-epoch",
    title="Easy examples after one epoch",
    question="Are some examples easy for every network, and is that so without structure in the data?",
    source="Arpit et al., ICML 2017, section 3.1, https://arxiv.org/abs/1706.05394",
    effect="Real examples differ widely in how often they are right after one epoch; random inputs hardly differ.",
    points=_points,
    find=_find,
)
