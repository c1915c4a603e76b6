"""The streams hold what they are said to hold, and a run folder says the same of them as memory."""

import numpy as np
import pandas as pd

from probes import ExampleTracker, open_run


def test_a_whole_stream_visits_every_example_once_an_epoch(whole):
    for batches in whole.epochs:
        assert sorted(np.concatenate([batch.index for batch in batches]).tolist()) == list(range(whole.num_examples))


def test_a_ragged_stream_leaves_out_and_repeats(ragged):
    visits = ragged.visits()
    places = {example: [(epoch, step) for epoch, step, _ in seen] for example, seen in visits.items()}

    assert len(visits) < ragged.num_examples
    assert any(len({epoch for epoch, _ in seen}) < len(ragged.epochs) for seen in places.values())
    assert any(len(set(seen)) < len(seen) for seen in places.values()), "no repeats within a batch"
    assert any(len({e for e, _ in seen}) < len(set(seen)) for seen in places.values()), "no repeats across batches"
    assert any(len(batch.index) == 1 for batches in ragged.epochs for batch in batches)


def test_streams_hold_ties_and_examples_never_and_always_right(stream):
    shares, ties = [], 0
    for example, history in stream.histories().items():
        given = stream.targets[example]
        shares.append(np.mean([np.argmax(row) == given for _, row in history]))
        ties += sum(max(row[:given] + row[given + 1 :]) == row[given] for _, row in history)

    assert shares.count(0) >= 4
    assert shares.count(1) >= 4
    assert sum(0 < share < 1 for share in shares) >= 10
    assert ties >= 20


def test_a_run_folder_holds_the_scores_of_memory(make_stream, track, tmp_path):
    stream = make_stream(3, 0, whole=False)

    with ExampleTracker(stream.num_examples, run=tmp_path / "run") as saved:
        track(stream, saved)
    kept = track(stream, ExampleTracker(stream.num_examples))

    pd.testing.assert_frame_equal(open_run(tmp_path / "run").scores(), kept.scores())
