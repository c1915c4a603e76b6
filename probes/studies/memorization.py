"""Feldman and Zhang 2020: which training examples are memorized, and which test examples they carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from probes.data import Dataset
from probes.runs.run import Run
from probes.scores.detection import auroc
from probes.scores.subset_influence import Difference, influence_by_subsets, memorization_by_subsets
from probes.studies.chart import BarChart, Bars, Chart, Line, LineChart, Mark, Table, cell
from probes.studies.claim import Claim, Rule, at_least, at_most
from probes.studies.noisy_data import noisy_data
from probes.studies.point import Computation, Training
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study
from probes.studies.subset_models import INSIDE, SubsetAnswers, train_on_subsets
from probes.training import TrainConfig

__all__ = ["STUDY", "Measured"]

SOURCE = "Feldman and Zhang 2020, sections 2 and 3"
NOISE, EPOCHS = 0.4, 100
MEMORIZED, INFLUENTIAL = 0.25, 0.15  # the paper's thresholds
FEWEST_RUNS = 5
NO_NUMBER = "no number published for labels made wrong"
SCORES = {
    "mean_loss": "mean loss",
    "aum": "AUM",
    "forgetting_events": "forgetting events",
    "learned_epoch": "learned epoch",
    "confidence": "confidence",
}


def _models(scale: Scale) -> dict[int, int]:
    """By seed: the first gives the number of the paper's kind of size, the others tell how much that varies."""
    return {seed: scale.pick(256 if place else 1024, 64) for place, seed in enumerate(scale.seeds)}


def _blocks(scale: Scale, seed: int) -> dict[str, int]:
    """Names of a seed's computations, and the number of the first model of each."""
    return {f"seed{seed}-models{first:04d}": first for first in range(0, _models(scale)[seed], _block(scale))}


def _block(scale: Scale) -> int:
    return scale.pick(64, 32)


def _points(scale: Scale) -> list[Computation | Training]:
    shared = {"dataset": scale.dataset, "subset": scale.subset, "noise": NOISE, "epochs": EPOCHS}
    blocks = [
        Computation(name, train_on_subsets, {**shared, "seed": seed, "first": first, "models": _block(scale)})
        for seed in scale.seeds
        for name, first in _blocks(scale, seed).items()
    ]
    return [*blocks, *(Training(f"run-seed{seed}", _one_run(scale, seed)) for seed in scale.seeds)]


def _one_run(scale: Scale, seed: int) -> TrainConfig:
    """A single network of this shape on all of the same data, whose trajectories give the other scores."""
    return scale.config(noise=NOISE, width=256, depth=1, epochs=scale.pick(60, 30), seed=seed, split_seed=seed)


class Measured:
    """Memorization and influence at one seed.

    Args:
        seed: of split, noise and subsets.
        answers: of the models.
        data: that they were trained on.
        run: of one network on all of it; None where it is not there.
    """

    def __init__(self, seed: int, answers: SubsetAnswers, data: Dataset, run: Run | None) -> None:
        self.seed, self.answers, self.data, self.run = seed, answers, data, run
        noisy = data.noisy
        self.noisy = np.zeros(len(data.train), dtype=bool) if noisy is None else noisy
        self.memorization = memorization_by_subsets(answers.inside, answers.train)

    @property
    def value(self) -> np.ndarray:
        """Memorization of each example."""
        return self.memorization.value

    @cached_property
    def influence(self) -> Difference:
        """Of each training example on each test example."""
        return influence_by_subsets(self.answers.inside, self.answers.test)

    @cached_property
    def chance(self) -> np.ndarray:
        """The same with each model's answers taken from the next one: what chance alone makes of no influence."""
        return influence_by_subsets(self.answers.inside, np.roll(self.answers.test, 1, axis=0)).value

    @property
    def memorized(self) -> np.ndarray:
        """bool, (N,)."""
        return self.value >= MEMORIZED

    def pairs(self, influence: np.ndarray, threshold: float = INFLUENTIAL) -> int:
        """Pairs of a memorized training example and a test example with at least this influence."""
        return int((influence[self.memorized] >= threshold).sum())

    @property
    def gap(self) -> float:
        return float(self.value[self.noisy].mean() - self.value[~self.noisy].mean())

    @property
    def fewest(self) -> int:
        """Runs inside or outside of the example that has the fewest."""
        return int(min(self.memorization.inside.min(), self.memorization.outside.min()))

    @property
    def outside_error(self) -> np.ndarray:
        """Share of the models trained without an example that do not predict its given label."""
        without = ~self.answers.inside
        share: np.ndarray = 1 - (without & self.answers.train).sum(0) / np.maximum(without.sum(0), 1)
        return share


def _find(results: Results, scale: Scale) -> Findings:
    found = []
    for seed in scale.seeds:
        parts = [value for value in map(results.value, _blocks(scale, seed)) if value is not None]
        if parts:
            data = noisy_data(scale.dataset, scale.subset, {"uniform_all": NOISE}, seed)
            run = results.run(f"run-seed{seed}")
            found.append(Measured(seed, SubsetAnswers.from_dicts(parts), data, run))
    charts: list[Chart] = []
    if found:
        charts = [_histogram(found), _pairs_chart(found[0]), _table(found), _score_table(found)]
    return Findings(_claims(found), charts, _notes(found))


