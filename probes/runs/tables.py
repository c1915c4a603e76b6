"""The Parquet files of a run: their types, and how they are compressed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from probes.runs.layout import atomic_write

__all__ = ["trajectory_table", "write_parquet", "write_trajectory"]

ROW_GROUP = 65_536
_TRAJECTORY_TYPES = {
    "epoch": pa.int32(),
    "example": pa.int64(),
    "visits": pa.int32(),
    "loss": pa.float32(),
    "margin": pa.float32(),
    "entropy": pa.float32(),
    "el2n": pa.float32(),
    "prediction": pa.int32(),
}


def trajectory_table(epoch: int, columns: Mapping[str, np.ndarray]) -> pa.Table:
    """The columns of an epoch, equally long, with the types of the format and `epoch` in front."""
    full = {"epoch": np.full(len(columns["example"]), epoch), **columns}
    return pa.table({name: pa.array(full[name], kind) for name, kind in _TRAJECTORY_TYPES.items()})


def write_trajectory(path: Path, table: pa.Table) -> None:
    """Write an epoch's table."""
    with atomic_write(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            row_group_size=ROW_GROUP,
            use_dictionary=["epoch", "visits", "prediction"],
            column_encoding={
                "example": "DELTA_BINARY_PACKED",
                **dict.fromkeys(("loss", "margin", "entropy", "el2n"), "BYTE_STREAM_SPLIT"),
            },
        )


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write any other table."""
    with atomic_write(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP)
