"""What a probe may return, and that nothing of the rest is written."""

import pandas as pd
import pytest

from probes import open_run
from probes.runs.probe_recording import record_probe
from probes.runs.writer import RunWriter

WHOLE = {"epoch": [1], "split": ["train"], "example": [0], "value": [1.0]}


class Returning:
    name = "mine"

    def __init__(self, result):
        self.result = result

    def measure(self, model, examples, context):
        return self.result


@pytest.fixture(params=["in a run", "in memory"])
def record(request, tmp_path):
    """Records a probe with a result; with a run, what it leaves in it."""
    writer = RunWriter.create(tmp_path / "run", num_examples=1, measure="online") if "run" in request.param else None

    def call(result):
        record_probe(writer, Returning(result), None, None, epoch=1, step=0)

    yield call
    if writer is not None:
        writer.finish("complete")


@pytest.mark.parametrize("result", [None, [1.0], {"value": [1.0]}])
def test_what_is_no_frame_is_refused(record, result, tmp_path):
    words = f"probe 'mine' must return a pandas.DataFrame from measure, .* got {type(result).__name__}"
    with pytest.raises(TypeError, match=words):
        record(result)
    assert not (tmp_path / "run/probes").exists()


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        ("epoch", "with a column epoch; it has split, example, value"),
        ("split", "with a column split; it has epoch, example, value"),
        ("example", "with a column example or layer; it has epoch, split, value"),
    ],
)
def test_a_frame_without_a_column_that_all_have_is_refused(record, left_out, words, tmp_path):
    frame = pd.DataFrame(WHOLE).drop(columns=left_out)

    with pytest.raises(ValueError, match=f"probe 'mine' must measure a frame {words}"):
        record(frame)
    assert not (tmp_path / "run/probes").exists()


def test_all_that_is_missing_is_named_at_once(record):
    with pytest.raises(ValueError, match="with a column epoch and split and example or layer; it has none"):
        record(pd.DataFrame())


@pytest.mark.parametrize("of", ["example", "layer", "group"])
def test_values_may_belong_to_examples_layers_or_groups(tmp_path, of):
    writer = RunWriter.create(tmp_path / "run", num_examples=1, measure="online")

    record_probe(writer, Returning(pd.DataFrame(WHOLE).rename(columns={"example": of})), None, None, epoch=1, step=0)
    writer.finish("complete")

    assert list(open_run(tmp_path / "run").probe("mine").columns) == ["epoch", "split", of, "value"]
