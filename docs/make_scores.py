"""Fills the generated parts of docs/scores.md from the catalogue and from docs/score_auroc.json.

Run after a change of either: python docs/make_scores.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from probes.scores import CATALOGUE, Score

FOLDER = Path(__file__).parent
GUIDE = FOLDER / "scores.md"
MEASURED = FOLDER / "score_auroc.json"  # written by benchmarks/score_auroc.py


def filled(guide: str, measured: dict[str, Any]) -> str:
    """The guide with what lies between its markers, `<!-- name -->` to `<!-- end -->`, made anew."""
    for name, part in PARTS.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = part(measured)
        guide, count = marked.subn(lambda found, text=text: found[1] + text + found[2], guide)
        if count != 1:
            raise SystemExit(f"{GUIDE} must have one part <!-- {name} -->, found {count}.")
    return guide


def definitions(measured: dict[str, Any]) -> str:
    """What each score is and which end is suspicious."""
    rows = [(_name(score), f"`{score.formula}`", score.direction or "", score.source) for score in CATALOGUE.values()]
    return _table(("score", "definition", "suspicious", "source"), rows)


def reading(measured: dict[str, Any]) -> str:
    """When to read each score."""
    rows = [(_name(score), score.when, str(score.fewest_epochs)) for score in CATALOGUE.values()]
    return _table(("score", "when to read it", "fewest epochs"), rows)


def detection(measured: dict[str, Any]) -> str:
    """Measured AUROC of every score with a direction, over the whole run and up to the peak."""
    noise, figures = measured["noise"], measured["figures"]
    header = ["score"]
    for rate in noise:
        header += [f"noise {rate}, whole run", f"noise {rate}, to the peak"]
    rows = []
    for name, score in CATALOGUE.items():
        if score.direction is not None:
            cells = [_cell(figures[str(rate)][part][name]) for rate in noise for part in ("whole_run", "to_peak")]
            rows.append((f"`{name}`", *cells))
    return _table(header, rows)


def peaks(measured: dict[str, Any]) -> str:
    """Where the validation accuracy was highest."""
    seeds = ", ".join(str(seed) for seed in measured["seeds"])
    found = "; ".join(
        f"at noise {rate} epochs {', '.join(str(epoch) for epoch in measured['figures'][str(rate)]['peak'])}"
        for rate in measured["noise"]
    )
    return f"The peak, the epoch of the highest validation accuracy, came early: {found} (seeds {seeds}).\n"


def el2n(measured: dict[str, Any]) -> str:
    """EL2N at one epoch."""
    figures = measured["figures"]
    epochs = list(figures[str(measured["noise"][0])]["el2n_at"])
    rows = [(str(rate), *(_cell(figures[str(rate)]["el2n_at"][at]) for at in epochs)) for rate in measured["noise"]]
    return _table(("noise", *(f"epoch {at}" for at in epochs)), rows)


PARTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "definitions": definitions,
    "reading": reading,
    "detection": detection,
    "peaks": peaks,
    "el2n": el2n,
}


def _name(score: Score) -> str:
    return f"`{score.name}`" if score.default else f"`{score.name}` *"


def _cell(value: dict[str, Any]) -> str:
    return "" if value["mean"] is None else f"{value['mean']:.3f} ± {value['sd']:.3f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def main() -> None:
    """Write the guide anew."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    GUIDE.write_text(filled(GUIDE.read_text(encoding="utf-8"), measured), encoding="utf-8")


if __name__ == "__main__":
    main()
