"""An honest stand-in for Chollet 2019: how much skill a model family acquires from how many examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from probes.studies.chart import BarChart, Bars, Chart, LineChart, Table, cell, spread, swatch
from probes.studies.claim import Claim, at_least, at_most, between
from probes.studies.point import Computation
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY", "WHAT_IT_IS_NOT", "acquire", "area", "code_length", "skill"]

SOURCE = "our own measurement, after Chollet 2019 and Dawid 1984 (prequential coding)"
FAMILIES = {
    "logistic": "logistic regression",
    "nearest": "1-nearest neighbour",
    "mlp": "MLP 2x512",
    "cnn": "small CNN",
}
SIZES = (25, 50, 100, 200, 400, 800, 1400)
NOISE, CLIP = 0.4, 1e-6  # share of labels redrawn; least probability of a code
HELD_OUT_CLASSES, SHOTS = 2, 5
WHAT_IT_IS_NOT = (
    "It is not intelligence, not Chollet's formula, and not ARC.",
    "It is one task, so there is no average over a scope of tasks.",
    "Priors and generalisation difficulty are not quantified: architecture is the declared prior.",
    "Only differences between families at equal experience are interpreted; data sets are not comparable.",
    "Two classes held out are one step past local generalisation, not broad generalisation.",
)


def skill(accuracy: float, classes: int) -> float:
    """(accuracy - chance) / (1 - chance): 0 at chance, 1 if never wrong.

    Example:
        >>> skill(0.75, 2)
        0.5
    """
    return (accuracy - 1 / classes) / (1 - 1 / classes)


def area(sizes: Sequence[int], skills: Sequence[float]) -> float:
    """Area under a learning curve over log2 of the number of examples, divided by its range: in (-inf, 1].

    Example:
        >>> area([25, 50, 100], [0.0, 0.5, 1.0])
        0.5
    """
    x, y = np.log2(sizes), np.asarray(skills)
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum() / (x[-1] - x[0]))


def code_length(probabilities: Sequence[np.ndarray], classes: int, first: int) -> float:
    """Bits of a prequential code: the first block uniformly, each later one by the model of those before it.

    Args:
        probabilities: of the given label, by block after the first; clipped at 1e-6.
        classes: K.
        first: examples of the first block.
    """
    later = sum(float(-np.log2(np.maximum(block, CLIP)).sum()) for block in probabilities)
    return first * math.log2(classes) + later


def acquire(family: str, dataset: str, subset: int | None, noise: float, steps: int, seed: int) -> dict[str, Any]:
    """Train a family on nested subsets, a fixed number of steps each, without tuning; measure what it acquired.

    Args:
        family: of FAMILIES.
        dataset: of `probe train`.
        subset: training examples to keep; None keeps all.
        noise: share of labels redrawn.
        steps: of SGD, the same for every subset.
        seed: of noise, order of the subsets, weights and batches.

    Returns:
        `sizes`; `skills` (test) by size; `gain` in bits per example of the code over guessing, by group "clean" and
        "noisy" of the blocks after the first; `shifts`: skill after each shift of the test inputs over skill without;
        `novelty`: skill in telling two held-out classes apart from five examples of each by frozen features.
    """
    from probes.training.setup import prepare, using_threads

    setup = prepare(Scale(dataset=dataset, subset=subset).config(noise=noise, seed=seed))
    train, test = setup.dataset.train, setup.dataset.test
    inputs, labels = np.asarray(train.inputs), np.asarray(train.given_labels)
    noisy = np.zeros(len(labels), dtype=bool) if train.noisy is None else np.asarray(train.noisy)
    unseen, truth = np.asarray(test.inputs), np.asarray(test.given_labels)
    classes = len(setup.dataset.classes)
    order = np.random.default_rng([seed, 6]).permutation(len(labels))
    sizes = [size for size in SIZES if size < len(labels)] + (
        [len(labels)] if len(labels) <= SIZES[-1] else [SIZES[-1]]
    )
    skills, probabilities, flags = [], [], []
    with using_threads(1):
        for place, size in enumerate(sizes):
            model = _fit(family, inputs[order[:size]], labels[order[:size]], classes, steps, seed)
            skills.append(skill(float((model(unseen).argmax(1) == truth).mean()), classes))
            if place + 1 < len(sizes):
                block = order[size : sizes[place + 1]]
                probabilities.append(model(inputs[block])[np.arange(len(block)), labels[block]])
                flags.append(noisy[block])
        shifts = {
            name: skill(float((model(moved).argmax(1) == truth).mean()), classes) / skills[-1]
            for name, moved in _shifted(unseen, setup.dataset.value_range, setup.dataset, seed).items()
        }
        novelty = (
            _novelty(family, inputs[order], labels[order], unseen, truth, classes, steps, seed) if not noise else None
        )
    coded, group = np.concatenate(probabilities), np.concatenate(flags)
    return {
        "sizes": sizes,
        "skills": skills,
        "gain": {name: _gain(coded[of], classes) for name, of in (("clean", ~group), ("noisy", group))},
        "bits": code_length(probabilities, classes, sizes[0]),
        "shifts": shifts,
        "novelty": novelty,
    }


def _gain(probabilities: np.ndarray, classes: int) -> float | None:
    """Bits per example that the code saves over guessing; None of no example."""
    if not len(probabilities):
        return None
    return math.log2(classes) - code_length([probabilities], classes, 0) / len(probabilities)


def _fit(
    family: str, inputs: np.ndarray, labels: np.ndarray, classes: int, steps: int, seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Train; return inputs (M, ...) -> probabilities (M, K)."""
    if family == "nearest":
        return _nearest(inputs, labels, classes)
    features, head = _network(family, inputs, labels, classes, steps, seed)
    return _answers(lambda batch: head(features(batch)))


