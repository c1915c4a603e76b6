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
    "LOGS",
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
    "is_own",
    "of_rank",
    "ranks_of",
    "shard_name",
    "shards_in",
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
LOGS = "logs"
REPORT = "report.html"
OWN = frozenset(
    (
        *(RUN_JSON, CHECKSUMS, EXAMPLES, METRICS, THUMBNAILS, TRAJECTORIES, ONLINE_TRAJECTORIES),
        *(PROBES, CHECKPOINTS, LOGS, REPORT),
    )
)

_EPOCH_FILE = re.compile(r"epoch-(\d{5,})\.parquet")
_SHARD_FILE = re.compile(r"epoch-(\d{5,})-rank(\d{3,})\.parquet")
_RANK_FILE = re.compile(r"(SHA256SUMS|examples)-rank(\d{3,})(\.parquet)?")


def epoch_name(epoch: int) -> str:
    """`epoch-00005` for 5."""
    return f"epoch-{epoch:05d}"


def epochs_in(folder: Path) -> list[int]:
    """Epochs that have a finished Parquet file in the folder, in order."""
    if not folder.is_dir():
        return []
    found = (_EPOCH_FILE.fullmatch(name) for name in os.listdir(folder))
    return sorted(int(match[1]) for match in found if match)


def shard_name(epoch: int, rank: int) -> str:
    """`epoch-00005-rank001` for epoch 5 of rank 1."""
    return f"{epoch_name(epoch)}-rank{rank:03d}"


def shards_in(folder: Path) -> dict[int, list[int]]:
    """Epochs that have finished shards in the folder, in order, and the ranks that wrote them."""
    found: dict[int, list[int]] = {}
    for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
        if match := _SHARD_FILE.fullmatch(name):
            found.setdefault(int(match[1]), []).append(int(match[2]))
    return {epoch: sorted(found[epoch]) for epoch in sorted(found)}


def of_rank(name: str, rank: int) -> str:
    """The name of a rank's own file: `examples-rank001.parquet`; rank 0 writes `examples.parquet` itself."""
    stem, dot, suffix = name.partition(".")
    return name if rank == 0 else f"{stem}-rank{rank:03d}{dot}{suffix}"


def ranks_of(run_folder: Path) -> list[int]:
    """Ranks other than 0 that have files of their own beside rank 0's, in order."""
    matches = (_RANK_FILE.fullmatch(name) for name in os.listdir(run_folder))
    return sorted({int(match[2]) for match in matches if match})


def is_own(name: str) -> bool:
    """Whether an entry of a run folder is the run's own: what overwriting removes. Others are the user's."""
    unfinished = name.startswith(".") and ".tmp-" in name
    return name in OWN or unfinished or _RANK_FILE.fullmatch(name) is not None


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
