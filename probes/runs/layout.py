"""Names of the files in a run folder, and how they are written: to a temporary name, synced, renamed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "CHECKPOINTS",
    "CHECKSUMS",
    "EXAMPLES",
    "FORMAT_VERSION",
    "LOCK",
    "METRICS",
    "ONLINE_TRAJECTORIES",
    "OWN",
    "PROBES",
    "REPORT",
    "RUN_JSON",
    "THUMBNAILS",
    "TRAJECTORIES",
    "atomic_write",
    "epoch_name",
    "epochs_in",
]

FORMAT_VERSION = 1
RUN_JSON = "run.json"
LOCK = ".lock"
CHECKSUMS = "SHA256SUMS"
EXAMPLES = "examples.parquet"
METRICS = "epochs.jsonl"
THUMBNAILS = "thumbnails.parquet"
TRAJECTORIES = "trajectories"
ONLINE_TRAJECTORIES = "trajectories-online"
PROBES = "probes"
CHECKPOINTS = "checkpoints"
REPORT = "report.html"
# Everything of a run's own in its folder: what overwriting removes. Other files there are the user's.
OWN = frozenset(
    (RUN_JSON, CHECKSUMS, EXAMPLES, METRICS, THUMBNAILS, TRAJECTORIES, ONLINE_TRAJECTORIES, PROBES, CHECKPOINTS, REPORT)
)

_EPOCH_FILE = re.compile(r"epoch-(\d{5,})\.parquet")


def epoch_name(epoch: int) -> str:
    """`epoch-00005` for 5."""
    return f"epoch-{epoch:05d}"


def epochs_in(folder: Path) -> list[int]:
    """Epochs that have a finished Parquet file in the folder, in order."""
    if not folder.is_dir():
        return []
    found = (_EPOCH_FILE.fullmatch(name) for name in os.listdir(folder))
    return sorted(int(match[1]) for match in found if match)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; sync and rename it when the block succeeds, remove it otherwise."""
    temporary = path.parent / f".{path.name}.tmp-{os.getpid()}"
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