def _nearest(inputs: np.ndarray, labels: np.ndarray, classes: int) -> Callable[[np.ndarray], np.ndarray]:
    """The nearest example's label; its probability is that of leaving one out, so that a code can be made of it."""
    from sklearn.neighbors import NearestNeighbors

    flat = inputs.reshape(len(inputs), -1)
    search = NearestNeighbors(n_neighbors=2).fit(flat)
    others = search.kneighbors(flat, return_distance=False)[:, 1]
    right = (float((labels[others] == labels).sum()) + 1) / (len(labels) + classes)  # Laplace's rule

    def answer(queries: np.ndarray) -> np.ndarray:
        found = labels[search.kneighbors(queries.reshape(len(queries), -1), 1, return_distance=False)[:, 0]]
        table = np.full((len(queries), classes), (1 - right) / (classes - 1))
        table[np.arange(len(queries)), found] = right
        return table

    return answer


def _network(
    family: str, inputs: np.ndarray, labels: np.ndarray, classes: int, steps: int, seed: int
) -> tuple[Any, Any]:
    """A trained network as features and head: SGD at 0.05 with momentum 0.9, batches of 64 at most."""
    import torch
    from torch.nn.functional import cross_entropy

    from probes.models import build_model

    name = "cnn" if family == "cnn" else "mlp"
    depth = 0 if family == "logistic" else 2
    model = build_model(name, input_shape=inputs.shape[1:], num_classes=classes, width=512, depth=depth, seed=seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    x, y = torch.from_numpy(inputs), torch.from_numpy(labels)
    done, epoch = 0, 0
    model.train()
    while done < steps:
        epoch += 1
        for batch in torch.from_numpy(np.random.default_rng([seed, 7, epoch]).permutation(len(x))).split(64):
            if done == steps:
                break
            optimizer.zero_grad()
            cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
            done += 1
    model.eval()
    layers = list(model)  # type: ignore[call-overload]
    return torch.nn.Sequential(*layers[:-1]), layers[-1]


def _answers(forward: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    def answer(queries: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            table: np.ndarray = forward(torch.from_numpy(queries)).softmax(1).double().numpy()
            return table

    return answer


def _shifted(inputs: np.ndarray, value_range: tuple[float, float], dataset: Any, seed: int) -> dict[str, np.ndarray]:
    """The test images moved by a pixel, turned by 15 degrees, and with noise of a tenth of their range."""
    from scipy.ndimage import rotate

    blank = dataset.blank_value
    moved = np.full_like(inputs, blank)
    moved[..., 1:] = inputs[..., :-1]
    turned = rotate(inputs, 15, axes=(-1, -2), reshape=False, order=1, cval=blank).astype(inputs.dtype)
    sd = dataset.sd if dataset.sd is not None else float(np.mean(dataset.sds))
    tenth = 0.1 * (value_range[1] - value_range[0]) / sd
    noise = np.random.default_rng([seed, 8]).normal(0, tenth, inputs.shape).astype(inputs.dtype)
    return {"moved a pixel": moved, "turned 15°": turned, "noise": inputs + noise}


def _novelty(
    family: str,
    inputs: np.ndarray,
    labels: np.ndarray,
    unseen: np.ndarray,
    truth: np.ndarray,
    classes: int,
    steps: int,
    seed: int,
) -> float:
    """Hold out two classes, freeze the features, and tell these two apart from five examples of each."""
    new = np.random.default_rng([seed, 9]).choice(classes, HELD_OUT_CLASSES, replace=False)
    known = ~np.isin(labels, new)
    if family == "nearest":
        features: Callable[[np.ndarray], np.ndarray] = lambda queries: queries.reshape(len(queries), -1)  # noqa: E731
    else:
        body, _ = _network(family, inputs[known], labels[known], classes, steps, seed)
        features = _features(body)
    shots = np.stack([features(inputs[labels == label][:SHOTS]).mean(0) for label in new])
    asked = np.isin(truth, new)
    distances = ((features(unseen[asked])[:, None] - shots[None]) ** 2).sum(-1)
    return skill(float((new[distances.argmin(1)] == truth[asked]).mean()), HELD_OUT_CLASSES)


def _features(body: Any) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    def features(queries: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            table: np.ndarray = body(torch.from_numpy(queries)).flatten(1).numpy()
            return table

    return features


def _families(scale: Scale) -> list[str]:
    return list(FAMILIES) if not scale.quick else ["logistic", "nearest", "mlp"]


def _name(family: str, noise: float) -> str:
    return f"{family}-noise{noise:g}-seed{{seed}}"


def _points(scale: Scale) -> list[Computation]:
    common = {"dataset": scale.dataset, "subset": scale.subset, "steps": scale.pick(1000, 400)}
    return [
        Computation(
            _name(family, noise).format(seed=seed), acquire, {**common, "family": family, "noise": noise, "seed": seed}
        )
        for family in _families(scale)
        for noise in (0.0, NOISE)
        for seed in scale.seeds
    ]


def _find(results: Results, scale: Scale) -> Findings:
    families = _families(scale)
    clean = {family: results.values(_name(family, 0.0), scale.seeds) for family in families}
    noisy = {family: results.values(_name(family, NOISE), scale.seeds) for family in families}
    charts: list[Chart] = [
        _curves(clean, ""),
        _curves(noisy, f" with {NOISE:.0%} noise"),
        _shifts(clean),
        _table(clean, noisy),
    ]
    notes = [
        *WHAT_IT_IS_NOT,
        f"Probabilities of the code are clipped at {CLIP:g}; {scale.pick(1000, 400)} steps for any number of examples.",
    ]
    return Findings(_claims(clean, noisy), charts, notes)


def _claims(clean: Mapping[str, Any], noisy: Mapping[str, Any]) -> list[Claim]:
    none = "no published value"
    return [
        *(
            Claim(
                f"noise-predicts-nothing-{family}",
                f"{FAMILIES[family]}: memorized bits are not predictive bits, noisy labels gain nothing.",
                SOURCE,
                f"bits per example gained on noisy examples by the prequential code, {NOISE:.0%} noise",
                at_most(0.0),
                none,
                tuple(float(row["gain"]["noisy"]) for row in rows),
                f"On clean examples the gain is {cell([row['gain']['clean'] for row in rows], 2)} bits.",
            )
            for family, rows in noisy.items()
        ),
        Claim(
            "deep-is-not-favoured",
            "On this data the measure does not favour the deep network over logistic regression.",
            SOURCE,
            "area under the learning curve, MLP less logistic regression, clean labels",
            between(-0.05, 0.05),
            none,
            tuple(_area(one) - _area(two) for one, two in zip(clean["mlp"], clean["logistic"], strict=False)),
        ),
        Claim(
            "shifts-cost-skill",
            "Skill is local: inputs that are moved, turned or noisy cost some of it.",
            SOURCE,
            "skill kept by the MLP, mean over three shifts of the test images",
            at_most(1.0),
            none,
            tuple(float(np.mean(list(row["shifts"].values()))) for row in clean["mlp"]),
        ),
        Claim(
            "features-carry-over",
            "Features learned on other classes tell two new ones apart from five examples each.",
            SOURCE,
            "skill of the MLP's features on two held-out classes (0 is chance)",
            at_least(0.5),
            none,
            tuple(float(row["novelty"]) for row in clean["mlp"]),
        ),
    ]


def _area(row: Mapping[str, Any]) -> float:
    return area(row["sizes"], row["skills"])


def _enough(row: Mapping[str, Any]) -> float:
    """The smallest number of examples with skill 0.8; NaN where none has."""
    found = [size for size, value in zip(row["sizes"], row["skills"], strict=True) if value >= 0.8]
    return float(found[0]) if found else math.nan


def _curves(of: Mapping[str, Any], noise: str) -> LineChart:
    lines = []
    for place, (family, rows) in enumerate(of.items()):
        sizes = rows[0]["sizes"] if rows else []
        values = [[row["skills"][at] for row in rows] for at in range(len(sizes))]
        lines.append(spread(FAMILIES[family], sizes, values, swatch=swatch(place), dashed=place % 2 == 1))
    areas = ", ".join(f"{FAMILIES[family]} {cell([_area(row) for row in rows])}" for family, rows in of.items())
    return LineChart(
        f"curves{noise}".replace(" ", "-").replace("%", ""),
        f"How much skill from how many examples{noise}?",
        "No such figure: Chollet defines skill-acquisition efficiency by quantities that cannot be computed.",
        f"Area under the curve over log2 of the examples: {areas}.",
        "training examples",
        "skill on the test set (0 is chance)",
        lines,
        log_x=True,
    )


def _shifts(clean: Mapping[str, Any]) -> BarChart:
    names = ["moved a pixel", "turned 15°", "noise"]
    bars = [
        Bars(
            FAMILIES[family],
            [float(np.mean([row["shifts"][name] for row in rows])) if rows else math.nan for name in names],
            swatch=swatch(place),
        )
        for place, (family, rows) in enumerate(clean.items())
    ]
    kept = ", ".join(
        f"{FAMILIES[family]} {cell([float(np.mean(list(row['shifts'].values()))) for row in rows], 2)}"
        for family, rows in clean.items()
    )
    return BarChart(
        "shifts",
        "How local is it?",
        "Trained networks generalise locally: to new points of a known distribution.",
        f"Skill kept, mean of the three: {kept}.",
        "skill kept",
        names,
        bars,
        percent_y=True,
    )


def _table(clean: Mapping[str, Any], noisy: Mapping[str, Any]) -> Table:
    rows = [
        [
            FAMILIES[family],
            cell([_area(row) for row in clean[family]]),
            cell([_enough(row) for row in clean[family]], 0),
            cell([row["gain"]["clean"] for row in clean[family]], 2),
            cell([_area(row) for row in noisy[family]]),
            cell([row["gain"]["clean"] for row in noisy[family]], 2),
            cell([row["gain"]["noisy"] for row in noisy[family]], 2),
            cell([row["novelty"] for row in clean[family]], 2),
        ]
        for family in clean
    ]
    header = [
        *("family", "area, clean", "examples for skill 0.8", "bits gained, clean", f"area, {NOISE:.0%} noise"),
        *("bits, its clean", "bits, its noisy", "two new classes"),
    ]
    return Table(
        "numbers", "The numbers", "None published.", "Bits per example; mean ± sd over the seeds.", header, rows
    )


STUDY = Study(
    name="skill-acquisition",
    title="Skill acquired per example",
    question="How efficiently do model families turn examples into skill?",
    source="After Chollet 2019, https://arxiv.org/abs/1911.01547; not his measure",
    effect="Intelligence as efficiency of acquiring skill, given priors and experience; not computable as defined.",
    points=_points,
    find=_find,
)
