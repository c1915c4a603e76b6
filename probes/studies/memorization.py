"""Feldman and Zhang 2020: which training examples are memorized, and which test examples they carry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from probes.studies.chart import Chart, cell
from probes.studies.claim import Claim, Rule, above, at_least, at_most
from probes.studies.measured_memorization import INFLUENTIAL, MEMORIZED, Measured
from probes.studies.memorization_charts import memorization_charts
from probes.studies.noisy_data import noisy_data
from probes.studies.point import Computation, Training
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study
from probes.studies.subset_models import INSIDE, WIDTH, SubsetAnswers, train_on_subsets
from probes.training import TrainConfig

__all__ = ["STUDY"]

SOURCE = "Feldman and Zhang 2020, sections 2 and 3"
NOISE, EPOCHS = 0.4, 100
FEWEST_RUNS = 5
OWN_CHECK = "none: a check of ours"
NO_NUMBER = "no number published for labels made wrong"


def _models(scale: Scale) -> dict[int, int]:
    """By seed: the first resolves single pairs, the others tell how much its values vary.

    In the full size the whole ends within four minutes on two cores; the claims that count use equally many of each.
    """
    return {seed: scale.pick(192 if place else 1024, 64) for place, seed in enumerate(scale.seeds)}


def _control(scale: Scale) -> dict[int, int]:
    """By seed: models on the labels as the data have them. Few seeds: it is drawn for comparison, and no claim."""
    return {seed: scale.pick(192, 64) for seed in scale.seeds[: scale.pick(2, 1)]}


def _blocks(scale: Scale, seed: int, noise: float) -> dict[str, int]:
    """Names of a seed's computations, and the number of the first model of each."""
    models, name = (_models(scale), "") if noise else (_control(scale), "without-noise-")
    return {f"{name}seed{seed}-models{first:04d}": first for first in range(0, models[seed], _block(scale))}


def _block(scale: Scale) -> int:
    return scale.pick(64, 32)


def _points(scale: Scale) -> list[Computation | Training]:
    shared = {"dataset": scale.dataset, "subset": scale.subset, "epochs": EPOCHS, "models": _block(scale)}
    blocks = [
        Computation(name, train_on_subsets, {**shared, "noise": noise, "seed": seed, "first": first})
        for noise, seeds in ((NOISE, _models(scale)), (0.0, _control(scale)))
        for seed in seeds
        for name, first in _blocks(scale, seed, noise).items()
    ]
    return [*blocks, *(Training(f"run-seed{seed}", _one_run(scale, seed)) for seed in scale.seeds)]


def _one_run(scale: Scale, seed: int) -> TrainConfig:
    """A single network of this shape on all of the same data, whose trajectories give the other scores."""
    return scale.config(noise=NOISE, width=WIDTH, depth=1, epochs=scale.pick(60, 30), seed=seed, split_seed=seed)


def _find(results: Results, scale: Scale) -> Findings:
    found = _measured(results, scale, NOISE, _models(scale))
    control = _measured(results, scale, 0.0, _control(scale))
    charts: list[Chart] = []
    if found:
        charts = memorization_charts(found, control)
    return Findings(_claims(found, control), charts, _notes(found, control))


def _measured(results: Results, scale: Scale, noise: float, seeds: Iterable[int]) -> list[Measured]:
    """Of the seeds that have models."""
    found = []
    for seed in seeds:
        parts = [value for value in map(results.value, _blocks(scale, seed, noise)) if value is not None]
        if parts:
            data = noisy_data(scale.dataset, scale.subset, {"uniform_all": noise}, seed)
            run = results.run(f"run-seed{seed}") if noise else None
            found.append(Measured(seed, SubsetAnswers.from_dicts(parts), data, run))
    return found


