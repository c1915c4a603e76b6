"""An honest stand-in for Chollet 2019: how much skill a model family acquires from how many examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from probes.studies.chart import cell
from probes.studies.claim import Claim, above, at_least, at_most, below, between
from probes.studies.point import Computation
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.skill_charts import FAMILIES, NOISE, SHIFTS, skill_charts
from probes.studies.skill_measures import CLIP, area, code_length, gain, kept, skill
from probes.studies.study import Findings, Study

__all__ = ["STUDY", "WHAT_IT_IS_NOT", "acquire"]

SOURCE = "our own measurement, after Chollet 2019 and Dawid 1984 (prequential coding)"
SIZES = (25, 50, 100, 200, 400, 800, 1400)
HELD_OUT_CLASSES, SHOTS = 2, 5
WHAT_IT_IS_NOT = (
    "It is not intelligence, not Chollet's formula, and not ARC.",
    "It is one task, so there is no average over a scope of tasks.",
    "Priors and generalisation difficulty are not quantified: architecture is the declared prior.",
    "Only differences between families at equal experience are interpreted; data sets are not comparable.",
    "Two classes held out are one step past local generalisation, not broad generalisation.",
)


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
        `sizes`; `skills` (test) by size; `classes`, K; `bits` of the whole code; `gain` in bits per example of the code
        over guessing, by group "clean" and "noisy" of the blocks after the first; `shifts`: skill after each shift of
        the test images over skill without, nothing of examples that are no images;
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
        "gain": {name: gain(coded[of], classes) for name, of in (("clean", ~group), ("noisy", group))},
        "classes": classes,
        "bits": code_length(probabilities, classes, sizes[0]),
        "shifts": shifts,
        "novelty": novelty,
    }


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

    if dataset.kind != "image":
        return {}
    blank = dataset.blank_value
    moved = np.full_like(inputs, blank)
    moved[..., 1:] = inputs[..., :-1]
    turned = rotate(inputs, 15, axes=(-1, -2), reshape=False, order=1, cval=blank).astype(inputs.dtype)
    sd = dataset.sd if dataset.sd is not None else float(np.mean(dataset.sds))
    tenth = 0.1 * (value_range[1] - value_range[0]) / sd
    noise = np.random.default_rng([seed, 8]).normal(0, tenth, inputs.shape).astype(inputs.dtype)
    return dict(zip(SHIFTS, (moved, turned, inputs + noise), strict=True))


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
    notes = [
        *WHAT_IT_IS_NOT,
        f"Probabilities of the code are clipped at {CLIP:g}; {scale.pick(1000, 400)} steps for any number of examples.",
        "The nearest neighbour gives no probabilities: its code takes the share of training examples whose own nearest "
        "neighbour has their label, by Laplace's rule.",
        *(["The small CNN is measured in the full size only."] if scale.quick else []),
    ]
    favour = _less(results, scale, ("mlp", "logistic"), lambda row: area(row["sizes"], row["skills"]))
    features = _less(results, scale, ("mlp", "nearest"), lambda row: float(row["novelty"]))
    return Findings(_claims(clean, noisy, favour, features), skill_charts(clean, noisy), notes)


def _less(results: Results, scale: Scale, families: tuple[str, str], read: Callable[[Any], float]) -> tuple[float, ...]:
    """What the first family has less the second, of the same seed, without noise; NaN where one of them is missing."""
    found = []
    for seed in scale.seeds:
        pair = [results.values(_name(family, 0.0), [seed]) for family in families]
        found.append(read(pair[0][0]) - read(pair[1][0]) if all(pair) else float("nan"))
    return tuple(found)


def _shifts_seen(rows: Sequence[Mapping[str, Any]]) -> str:
    """What is kept of each shift, and by how many seeds one costs nothing."""
    told = []
    for name in SHIFTS:
        values = [float(row["shifts"][name]) for row in rows if name in row["shifts"]]
        free = sum(value >= 1 for value in values)
        without = f" (no cost at {free} of {len(values)} seeds)" if free else ""
        told.append(f"{name} {cell(values)}{without}")
    return f"Kept, by shift: {', '.join(told)}." if any(row["shifts"] for row in rows) else ""


def _features_seen(clean: Mapping[str, Any]) -> str:
    learned, pixels = (cell([float(row["novelty"]) for row in clean[family]], 2) for family in ("mlp", "nearest"))
    return (
        f"The level says nothing of what was learned: the pixels themselves, without any training, have {pixels}, the "
        f"MLP's features {learned}."
    )


def _claims(
    clean: Mapping[str, Any], noisy: Mapping[str, Any], favour: tuple[float, ...], features: tuple[float, ...]
) -> list[Claim]:
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
            "On this data the area of the deep network and that of logistic regression differ by no more than 0.05.",
            SOURCE,
            "area under the learning curve, MLP less logistic regression, clean labels",
            between(-0.05, 0.05),
            none,
            favour,
        ),
        Claim(
            "shifts-cost-skill",
            "Shifts of the inputs (moved, turned, with noise) cost the MLP some of its skill, on average of the three.",
            SOURCE,
            "skill kept by the MLP, mean over three shifts of the test images",
            below(1.0),
            none,
            tuple(kept(row) for row in clean["mlp"]),
            _shifts_seen(clean["mlp"]),
        ),
        Claim(
            "features-carry-over",
            "Features learned on other classes tell two new ones apart, from five each, at a skill of 0.5 or more.",
            SOURCE,
            "skill of the MLP's features on two held-out classes (0 is chance)",
            at_least(0.5),
            none,
            tuple(float(row["novelty"]) for row in clean["mlp"]),
            _features_seen(clean),
        ),
        Claim(
            "features-beat-pixels",
            "Features learned on other classes tell two new ones apart better than the pixels themselves do.",
            SOURCE,
            "skill on two held-out classes, five examples of each: the MLP's features less pixels, of the same seed",
            above(0.0),
            none,
            features,
        ),
    ]


STUDY = Study(
    name="skill-acquisition",
    title="Skill acquired per example",
    question="How efficiently do model families turn examples into skill?",
    source="After Chollet 2019, https://arxiv.org/abs/1911.01547; not his measure",
    effect="Intelligence as efficiency of acquiring skill, given priors and experience; not computable as defined.",
    points=_points,
    find=_find,
)
