"""SHA256SUMS stays what `sha256sum -c` reads, whenever its writer was killed."""

import subprocess
import sys

import numpy as np
import pytest

from probes import ExampleTracker

KILLED = """
import os
import numpy as np
from probes import ExampleTracker

tracker = ExampleTracker(2, run="run")
for epoch in range(3):
    tracker.update([0, 1], np.eye(2), [0, 1])
    tracker.end_epoch()
os._exit(1)
"""


def go_on(folder):
    with ExampleTracker(2, run=folder / "run", if_exists="resume") as tracker:
        tracker.update([0, 1], np.eye(2), [0, 1])


@pytest.mark.parametrize("lost", [0, 25, 100, 1000])
def test_a_torn_list_is_mended_when_the_run_goes_on(tmp_path, lost):
    subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, check=False)
    listed = tmp_path / "run/SHA256SUMS"
    listed.write_bytes(listed.read_bytes()[: -lost or None])

    go_on(tmp_path)

    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "run", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"trajectories/epoch-{epoch:05d}.parquet: OK" for epoch in (1, 2, 3, 4)]
    assert not done.stderr


def test_what_a_killed_writer_left_half_written_goes(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, check=False)
    half = tmp_path / "run/trajectories/.epoch-00004.parquet.tmp-999"
    half.write_bytes(b"PAR1")

    go_on(tmp_path)

    assert not half.exists()