def _claims(found: Sequence[Measured]) -> list[Claim]:
    def claim(
        id: str,
        statement: str,
        quantity: str,
        rule: Rule,
        values: Sequence[float],
        seen: str = "",
        published: str = NO_NUMBER,
    ) -> Claim:
        return Claim(id, statement, SOURCE, quantity, rule, published, tuple(values), seen)

    clean, noisy = ([one.value[one.noisy == is_noisy] for one in found] for is_noisy in (False, True))
    error = cell([float(np.nanmean(one.memorization.error)) for one in found])
    return [
        claim(
            "noisy-memorized-more",
            "Examples with a wrong label are memorized far more than those with the right one.",
            "mean memorization of noisy examples less that of clean ones",
            at_least(0.5),
            [one.gap for one in found],
            f"Noisy {cell([float(values.mean()) for values in noisy])}, "
            f"clean {cell([float(values.mean()) for values in clean])}; "
            f"the standard error of one example's value is {error} on average.",
        ),
        claim(
            "wrong-labels-memorized",
            "A wrong label can only be known by having seen it.",
            f"share of noisy examples with memorization of at least {MEMORIZED}",
            at_least(0.9),
            [float(one.memorized[one.noisy].mean()) for one in found],
            f"Of the clean examples it is {cell([float(one.memorized[~one.noisy].mean()) for one in found])}.",
        ),
        claim(
            "influential-pairs",
            "Some memorized training examples carry particular test examples.",
            f"pairs of memorization >= {MEMORIZED} and influence >= {INFLUENTIAL}, less those that chance alone gives",
            at_least(1.0),
            [float(one.pairs(one.influence.value) - one.pairs(one.chance)) for one in found],
            _pairs_words(found),
            "35 pairs on MNIST, 1,015 on CIFAR-100, 1,641 on ImageNet, clean labels (a transcription of the paper)",
        ),
        claim(
            "models-interpolate",
            "The models fit the subset that they were trained on: before that, nothing is memorized.",
            "mean accuracy of the models on their own subsets, given labels",
            at_least(0.999, exact=True),
            [float(one.answers.fitted.mean()) for one in found],
            f"The worst model has {min((one.answers.fitted.min() for one in found), default=float('nan')):.4f}.",
        ),
        claim(
            "enough-runs",
            f"Every example is in at least {FEWEST_RUNS} of the subsets and outside of as many.",
            "runs inside or outside of the example that has the fewest",
            at_least(FEWEST_RUNS, exact=True),
            [float(one.fewest) for one in found],
        ),
        claim(
            "within-bounds",
            "Memorization is a difference of two shares.",
            "largest absolute memorization",
            at_most(1.0, exact=True),
            [float(np.abs(one.value).max()) for one in found],
        ),
    ]


def _pairs_words(found: Sequence[Measured]) -> str:
    words = (
        f"{one.pairs(one.influence.value):,} of {len(one.answers):,} models at seed {one.seed} "
        f"({one.pairs(one.chance):,} by chance)"
        for one in found
    )
    return f"Pairs: {', '.join(words)}. With fewer models chance gives more."


def _histogram(found: Sequence[Measured]) -> BarChart:
    edges = np.linspace(0, 1, 11)
    names = ["below 0", *(f"{low:.1f}–{low + 0.1:.1f}" for low in edges[:-1])]

    def shares(one: Measured, is_noisy: bool) -> np.ndarray:
        values = one.value[one.noisy == is_noisy]
        counts = np.histogram(values, bins=[-np.inf, *edges[:-1], np.inf])[0]
        return np.asarray(counts / max(len(values), 1))

    bars = []
    for name, is_noisy in (("clean", False), ("noisy", True)):
        table = np.stack([shares(one, is_noisy) for one in found])
        mean, sd = table.mean(0), table.std(0, ddof=1) if len(table) > 1 else np.zeros(table.shape[1])
        bars.append(Bars(name, mean, np.maximum(mean - sd, 0), mean + sd, "noisy" if is_noisy else "clean"))
    clean = [float(one.value[~one.noisy].mean()) for one in found]
    noisy = [float(one.value[one.noisy].mean()) for one in found]
    return BarChart(
        "histogram",
        "How much are examples memorized?",
        "Most examples are hardly memorized; a long tail is, up to 1. On ImageNet about 32 % reach 0.3.",
        f"Mean memorization {cell(clean, 2)} of clean and {cell(noisy, 2)} of noisy examples; mean and one sd over "
        f"{len(found)} repetitions.",
        "share of the group",
        names,
        bars,
        percent_y=True,
    )


