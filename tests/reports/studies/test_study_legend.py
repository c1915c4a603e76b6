"""The keys of a study's figures show the symbols that are drawn."""

import pytest

from probes.studies.chart import Points, ScatterChart
from probes_reports.figures.study_axis import SYMBOLS
from probes_reports.sections.section import Key
from probes_reports.studies.charts import _scatter

SHAPES = {"circle": "disc", "diamond": "diamond", "square": "square", "triangle-up": "triangle"}


@pytest.mark.parametrize("swatch", ["clean", "noisy", "true", "test", "other", "1", "2", "3", "4", "5"])
def test_a_point_has_its_own_symbol_in_the_key(swatch):
    chart = ScatterChart("c", "Which?", "", "", "x", "y", [Points("one", [0.1, 0.2], [0.3, 0.4], swatch=swatch)])

    key = next(part for part in _scatter(chart.to_dict(), "c") if isinstance(part, Key))

    symbol = SYMBOLS.get(swatch, "circle")
    assert [item.shape for item in key.items] == [SHAPES.get(symbol, symbol)]
