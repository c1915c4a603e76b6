"""A finished point is used again only for what was asked, of the code that answered."""

import importlib.util
import json
from dataclasses import replace

import pytest

from probes.studies.fingerprint import fingerprint
from probes.studies.point import Computation, Training, carry_out
from probes.studies.results import Results
from probes.training import TrainConfig

SOURCE = """
RATE = 0.1  # of learning

def halve(number):
    return number / 2

def compute(number):
    return {"value": RATE * halve(number)}

def chart():
    return "How large?"
"""


@pytest.fixture
def load(tmp_path):
    """Makes a module out of a text."""
    made = []

    def of(text):
        file = tmp_path / f"module{len(made)}.py"
        file.write_text(text)
        spec = importlib.util.spec_from_file_location("measured", file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        made.append(module)
        return module

    return of


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("RATE = 0.1", "RATE = 0.2", False),
        ("number / 2", "number / 3", False),
        ("* halve", "+ halve", False),
        ("How large?", "How small?", True),
        ("# of learning", "# another word", True),
    ],
)
def test_a_result_belongs_to_the_code_that_it_came_from(load, tmp_path, old, new, same):
    before, after = (
        Computation("point", load(text).compute, {"number": 4}) for text in (SOURCE, SOURCE.replace(old, new))
    )
    assert carry_out(before, tmp_path).error is None

    assert before.is_done(tmp_path)
    assert after.is_done(tmp_path) is same
    assert (Results([after], tmp_path).value("point") is not None) is same


def test_what_has_no_source_has_no_fingerprint():
    assert fingerprint(eval("lambda: {}")) == ""


def test_a_result_of_other_arguments_is_not_read(load, tmp_path):
    """Not even where the right one could not be computed."""
    compute = load(SOURCE).compute
    carry_out(Computation("point", compute, {"number": 4}), tmp_path)

    for number, found in ((4, {"value": pytest.approx(0.2)}), (5, None)):
        assert Results([Computation("point", compute, {"number": number})], tmp_path).value("point") == found


def test_a_run_of_another_config_is_neither_done_nor_read(tmp_path):
    options = {"width": 8, "depth": 1, "subset": 50, "probe": "none"}
    carry_out(Training("run", TrainConfig(epochs=2, **options)), tmp_path)

    for epochs, there in ((2, True), (3, False)):
        point = Training("run", TrainConfig(epochs=epochs, **options))
        assert point.is_done(tmp_path) is there
        assert (Results([point], tmp_path).run("run") is not None) is there


def test_a_run_from_before_an_option_was_there_had_its_default(tmp_path):
    config = TrainConfig(epochs=2, width=8, depth=1, subset=50, probe="none")
    point, other = Training("run", config), Training("run", replace(config, label_smoothing=0.1))
    carry_out(point, tmp_path)
    file = tmp_path / "run/run.json"
    kept = json.loads(file.read_text())
    del kept["config"]["label_smoothing"]
    file.write_text(json.dumps(kept))

    assert point.is_done(tmp_path)
    assert not other.is_done(tmp_path)


def test_values_keep_the_place_of_their_seed(load, tmp_path):
    compute = load(SOURCE).compute
    points = [Computation(f"seed{seed}", compute, {"number": 10 * seed}) for seed in (1, 2, 3)]
    for point in (points[0], points[2]):
        carry_out(point, tmp_path)

    found = Results(points, tmp_path).per_seed("seed{seed}", (1, 2, 3), lambda row: row["value"], None)
    assert found == [pytest.approx(0.5), None, pytest.approx(1.5)]
