"""Which examples the runs share, so that the same one can be looked at in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probes_reports.comparison.compared import Compared
from probes_reports.wording import count

__all__ = ["Pairing", "pair"]

DISAGREE = 0.1  # share of shared examples whose true labels may differ before they are taken for other examples


@dataclass(frozen=True)
class Pairing:
    """The shared examples.

    Attributes:
        positions: for each run int64, (S,): where it holds them, in the order of the first run; empty where unpaired.
        how: "by id" or "by position".
        reason: why nothing can be paired, "" where something can.
    """

    positions: tuple[np.ndarray, ...]
    how: str = ""
    reason: str = ""

    @property
    def size(self) -> int:
        """S, the number of shared examples."""
        return len(self.positions[0]) if self.positions else 0

    def alone(self, run: int, num_examples: int) -> np.ndarray:
        """bool, (N,): the examples of a run that some other does not hold."""
        alone = np.ones(num_examples, dtype=bool)
        alone[self.positions[run]] = False
        return alone


def pair(runs: Sequence[Compared]) -> Pairing:
    """Match examples by id, or by position where the fingerprints say that the data are the same.

    Ids alone are not believed: where the names of the data differ, or the true labels of what they share, the
    examples are taken for others.
    """
    names = sorted({run.dataset for run in runs if run.dataset})
    if len(names) > 1:
        return _unpaired(f"they are of different data ({', '.join(names)})")
    ids = [run.examples.ids for run in runs]
    if all(held is not None for held in ids):
        return _checked(runs, _by_id([held for held in ids if held is not None]))
    prints = {(run.meta.get("dataset") or {}).get("fingerprint") for run in runs}
    sizes = {run.num_examples for run in runs}
    if len(prints) == 1 and None not in prints and len(sizes) == 1:
        return _checked(runs, Pairing(tuple(np.arange(run.num_examples) for run in runs), how="by position"))
    without = ", ".join(run.letter for run, held in zip(runs, ids, strict=True) if held is None)
    return _unpaired(f"{without} recorded no ids, and no fingerprint says that the data are the same")


def _by_id(ids: Sequence[np.ndarray]) -> Pairing:
    places = [{name: at for at, name in enumerate(held)} for held in ids]
    if any(len(place) != len(held) for place, held in zip(places, ids, strict=True)):
        return _unpaired("some ids stand for several examples")
    shared = [name for name in ids[0] if all(name in place for place in places[1:])]
    if not shared:
        return _unpaired("they have no id in common")
    return Pairing(tuple(np.array([place[name] for name in shared]) for place in places), how="by id")


def _checked(runs: Sequence[Compared], pairing: Pairing) -> Pairing:
    """The pairing, unless true labels say that it pairs different examples."""
    first = runs[0]
    for at, run in enumerate(runs[1:], 1):
        if not pairing.positions or first.classes != run.classes:
            continue
        here, there = first.examples.true[pairing.positions[0]], run.examples.true[pairing.positions[at]]
        known = (here >= 0) & (there >= 0)
        differ = int((here[known] != there[known]).sum())
        if known.any() and differ > DISAGREE * known.sum():
            return _unpaired(
                f"the true labels of {count(differ)} of the {count(int(known.sum()))} examples that {first.letter} and "
                f"{run.letter} seem to share are not the same"
            )
    return pairing


def _unpaired(reason: str) -> Pairing:
    return Pairing((), reason=reason)
