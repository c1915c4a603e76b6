"""A plan, held against the run it foretells."""

import pytest

from probes.training import TrainConfig, plan, train


@pytest.mark.parametrize("changes", [{}, {"measure": "both", "probe": "none", "checkpoint_epochs": (1,)}], ids=str)
def test_a_plan_foretells_what_the_run_holds(tmp_path, changes):
    config = TrainConfig(**{"noise": 0.4, "epochs": 5, "width": 32, **changes})
    planned = plan(config)
    run = train(config, tmp_path / "run")
    size = sum(file.stat().st_size for file in run.path.rglob("*") if file.is_file())

    assert planned.size_bytes == pytest.approx(size, rel=0.1)
    assert planned.noise == run.meta["corruption"]
    assert planned.splits == run.meta["dataset"]["splits"]
    assert (planned.model, planned.parameters) == tuple(run.meta["model"].values())
    assert planned.steps == 5 * 22
    assert planned.threads == run.meta["threads"]
    assert planned.probes == tuple(run.probe_names)


def test_longer_runs_are_planned_to_take_longer_and_more_room():
    short, long = (plan(TrainConfig(epochs=epochs, width=32, probe="none")) for epochs in (5, 500))

    assert 0 < short.seconds < long.seconds
    assert 0 < short.size_bytes < long.size_bytes


def test_planning_writes_nothing_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    plan(TrainConfig(epochs=5, width=32, probe="none"))

    assert list(tmp_path.iterdir()) == []