def _claims(found: Sequence[Measured], control: Sequence[Measured]) -> list[Claim]:
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
    alike = _alike(found)
    of_each = f"by {len(alike[0].answers):,} models of each seed" if alike else "by equally many models of each seed"
    errors = " / ".join(f"{np.nanmean(one.memorization.error):.3f}" for one in found)
    return [
        claim(
            "noisy-memorized-more",
            "Examples with a wrong label are memorized more than those with the right one, by over 0.3 on average.",
            "mean memorization of noisy examples less that of clean ones",
            above(0.3),
            [one.gap for one in found],
            f"Noisy {cell([float(values.mean()) for values in noisy])}, "
            f"clean {cell([float(values.mean()) for values in clean])}, "
            f"all without noise {cell([float(one.value.mean()) for one in control])}; "
            f"the standard error of one example's value is {errors} on average, by seed.",
        ),
        claim(
            "wrong-labels-memorized",
            f"At least 90 % of the wrong labels are memorized, by the paper's threshold of {MEMORIZED}.",
            f"share of noisy examples with memorization of at least {MEMORIZED}, {of_each}",
            at_least(0.9),
            [float(one.memorized[one.noisy].mean()) for one in alike],
            f"Of the clean examples it is {cell([float(one.memorized[~one.noisy].mean()) for one in alike])}.",
        ),
        claim(
            "influential-pairs",
            "Some memorized training examples carry particular test examples.",
            f"pairs of memorization >= {MEMORIZED} and influence >= {INFLUENTIAL}, less those that chance alone gives, "
            f"{of_each}",
            at_least(1.0),
            [float(one.pairs(one.influence.value) - one.pairs(one.chance.value)) for one in alike],
            _pairs_words(found, alike, control),
            "35 pairs on MNIST, 1,015 on CIFAR-100, 1,641 on ImageNet, clean labels (a transcription of the paper)",
        ),
        claim(
            "models-interpolate",
            "On average over the models they fit 99.9 % or more of the subset that they were trained on.",
            "mean accuracy of the models on their own subsets, given labels",
            at_least(0.999, exact=True),
            [float(one.answers.fitted.mean()) for one in found],
            f"The worst model has {min((one.answers.fitted.min() for one in found), default=float('nan')):.4f}.",
            OWN_CHECK,
        ),
        claim(
            "enough-runs",
            f"Every example is in at least {FEWEST_RUNS} of the subsets and outside of as many.",
            "runs inside or outside of the example that has the fewest",
            at_least(FEWEST_RUNS, exact=True),
            [float(one.fewest) for one in found],
            published=OWN_CHECK,
        ),
        claim(
            "within-bounds",
            "Memorization, a difference of two shares, is at most 1 in size.",
            "largest absolute memorization",
            at_most(1.0, exact=True),
            [float(np.abs(one.value).max()) for one in found],
            published=OWN_CHECK,
        ),
    ]


def _alike(found: Sequence[Measured]) -> list[Measured]:
    """Every seed by as many models as the one that has the fewest.

    A count beyond a threshold grows with the error of what is counted: by more models it is another quantity, and one
    mean over the seeds would say nothing of either.
    """
    fewest = min((len(one.answers) for one in found), default=0)
    return [one.by_first(fewest) for one in found]


def _pairs_words(found: Sequence[Measured], alike: Sequence[Measured], control: Sequence[Measured]) -> str:
    """First what the most models give; then by as many of each seed, and without noise, as the paper's are."""
    if not found:
        return ""
    counted = ", ".join(f"{_pairs(one)} at seed {one.seed}" for one in alike)
    number = f"{len(alike[0].answers):,}"
    words = (
        f"By {number} models: {counted}. So few models show whether there are such pairs, not how many: others pass by "
        "chance from just below the threshold."
    )
    without = ", ".join(
        f"{one.pairs(one.influence.value) - one.pairs(one.chance.value):,} at seed {one.seed}" for one in control
    )
    if without:
        words = f"{words} Without noise, as in the paper, those above chance are {without}."
    most = max(found, key=lambda one: len(one.answers))
    if len(most.answers) == len(alike[0].answers):
        return words
    few = next(one for one in alike if one.seed == most.seed)
    hold = int((few.influential & most.influential).sum())
    return (
        f"All {len(most.answers):,} models of seed {most.seed} give {_pairs(most)}: that is the count to trust. Of the "
        f"{few.influential.sum():,} pairs by its first {number} models {hold:,} hold by all of them; the others "
        f"passed a threshold by chance. {words}"
    )


def _pairs(one: Measured) -> str:
    return f"{one.pairs(one.influence.value):,} ({one.pairs(one.chance.value):,} by chance)"


def _notes(found: Sequence[Measured], control: Sequence[Measured]) -> list[str]:
    models = " / ".join(f"{len(one.answers):,}" for one in found)
    network = f"Networks {found[0].network}" if found else "Networks"
    return [
        f"{network} on random {INSIDE:.0%} of the training set, {EPOCHS} epochs, lr 0.05, batches of 64, "
        f"momentum 0.9, {NOISE:.0%} of the labels redrawn; {models} models by seed. The paper trains 4,000 for MNIST.",
        "A value per seed; a seed decides split, noise and subsets. Standard error of one example: "
        "sqrt(v_in / n_in + v_out / n_out), from the variances of right and wrong inside and outside.",
        "With noise the clean examples' values are not those of clean data: networks that learn wrong labels by heart "
        "also lose what they would have known.",
        _control_words(control),
        "Influence is noisy: by chance alone some pairs pass the threshold, the more the fewer models there are. "
        "Chance is measured by giving every model the answers of another. Claims that count beyond a threshold "
        "therefore read equally many models of every seed, the first ones; means do not depend on their number.",
    ]


def _control_words(control: Sequence[Measured]) -> str:
    models = " and ".join(f"{len(one.answers):,} models at seed {one.seed}" for one in control)
    return (
        f"Without noise: {models or 'no models'}, on the labels as the data have them and the same subsets. So few "
        "seeds show what the values are without noise; no claim rests on them."
    )


STUDY = Study(
    name="memorization",
    title="Memorization and influence by subsets",
    question="Which examples can be known only by having seen them, and which test examples do they carry?",
    source="Feldman and Zhang, NeurIPS 2020, https://arxiv.org/abs/2008.03703",
    effect="Rare and wrongly labelled examples are memorized, and some of them carry test examples that are like them.",
    points=_points,
    find=_find,
)
