"""Shards of several ranks, written by hand: which epochs are read, whose row stands, and what merging leaves."""

import json
import subprocess
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from probes import open_run
from probes.errors import ProbeError, ProbeWarning, RunExistsError
from probes.runs import shards, trajectories
from probes.runs import writer as writer_module
from probes.runs.writer import RunWriter

N = 6


def columns(examples, prediction=0, loss=0.5, visits=1):
    n = len(examples)
    constant = {"visits": visits, "loss": loss, "margin": 1.0, "entropy": 1.0, "el2n": 1.0, "prediction": prediction}
    return {"example": np.asarray(examples), **{name: np.full(n, value) for name, value in constant.items()}}


def launch(path, world_size=2, **more):
    """The writers of all ranks."""
    first = RunWriter.create(path, num_examples=N, measure="online", world_size=world_size, **more)
    joined = (RunWriter.join(path, rank=r, launch_id=first.meta["launch_id"]) for r in range(1, world_size))
    return [first, *joined]


def write_labels(writer, known):
    writer.write_examples({"given_label": [known.get(example, -1) for example in range(N)]})


def files(path):
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())


def checked(path, name="SHA256SUMS"):
    done = subprocess.run(["sha256sum", "-c", name], cwd=path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(line.partition(":")[0] for line in done.stdout.splitlines())


@pytest.fixture
def no_wait(monkeypatch):
    monkeypatch.setattr(writer_module, "WAIT_S", 0.0)
    monkeypatch.setattr(writer_module, "_FAILED_WAIT_S", 0.0)


def test_every_rank_writes_a_shard_and_its_own_checksums(tmp_path):
    for rank, writer in enumerate(launch(tmp_path / "run")):
        write_labels(writer, {rank: 1})
        writer.write_epoch(1, columns([rank]))

    names = [name for name in files(tmp_path / "run") if name != ".lock"]

    assert names == [
        "SHA256SUMS",
        "SHA256SUMS-rank001",
        "examples-rank001.parquet",
        "examples.parquet",
        "run.json",
        "trajectories/epoch-00001-rank000.parquet",
        "trajectories/epoch-00001-rank001.parquet",
    ]
    assert checked(tmp_path / "run") == ["trajectories/epoch-00001-rank000.parquet"]
    assert checked(tmp_path / "run", "SHA256SUMS-rank001") == ["trajectories/epoch-00001-rank001.parquet"]


def test_an_epoch_is_read_once_every_rank_has_written_it(tmp_path):
    first, second, third = launch(tmp_path / "run", world_size=3)
    for writer in (first, third):
        writer.write_epoch(1, columns([writer.rank]))

    assert open_run(tmp_path / "run").closed_epochs == []

    second.write_epoch(1, columns([1], prediction=2))

    assert open_run(tmp_path / "run").trajectory("prediction").tolist() == [[0, 2, 0, -1, -1, -1]]


def test_the_lowest_ranks_row_of_a_padded_example_stands_before_and_after_merging(tmp_path):
    first, second = launch(tmp_path / "run")
    second.write_epoch(1, columns([0, 3, 5], prediction=2, loss=2.0, visits=3))
    first.write_epoch(1, columns([0, 1, 5], prediction=1, loss=1.0))
    expected = {
        "loss": [1, 1, np.nan, 2, np.nan, 1],
        "visits": [1, 1, -1, 3, -1, 1],
        "prediction": [1, 1, -1, 2, -1, 1],
    }

    before = open_run(tmp_path / "run")
    first.finish("complete")
    after = open_run(tmp_path / "run")

    for run in (before, after):
        for signal, values in expected.items():
            np.testing.assert_array_equal(run.trajectory(signal), [values])
    merged = pd.read_parquet(tmp_path / "run/trajectories/epoch-00001.parquet")
    assert merged["example"].tolist() == [0, 1, 3, 5]


def test_closing_leaves_what_one_process_would_have_written(tmp_path):
    alone = RunWriter.create(tmp_path / "alone", num_examples=N, measure="online")
    for epoch in (1, 2):
        alone.write_epoch(epoch, columns(range(N)))
    alone.finish("complete")
    shared = launch(tmp_path / "run")
    for epoch in (1, 2):
        for writer in shared:
            writer.write_epoch(epoch, columns(range(writer.rank, N, 2)))
    for writer in reversed(shared):
        writer.finish("complete")

    assert files(tmp_path / "run") == files(tmp_path / "alone")
    assert checked(tmp_path / "run") == ["trajectories/epoch-00001.parquet", "trajectories/epoch-00002.parquet"]
    for name in checked(tmp_path / "alone"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    meta = json.loads((tmp_path / "run/run.json").read_text())
    assert (meta["status"], meta["world_size"]) == ("complete", 2)


def test_labels_that_only_one_rank_saw_are_known_before_and_after_merging(tmp_path):
    first, second = launch(tmp_path / "run")
    write_labels(first, {0: 3, 1: 4})
    write_labels(second, {1: 4, 2: 5})
    for writer in (first, second):
        writer.write_epoch(1, columns([writer.rank]))

    assert open_run(tmp_path / "run").given_labels.tolist() == [3, 4, 5, -1, -1, -1]

    first.finish("complete")

    assert open_run(tmp_path / "run").given_labels.tolist() == [3, 4, 5, -1, -1, -1]
    assert "examples-rank001.parquet" not in files(tmp_path / "run")


def test_labels_that_differ_between_ranks_are_named(tmp_path):
    first, second = launch(tmp_path / "run")
    write_labels(first, {4: 3})
    write_labels(second, {4: 1})

    with pytest.warns(ProbeWarning, match="different labels of example 4, 3 and 1"):
        given = open_run(tmp_path / "run").given_labels

    assert given[4] == 3


def test_closing_adds_up_what_the_ranks_counted(tmp_path):
    first, second = launch(tmp_path / "run")
    for epoch, counted in ((1, 2), (2, 5)):
        first.write_epoch(epoch, columns([0]), nonfinite_visits=1)
        second.write_epoch(epoch, columns([1]), nonfinite_visits=counted)
    first.finish("complete", nonfinite_visits=1)

    assert open_run(tmp_path / "run").meta["nonfinite_visits"] == 6


def test_a_missing_rank_is_named_once_and_the_whole_epochs_are_kept(tmp_path, no_wait, monkeypatch):
    first, second = launch(tmp_path / "run")
    for epoch in (1, 2, 3, 4):
        first.write_epoch(epoch, columns([0, 2]))
    second.write_epoch(1, columns([1]))
    second.write_epoch(3, columns([1]))

    with pytest.warns(ProbeWarning, match="missing rank 1 in epochs 2, 4"):
        first.finish("complete")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_run(tmp_path / "run")  # once in a process is enough
    monkeypatch.setattr(shards, "_told", set())  # as in another process
    with pytest.warns(ProbeWarning, match="missing rank 1 in epochs 2, 4"):
        run = open_run(tmp_path / "run")

    assert run.closed_epochs == [1, 3]
    seen, missing = [0, 0, 0, -1, -1, -1], [-1] * 6
    assert run.trajectory("prediction").tolist() == [seen, missing, seen]
    assert [name for name in files(tmp_path / "run") if name.startswith("traj")] == checked(tmp_path / "run")
    assert len(checked(tmp_path / "run")) == 4  # two merged, two shards of rank 0


def test_a_run_that_goes_on_is_not_warned_of(tmp_path):
    first, _ = launch(tmp_path / "run")
    first.write_epoch(1, columns([0]))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_run(tmp_path / "run").status == "running"


def test_closing_waits_for_a_rank_that_is_late(tmp_path, monkeypatch):
    first, second = launch(tmp_path / "run")
    first.write_epoch(1, columns([0]))
    monkeypatch.setattr(writer_module.shards.time, "sleep", lambda _: second.write_epoch(1, columns([1])))

    first.finish("complete")

    assert open_run(tmp_path / "run").trajectory("visits").tolist() == [[1, 1, -1, -1, -1, -1]]


@pytest.fixture
def clock(monkeypatch):
    """Time that passes by sleeping alone, ten times as fast; what happens at a second of it can be put in."""
    events = {}
    now = [0.0]

    def sleep(seconds):
        now[0] += 10 * seconds
        events.pop(round(now[0]), lambda: None)()

    monkeypatch.setattr(shards, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    return events


def test_a_wait_that_is_not_short_is_told_of_once(tmp_path, clock):
    first, second = launch(tmp_path / "run")
    for epoch in (1, 2):
        first.write_epoch(epoch, columns([0]))
    second.write_epoch(1, columns([1]))
    clock[20] = lambda: second.write_epoch(2, columns([1]))

    with pytest.warns(ProbeWarning) as told:
        first.finish("complete")

    assert [str(warning.message) for warning in told] == [
        f"{tmp_path / 'run'}: waiting for the shards of rank 1 in epoch 2, 60 s at most."
    ]
    assert open_run(tmp_path / "run").closed_epochs == [1, 2]


def test_a_short_wait_is_silent(tmp_path, clock):
    first, second = launch(tmp_path / "run")
    first.write_epoch(1, columns([0]))
    clock[1] = lambda: second.write_epoch(1, columns([1]))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first.finish("complete")
    assert open_run(tmp_path / "run").closed_epochs == [1]


def test_another_rank_waits_for_rank_0_to_close(tmp_path, clock):
    first, second = launch(tmp_path / "run")
    second.write_epoch(1, columns([1]))
    clock[20] = lambda: (first.write_epoch(1, columns([0])), first.finish("complete"))

    with pytest.warns(ProbeWarning, match="waiting for rank 0 to close it, 90 s at most"):
        shards.wait_for_merge(tmp_path / "run", first.meta["launch_id"], 90)

    assert open_run(tmp_path / "run").closed_epochs == [1]


def test_another_rank_does_not_wait_for_ever_nor_for_another_launch(tmp_path, clock):
    first, _ = launch(tmp_path / "run")
    clock[91] = lambda: pytest.fail("waits on")

    shards.wait_for_merge(tmp_path / "run", "another", 90)
    with pytest.warns(ProbeWarning, match="waiting for rank 0"):
        shards.wait_for_merge(tmp_path / "run", first.meta["launch_id"], 90)


def test_a_merged_file_stands_beside_shards_that_a_crash_left(tmp_path):
    first, second = launch(tmp_path / "run")
    for writer in (first, second):
        writer.write_epoch(1, columns([writer.rank]))
    first.finish("complete")
    for writer in (first, second):
        writer.write_epoch(1, columns([writer.rank], visits=9))

    assert open_run(tmp_path / "run").trajectory("visits").tolist() == [[1, 1, -1, -1, -1, -1]]

    RunWriter.resume(tmp_path / "run").finish("complete")

    assert open_run(tmp_path / "run").trajectory("visits").tolist() == [[1, 1, -1, -1, -1, -1]]
    assert files(tmp_path / "run/trajectories") == ["epoch-00001.parquet"]
    assert checked(tmp_path / "run") == ["trajectories/epoch-00001.parquet"]


def test_an_epoch_can_be_merged_while_it_is_read(tmp_path, monkeypatch):
    first, second = launch(tmp_path / "run")
    for writer in (first, second):
        writer.write_epoch(1, columns([writer.rank]))
    run = open_run(tmp_path / "run")
    read = trajectories._read

    def merging(*arguments):
        first.finish("complete")
        return read(*arguments)

    monkeypatch.setattr(trajectories, "_read", merging)

    assert run.trajectory("visits").tolist() == [[1, 1, -1, -1, -1, -1]]


@pytest.mark.parametrize("world_size", [1, 3])
def test_resuming_merges_whole_epochs_and_drops_the_others(tmp_path, world_size):
    first, second = launch(tmp_path / "run")
    write_labels(second, {5: 1})
    for writer in (first, second):
        writer.write_epoch(1, columns([writer.rank]), nonfinite_visits=2)
    second.write_epoch(2, columns([1]), nonfinite_visits=3)
    first._lock.release()  # as when both are killed

    resumed = RunWriter.resume(tmp_path / "run", world_size=world_size)

    names = [name for name in files(tmp_path / "run") if name.startswith(("traj", "examples", "SHA"))]
    assert names == ["SHA256SUMS", "examples.parquet", "trajectories/epoch-00001.parquet"]
    assert checked(tmp_path / "run") == names[2:]
    assert open_run(tmp_path / "run").given_labels.tolist() == [-1] * 5 + [1]
    assert resumed.meta["world_size"] == world_size
    assert resumed.meta["nonfinite_visits"] == 5
    assert resumed.meta["launch_id"] != first.meta["launch_id"]


def test_dropping_epochs_takes_each_ranks_shards(tmp_path):
    both = launch(tmp_path / "run")
    for epoch in (1, 2, 3):
        for writer in both:
            writer.write_epoch(epoch, columns([writer.rank]))
    for writer in both:
        writer.drop_epochs_after(1)

    assert [name for name in files(tmp_path / "run") if "epoch-" in name] == [
        "trajectories/epoch-00001-rank000.parquet",
        "trajectories/epoch-00001-rank001.parquet",
    ]
    assert checked(tmp_path / "run", "SHA256SUMS-rank001") == ["trajectories/epoch-00001-rank001.parquet"]


def test_overwriting_removes_every_ranks_files_and_spares_the_users(tmp_path, no_wait):
    first, second = launch(tmp_path / "run")
    write_labels(second, {0: 1})
    second.write_epoch(1, columns([1]))
    with pytest.warns(ProbeWarning, match="missing rank 0 in epoch 1"):
        first.finish("failed")
    (tmp_path / "run/notes-rank001.txt").write_text("mine")

    RunWriter.create(tmp_path / "run", num_examples=N, measure="online", if_exists="overwrite").finish("complete")

    assert files(tmp_path / "run") == [".lock", "notes-rank001.txt", "run.json"]


def test_a_rank_does_not_join_a_run_that_is_not_rank_0s(tmp_path, monkeypatch):
    launch(tmp_path / "run")
    monkeypatch.setattr(writer_module, "_JOIN_S", 0.0)

    with pytest.raises(ProbeError, match="rank 1 does not see what rank 0 wrote to .*run: put it on a disk they share"):
        RunWriter.join(tmp_path / "run", rank=1, launch_id="another")


def test_only_rank_0_writes_what_belongs_to_the_whole_run(tmp_path):
    _, second = launch(tmp_path / "run")
    before = files(tmp_path / "run")

    second.write_thumbnails({0: b"png"})
    second.append_metrics([{"epoch": 1}])
    second.write_probe("p", 1, pd.DataFrame({"epoch": [1]}))
    second.write_probe_scores("p", pd.DataFrame({"example": [0]}))
    second.finish("failed")

    assert files(tmp_path / "run") == before
    assert open_run(tmp_path / "run").status == "running"


def test_both_measures_are_merged(tmp_path):
    both = launch(tmp_path / "run")
    for writer in both:
        writer.write_epoch(1, columns([writer.rank], loss=3.0), online=True)
        writer.write_epoch(1, columns([writer.rank], loss=1.0))
    both[0].finish("complete")

    for folder, loss in (("trajectories", 1.0), ("trajectories-online", 3.0)):
        assert files(tmp_path / "run" / folder) == ["epoch-00001.parquet"]
        assert pd.read_parquet(tmp_path / "run" / folder)["loss"].tolist() == [loss, loss]


def test_shards_keep_the_types_and_groups_of_the_format(tmp_path):
    both = launch(tmp_path / "run")
    for writer in both:
        writer.write_epoch(1, columns([writer.rank]))
    shard = pq.read_schema(tmp_path / "run/trajectories/epoch-00001-rank001.parquet")
    both[0].finish("complete")

    assert pq.read_schema(tmp_path / "run/trajectories/epoch-00001.parquet").equals(shard.remove_metadata())


def test_a_folder_written_by_others_needs_no_world_size(tmp_path):
    (tmp_path / "trajectories").mkdir()
    meta = {"format_version": 1, "status": "complete", "measure": "online", "dataset": {"num_examples": 3}}
    (tmp_path / "run.json").write_text(json.dumps(meta))
    for rank in (0, 1):
        table = pd.DataFrame({"example": [rank], "prediction": [rank]})
        table.to_parquet(tmp_path / f"trajectories/epoch-00001-rank00{rank}.parquet")

    assert open_run(tmp_path).trajectory("prediction").tolist() == [[0, 1, -1]]


def test_rank_files_alone_are_not_built_upon(tmp_path):
    (tmp_path / "examples-rank001.parquet").write_text("")

    with pytest.raises(RunExistsError, match="already holds files"):
        RunWriter.create(tmp_path, num_examples=1, measure="online")
