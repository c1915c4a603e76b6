"""IDX, the format of MNIST and its relatives: read in place, compressed or not."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from probes.errors import ConfigError

__all__ = ["find_idx", "read_idx"]

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file; one that ends in .gz is decompressed on the way.

    Raises:
        ConfigError: the file is no IDX file, or holds fewer or more values than its header says.

    Source:
        The format's description, http://yann.lecun.com/exdb/mnist/: two zero bytes, a type, the number of dimensions,
        each dimension as a big-endian 32-bit number, then the values in row-major order.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES or data[3] == 0:
        raise ConfigError(f"{path} is not an IDX file: its first bytes are {data[:4].hex(' ') or 'missing'}.")
    kind, ndim = np.dtype(_TYPES[data[2]]), data[3]
    start = 4 + 4 * ndim
    if len(data) < start:
        raise ConfigError(f"{path} is cut short inside its header.")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", ndim, offset=4))
    expected = math.prod(shape) * kind.itemsize
    if len(data) - start != expected:
        fault = "is cut short" if len(data) - start < expected else "is too long"
        raise ConfigError(f"{path} {fault}: its header says {expected:,} bytes of {shape}, got {len(data) - start:,}.")
    return np.frombuffer(data, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))


def find_idx(folder: Path, name: str) -> Path | None:
    """The file `name` in a folder, as it is or with .gz; None where it is not there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
