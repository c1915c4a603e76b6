"""When training stops early."""

import pytest

from probes.training import TrainConfig, train
from probes.training.early_stopping import should_stop


@pytest.mark.parametrize(
    ("accuracies", "patience", "stops"),
    [
        ([0.5, 0.4], 1, True),
        ([0.5, 0.6], 1, False),
        ([0.5, 0.5, 0.5], 2, True),  # as good is not better
        ([0.5, 0.4, 0.6, 0.5], 2, False),
        ([None, None, 0.1], 2, False),
        ([0.5, None, None], 2, True),
        ([0.9, 0.1, 0.1, 0.1], None, False),
        ([], 1, False),
    ],
)
def test_stops_where_the_best_lies_far_enough_back(accuracies, patience, stops):
    assert should_stop(accuracies, patience) == stops


def test_a_run_stops_and_keeps_what_a_last_epoch_has(tmp_path):
    config = TrainConfig(noise=0.4, epochs=60, width=32, early_stopping=3)
    run = train(config, tmp_path / "run")

    validation = run.epochs.query("group == 'validation' and epoch > 0")["accuracy"].to_numpy()
    last = run.num_epochs
    assert run.status == "complete"
    assert last < 60
    assert validation.argmax() == last - 1 - 3
    assert sorted(run.probe("attributions")["epoch"].unique())[-1] == last
    assert (run.path / f"checkpoints/epoch-{last:05d}/model.safetensors").exists()
