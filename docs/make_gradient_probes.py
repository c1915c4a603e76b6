"""Writes docs/gradient-probes.md from docs/gradient_probes.json.

Run after a change of either: python docs/make_gradient_probes.py
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from probes.probing import PROBE_SCORES

FOLDER = Path(__file__).parent
GUIDE = FOLDER / "gradient-probes.md"
MEASURED = FOLDER / "gradient_probes.json"  # written by benchmarks/gradient_effects.py

TOP = """\
# What gradients tell of patterns and noise

<!-- Written by docs/make_gradient_probes.py from docs/gradient_probes.json. Edit there. -->

Effects that papers on memorization report for gradients, looked for on scikit-learn's digits with the probes of
[Probes](probes.md). Every number is the mean ± sample standard deviation over {count} seeds ({seeds}), which set noise,
weights and order; the split stays. `python benchmarks/gradient_effects.py --write` measures it all again, in minutes.
What is expected was written down before; where it does not appear, the table says so. Small data and drawn noise: that
an effect appears here does not prove it elsewhere.

## Summary

{claims}
"""

SENSITIVITY = """\
## Few real examples matter much, of noise all alike

[Loss sensitivity](probes.md#loss-sensitivity-through-the-training-itself) (Arpit et al. 2017, section 3.3): how much
the loss of the whole set depends on each input, through the training itself. {examples} digits, a network of two layers
of 16 units (He's initialisation), {steps} updates at rate {lr}, batches of {batch_size}. The Gini coefficient is that
of the mean over the updates so far; the slope is that of a straight line through it, per 100 updates. *randX*: normal
noise in place of the images; *randY*: labels drawn at random.

{table}

Three seeds say little of how much this varies. With digits, weights and order of seed 0 and nothing but the noise drawn
anew, {count} times, the Gini coefficient of randX lies between {randX}, of randY between {randY}:
wider than the deviations above suggest. {above}
"""

CRITICAL = """\
## Memorizing noise crowds inputs with boundaries

Critical sample ratio (CSR): the share of validation inputs within reach of another prediction, by LASS with a radius of
0.05 of the range from black to white and 10 iterations, so a lower bound (Arpit et al. 2017, section 4.2, whose radius
of 0.3 of 255 finds next to nothing on digits). The reference protocol for {epochs} epochs; *peak* is the epoch of the
highest validation accuracy; the floor is what the same search finds by chance, at the end. p is the share of labels
drawn from all classes.

{table}
"""

COHERENCE = """\
## Before it is memorized, noise pulls the other way

m-coherence m ||mean g||² / mean ||g||² (Chatterjee & Zielinski 2020) of the gradients of {m} clean and of {m} noisy
examples, and the cosine between the mean gradient of either, 40 % of labels drawn from all classes.

{table}
"""

DETECTION = """\
## Which gradients find wrong labels

AUROC of noisy against clean examples, where high is suspicious, as the papers have it; below 0.5 the score points the
other way. 40 % noise, 120 epochs of the reference protocol; scores of probes recorded at epochs
{epochs}. `grand` is read before training, self-influence adds up all of these epochs, the others
leave epoch 0 out. Scores read off trajectories alone are in [Scores](scores.md).

{table}

The same of the values of a single epoch. When a gradient is read matters as much as which.

{by_epoch}
"""


@dataclass(frozen=True)
class Claim:
    """An expectation and what came of it.

    Attributes:
        statement: in words.
        quantity: what was measured.
        values: one per seed.
        holds: whether it does, per seed.
    """

    statement: str
    quantity: str
    values: Sequence[float]
    holds: Sequence[bool]


def claims(seeds: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """Every expectation of the page, judged seed by seed."""

    def least(statement: str, quantity: str, of_seed: Callable[[Mapping[str, Any]], float], low: float = 0.0) -> Claim:
        values = [of_seed(seed) for seed in seeds]
        return Claim(statement, quantity, values, [value > low for value in values])

    def gini(seed: Mapping[str, Any], name: str) -> float:
        return float(seed["sensitivity"][name]["gini"])

    def smallest_step(seed: Mapping[str, Any]) -> float:
        ends = [seed["critical"][name]["end"] for name in ("real", "p = .2", "p = .4", "p = .6", "p = .8")]
        return min(after - before for before, after in pairwise(ends))

    steps = [smallest_step(seed) for seed in seeds]
    cosines = [float(seed["coherence"]["5"]["cosine"]) for seed in seeds]
    return [
        least(
            "Loss sensitivity is less equal on real data than on noise inputs",
            "Gini real - randX",
            lambda seed: gini(seed, "real") - gini(seed, "randX"),
        ),
        least(
            "... and than on random labels", "Gini real - randY", lambda seed: gini(seed, "real") - gini(seed, "randY")
        ),
        least(
            "... and gets less equal as training goes on",
            "slope of Gini real > 0, per 100 updates",
            lambda seed: seed["sensitivity"]["real"]["slope"],
        ),
        Claim(
            "The more noise, the more critical samples at the end",
            "smallest step of CSR between real, p = .2, .4, .6, .8: not negative",
            steps,
            [step >= 0 for step in steps],
        ),
        least(
            "Critical samples multiply while noise is memorized",
            "CSR at the end - CSR at the peak > .2, p = .4",
            lambda seed: seed["critical"]["p = .4"]["end"] - seed["critical"]["p = .4"]["at_peak"],
            0.2,
        ),
        least(
            "Clean gradients agree more than noisy ones",
            "m-coherence clean - noisy at epoch 5",
            lambda seed: seed["coherence"]["5"]["clean"] - seed["coherence"]["5"]["noisy"],
        ),
        Claim(
            "Noise pulls against the clean direction before it is memorized",
            "cosine of mean gradients at epoch 5 < -.2",
            cosines,
            [cosine < -0.2 for cosine in cosines],
        ),
    ]


def page(measured: Mapping[str, Any]) -> str:
    """The whole page."""
    seeds, settings = list(measured["seeds"].values()), measured["settings"]
    top = TOP.format(count=len(seeds), seeds=", ".join(measured["seeds"]), claims=summary(claims(seeds)))
    return "\n".join(
        [
            top,
            SENSITIVITY.format(**settings["sensitivity"], table=sensitivity(seeds), **drawn(measured)),
            CRITICAL.format(epochs=settings["critical"]["epochs"], table=critical(seeds, settings["critical"])),
            COHERENCE.format(m=settings["coherence"]["panel"] // 2, table=coherence(seeds)),
            DETECTION.format(
                epochs=", ".join(map(str, settings["scores"]["epochs"])),
                table=detection(seeds),
                by_epoch=detection_by_epoch(seeds),
            ),
        ]
    )


def summary(found: Sequence[Claim]) -> str:
    """A row per expectation."""
    rows = [(claim.statement, claim.quantity, spread(claim.values), verdict(claim.holds)) for claim in found]
    return table(("expected", "measured", "value", "holds"), rows)


def verdict(holds: Sequence[bool]) -> str:
    """In words: in how many seeds."""
    if all(holds):
        return "yes"
    return f"**no**, in {sum(holds)} of {len(holds)} seeds" if any(holds) else "**no**"


def sensitivity(seeds: Sequence[Mapping[str, Any]]) -> str:
    """Gini coefficients and slopes."""
    names = seeds[0]["sensitivity"]
    rows = [
        (name, *(spread([seed["sensitivity"][name][key] for seed in seeds]) for key in ("gini", "slope")))
        for name in names
    ]
    return table(("", "Gini at the end", "slope"), rows)


def drawn(measured: Mapping[str, Any]) -> dict[str, str]:
    """Gini coefficients of other draws of the noise, and how many lie above the real one."""
    real, draws = measured["seeds"]["0"]["sensitivity"]["real"]["gini"], measured["draws"]
    count = len(draws["randX"])
    above = sum(value >= real for values in draws.values() for value in values)
    told = f"{above} of these lie" if above else "None of them lies"
    ranges = {name: f"{min(values):.2f} and {max(values):.2f}" for name, values in draws.items()}
    return {**ranges, "count": str(count), "above": f"{told} at or above that of the digits, {real:.2f}."}


def critical(seeds: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> str:
    """CSR of each condition."""
    keys = {"early": f"epoch {settings['early']}", "at_peak": "peak", "end": f"epoch {settings['epochs']}"}
    rows = [
        (
            name,
            *(spread([seed["critical"][name][key] for seed in seeds]) for key in (*keys, "floor")),
            ", ".join(str(seed["critical"][name]["peak_epoch"]) for seed in seeds),
        )
        for name in seeds[0]["critical"]
    ]
    return table(("", *keys.values(), "floor", "the peak's epochs"), rows)


def coherence(seeds: Sequence[Mapping[str, Any]]) -> str:
    """m-coherence and cosine by epoch."""
    rows = [
        (epoch, *(spread([seed["coherence"][epoch][key] for seed in seeds]) for key in ("clean", "noisy", "cosine")))
        for epoch in seeds[0]["coherence"]
    ]
    return table(("epoch", "m-coherence, clean", "m-coherence, noisy", "cosine of means"), rows)


def detection(seeds: Sequence[Mapping[str, Any]]) -> str:
    """AUROC of each score beside its published direction."""
    rows = []
    for name in seeds[0]["auroc"]["scores"]:
        score, values = PROBE_SCORES[name], [seed["auroc"]["scores"][name] for seed in seeds]
        middle = statistics.mean(values)
        points = "as published" if middle > 0.55 else "**the other way**" if middle < 0.45 else "**tells nothing**"
        rows.append((f"`{name}`", score.source, score.direction, spread(values, 3), points))
    return table(("score", "source", "suspicious", "AUROC", "points"), rows)


def detection_by_epoch(seeds: Sequence[Mapping[str, Any]]) -> str:
    """AUROC of one epoch's values."""
    of_epochs = seeds[0]["auroc"]["epochs"]
    epochs = list(next(iter(of_epochs.values())))
    rows = [
        (f"`{name}`", *(spread([seed["auroc"]["epochs"][name][epoch] for seed in seeds]) for epoch in epochs))
        for name in of_epochs
    ]
    return table(("value", *(f"epoch {epoch}" for epoch in epochs)), rows)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Mean and sample standard deviation."""
    return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; without a line's end."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def main() -> None:
    """Write the guide anew."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    GUIDE.write_text(page(measured), encoding="utf-8")


if __name__ == "__main__":
    main()
