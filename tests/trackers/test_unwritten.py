"""A disk that is full for a while costs no epoch, and where the process goes does not move the run."""

import json
import os

import numpy as np
import pytest

import probes.runs.tables as tables
from probes import ExampleTracker, open_run
from probes.errors import ProbeError


def record(tracker, *epochs):
    for epoch in epochs:
        tracker.update([0, 1], np.eye(2) * epoch, [0, 1])
        tracker.end_epoch()


@pytest.fixture
def disk(monkeypatch):
    """A disk that may be filled: `disk.full`."""

    class Disk:
        full = False

    def refusing(table, path, **options):
        if Disk.full:
            raise OSError(28, "No space left on device")
        return write(table, path, **options)

    write = tables.pq.write_table
    monkeypatch.setattr(tables.pq, "write_table", refusing)
    return Disk


def test_epochs_that_a_full_disk_refused_are_written_once_there_is_room(tmp_path, disk):
    with ExampleTracker(2, run=tmp_path / "run") as tracker:
        record(tracker, 1)
        disk.full = True
        for epoch in (2, 3):
            with pytest.raises(ProbeError, match=r"cannot write to .*run: No space left on device\. Epoch 2 is kept"):
                record(tracker, epoch)
        disk.full = False
        record(tracker, 4)

    run = open_run(tmp_path / "run")
    assert run.status == "complete"
    assert run.trajectory("margin")[:, 0].tolist() == [1, 2, 3, 4]


def test_close_writes_what_is_left_or_says_that_it_cannot(tmp_path, disk):
    for name, full in (("freed", False), ("full", True)):
        tracker = ExampleTracker(2, run=tmp_path / name)
        record(tracker, 1)
        disk.full = True
        with pytest.raises(ProbeError):
            record(tracker, 2)
        disk.full = full
        if full:
            with pytest.raises(ProbeError, match="No space left on device"):
                tracker.close()
        else:
            tracker.close()
        disk.full = False

    found = {name: open_run(tmp_path / name) for name in ("freed", "full")}
    assert {name: (run.status, run.num_epochs) for name, run in found.items()} == {
        "freed": ("complete", 2),
        "full": ("failed", 1),
    }


def test_a_folder_that_is_gone_is_one_line(tmp_path):
    tracker = ExampleTracker(2, run=tmp_path / "run")
    record(tracker, 1)
    for path in sorted((tmp_path / "run").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (tmp_path / "run").rmdir()

    with pytest.raises(ProbeError, match=r"cannot write to .*run: No such file or directory\. Epoch 2 is kept"):
        record(tracker, 2)
    with pytest.raises(ProbeError, match="No such file or directory"):
        tracker.close()


def test_a_run_stays_where_it_was_opened(tmp_path, monkeypatch):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "there")
    with ExampleTracker(2, run="run") as other:
        record(other, 1)
    held = (tmp_path / "there/run/SHA256SUMS").read_text()
    os.chdir(tmp_path / "here")
    with ExampleTracker(2, run="run") as tracker:
        record(tracker, 7)
        os.chdir(tmp_path / "there")
        record(tracker, 8)
        assert tracker.scores()["aum"].tolist() == [7.5, 7.5]

    assert open_run(tmp_path / "here/run").trajectory("margin")[:, 0].tolist() == [7, 8]
    assert open_run(tmp_path / "there/run").trajectory("margin")[:, 0].tolist() == [1]
    assert (tmp_path / "there/run/SHA256SUMS").read_text() == held


def test_visits_that_are_not_finite_are_counted_over_a_kill(tmp_path):
    first = ExampleTracker(2, run=tmp_path / "run")
    first.update([0, 1], np.array([[np.nan, 0], [1, 0]]), [0, 0])
    first.end_epoch()
    assert open_run(tmp_path / "run").meta["nonfinite_visits"] == 1  # what a kill now would leave
    first.close("interrupted")

    with ExampleTracker(2, run=tmp_path / "run", if_exists="resume") as second:
        second.update([0, 1], np.array([[np.nan, 0], [1, 0]]), [0, 0])
    assert open_run(tmp_path / "run").summary()["nonfinite_visits"] == 2


def test_a_run_written_by_others_is_gone_on_with(tmp_path):
    with ExampleTracker(2, run=tmp_path / "run") as tracker:
        record(tracker, 1)
    least = {"format_version": 1, "status": "interrupted", "measure": "online", "dataset": {"num_examples": 2}}
    (tmp_path / "run/run.json").write_text(json.dumps(least))

    with ExampleTracker(2, run=tmp_path / "run", if_exists="resume") as tracker:
        tracker.update([0, 1], np.array([[np.nan, 0], [0, 1]]), [0, 1])

    assert open_run(tmp_path / "run").summary()["nonfinite_visits"] == 1


def test_a_page_without_its_pictures_is_no_complete_run(tmp_path, disk):
    tracker = ExampleTracker(2, run=tmp_path / "run", images=lambda index: np.zeros((4, 4)))
    record(tracker, 1)
    disk.full = True
    with pytest.raises(ProbeError, match="No space left on device"):
        tracker.close()

    assert open_run(tmp_path / "run").status == "failed"


def test_an_epoch_saved_open_is_closed_without_another_update(tmp_path):
    with ExampleTracker(2, run=tmp_path / "run") as first:
        record(first, 1)
        first.update([0, 1], np.eye(2) * 2, [0, 1])
        state = first.state_dict()
    with ExampleTracker(2, run=tmp_path / "run", if_exists="resume") as second:
        second.load_state_dict(state)
        second.end_epoch()
        assert second.trajectory("margin")[:, 0].tolist() == [1, 2]
