"""A stream that was interrupted and gone on with gives, bit for bit, the scores of one that was not."""

import io
from dataclasses import replace

import pandas as pd
import pytest
import torch

from probes import ExampleTracker, open_run


def part(stream, start, stop=None):
    """The stream of some of its epochs."""
    return replace(stream, epochs=stream.epochs[start:stop])


def checkpointed(tracker):
    """A tracker's state, after a way through the user's own checkpoint."""
    file = io.BytesIO()
    torch.save({"tracker": tracker.state_dict()}, file)
    file.seek(0)
    return torch.load(file, weights_only=True)["tracker"]


@pytest.fixture(params=[True, False], ids=["whole", "ragged"])
def short(request, make_stream):
    return make_stream(3, 1, whole=request.param)


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("epoch", [1, 4, 8])
def test_in_memory_from_any_step(short, track, epoch, step):
    """Before the last epoch is over too, when some examples are not seen again."""
    interrupted = track(part(short, 0, epoch), ExampleTracker(short.num_examples))
    under_way = short.epochs[epoch]
    for batch in under_way[:step]:
        interrupted.update(*batch)
    resumed = ExampleTracker(short.num_examples)
    resumed.load_state_dict(checkpointed(interrupted))
    for batch in under_way[step:]:
        resumed.update(*batch)
    resumed.end_epoch()
    track(part(short, epoch + 1), resumed)

    expected = track(short, ExampleTracker(short.num_examples)).scores()
    pd.testing.assert_frame_equal(resumed.scores(), expected, check_exact=True)


def test_what_was_known_is_known_before_anything_more_is_seen(short, track):
    """Given labels among it: without them no answer is right or wrong."""
    interrupted = track(short, ExampleTracker(short.num_examples))
    resumed = ExampleTracker(short.num_examples)
    resumed.load_state_dict(checkpointed(interrupted))

    pd.testing.assert_frame_equal(resumed.scores(), interrupted.scores(), check_exact=True)


def test_a_run_goes_on_after_its_last_epoch(short, track, tmp_path):
    """No checkpoint: the folder alone says where it ended."""
    track(part(short, 0, 4), ExampleTracker(short.num_examples, run=tmp_path / "run")).close("interrupted")

    with ExampleTracker(short.num_examples, run=tmp_path / "run", if_exists="resume") as resumed:
        track(part(short, 4), resumed)

    expected = track(short, ExampleTracker(short.num_examples)).scores()
    pd.testing.assert_frame_equal(open_run(tmp_path / "run").scores(), expected, check_exact=True)


@pytest.mark.parametrize("more", [0, 1])
def test_epochs_recorded_after_the_checkpoint_are_dropped(short, track, tmp_path, more):
    """The checkpoint is of epoch 4, the run was interrupted after epoch 7."""
    first = track(part(short, 0, 4), ExampleTracker(short.num_examples, run=tmp_path / "run"))
    state = checkpointed(first)
    track(part(short, 4, 7), first).close("interrupted")

    with ExampleTracker(short.num_examples, run=tmp_path / "run", if_exists="resume") as resumed:
        resumed.load_state_dict(state)
        track(part(short, 4, 4 + more), resumed)

    expected = track(part(short, 0, 4 + more), ExampleTracker(short.num_examples)).scores()
    found = open_run(tmp_path / "run").scores()
    seen = expected["visits"].notna()
    pd.testing.assert_frame_equal(found[seen], expected[seen], check_exact=True)
    assert found.loc[~seen, "visits"].isna().all()
