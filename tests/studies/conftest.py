"""A study of one's own, small enough to run many times."""

import pytest

from probes.studies.chart import Line, LineChart
from probes.studies.claim import Claim, at_least
from probes.studies.point import Computation, Training
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study


def square(number, fail=False):
    """A computation."""
    if fail:
        raise ZeroDivisionError("no such square")
    return {"square": number**2}


square.__module__ = "__main__"  # sent to workers whole, like a function of one's own script: they cannot import tests


class SmallStudy:
    """Squares of the seeds, and a tiny run of each; counts what was carried out.

    Attributes:
        fail: seeds whose computation fails.
        train: whether runs are part of it.
    """

    def __init__(self, fail=(), train=False):
        self.fail, self.train = fail, train
        self.study = Study("small", "Squares", "Are squares large?", "A paper", "They are.", self.points, self.find)

    def points(self, scale: Scale):
        squares = [
            Computation(f"square-seed{seed}", square, {"number": seed + 1, "fail": seed in self.fail})
            for seed in scale.seeds
        ]
        config = scale.config(epochs=2, width=8, depth=1, subset=50)
        return [*squares, *([Training("run-seed0", config)] if self.train else [])]

    def find(self, results, scale):
        values = [value["square"] for value in results.values("square-seed{seed}", scale.seeds)]
        claim = Claim(
            "large", "Squares are large.", "A paper", "square", at_least(0, exact=True), "no number", tuple(values)
        )
        line = Line("squares", list(range(len(values))), values)
        return Findings([claim], [LineChart("squares", "How large?", "Large.", "Large.", "seed", "square", [line])])


@pytest.fixture
def small_study():
    return SmallStudy