def _pairs_chart(one: Measured) -> LineChart:
    thresholds = np.round(np.arange(0.05, 0.61, 0.025), 3)

    def counts(influence: np.ndarray) -> list[float]:
        found = (one.pairs(influence, threshold) for threshold in thresholds.tolist())
        return [float(count) if count else float("nan") for count in found]

    return LineChart(
        "pairs",
        "How many test examples does a memorized training example carry?",
        "Few pairs have a high influence, and they look alike: a rare training example and its like in the test set.",
        f"At {INFLUENTIAL} there are {one.pairs(one.influence.value):,} pairs, {one.pairs(one.chance):,} where every "
        f"model is given another's answers; {len(one.answers):,} models, seed {one.seed}.",
        "influence of at least",
        f"pairs with memorization of at least {MEMORIZED}",
        [
            Line("measured", thresholds.tolist(), counts(one.influence.value), swatch="1"),
            Line("by chance", thresholds.tolist(), counts(one.chance), swatch="other", dashed=True),
        ],
        [Mark("x", INFLUENTIAL, "the paper's threshold")],
        log_y=True,
    )


def _table(found: Sequence[Measured]) -> Table:
    rows = [
        [
            str(one.seed),
            f"{len(one.answers):,}",
            f"{one.value[~one.noisy].mean():.3f}",
            f"{one.value[one.noisy].mean():.3f}",
            f"{np.nanmean(one.memorization.error):.3f}",
            f"{one.memorized[~one.noisy].mean():.3f}",
            f"{one.memorized[one.noisy].mean():.3f}",
            f"{one.pairs(one.influence.value):,} ({one.pairs(one.chance):,})",
            f"{one.pairs(-one.influence.value):,}",
            f"{one.answers.test.mean():.3f}",
        ]
        for one in found
    ]
    header = [
        "seed",
        "models",
        "clean",
        "noisy",
        "standard error",
        f"clean ≥ {MEMORIZED}",
        f"noisy ≥ {MEMORIZED}",
        f"pairs ≥ {INFLUENTIAL} (by chance)",
        f"pairs ≤ -{INFLUENTIAL}",
        "test accuracy",
    ]
    ours = "One row per seed. In pairs of negative influence a memorized training example spoils a test example."
    return Table("numbers", "The numbers", "MNIST: 35 pairs from 4,000 models, clean labels.", ours, header, rows)


def _score_table(found: Sequence[Measured]) -> Table:
    """How well memorization, and cheaper scores, tell noisy examples from clean ones; and how alike they rank."""
    columns: dict[str, list[tuple[float, float]]] = {}
    for one in found:
        for name, values in _scores(one).items():
            area = auroc(values, one.noisy)
            columns.setdefault(name, []).append((np.nan if area is None else area, _spearman(values, one.value)))
    rows = [
        [name, cell([area for area, _ in pairs]), cell([alike for _, alike in pairs])]
        for name, pairs in columns.items()
    ]
    return Table(
        "scores",
        "Do cheaper scores say the same?",
        "No such table in the paper.",
        "The scores of one run of a 64-256-10 network on all examples, each turned so that high is suspicious; mean ± "
        "sd over seeds.",
        ["score", "AUROC for noisy", "rank correlation with memorization"],
        rows,
    )


def _scores(one: Measured) -> Mapping[str, np.ndarray]:
    """High is suspicious."""
    result = {"memorization": one.value, "wrong without having seen it": one.outside_error}
    if one.run is not None:
        from probes.scores.catalogue import CATALOGUE
        from probes.scores.detection import ranking_values

        table = one.run.scores([*SCORES, "never_learned"])
        never = table["never_learned"].to_numpy(dtype=int, na_value=-1)
        for name, label in SCORES.items():
            values = table[name].to_numpy(dtype=float, na_value=np.nan)
            direction = CATALOGUE[name].direction or "high"
            result[f"{label}, one run"] = ranking_values(
                name, values, direction, never_learned=never, last_epoch=one.run.num_epochs
            )
    return result


def _spearman(values: np.ndarray, others: np.ndarray) -> float:
    from scipy.stats import spearmanr

    known = np.isfinite(values) & np.isfinite(others)
    return float(spearmanr(values[known], others[known]).statistic)


def _notes(found: Sequence[Measured]) -> list[str]:
    models = " / ".join(f"{len(one.answers):,}" for one in found)
    return [
        f"Networks 64-256-10 on random {INSIDE:.0%} of the training set, {EPOCHS} epochs, lr 0.05, batches of 64, "
        f"momentum 0.9, {NOISE:.0%} of the labels redrawn; {models} models by seed. The paper trains 4,000 for MNIST.",
        "A value per seed; a seed decides split, noise and subsets. Standard error of one example: "
        "sqrt(v_in / n_in + v_out / n_out), from the variances of right and wrong inside and outside.",
        "With noise the clean examples' values are not those of clean data: networks that learn wrong labels by heart "
        "also lose what they would have known.",
        "Influence is noisy: by chance alone some pairs pass the threshold, the more the fewer models there are. "
        "Chance is measured by giving every model the answers of another.",
    ]


STUDY = Study(
    name="memorization",
    title="Memorization and influence by subsets",
    question="Which examples can be known only by having seen them, and which test examples do they carry?",
    source="Feldman and Zhang, NeurIPS 2020, https://arxiv.org/abs/2008.03703",
    effect="Rare and wrongly labelled examples are memorized, and some of them carry test examples that are like them.",
    points=_points,
    find=_find,
)
