"""IDX files written byte by byte, whole and damaged."""

import gzip
import struct

import numpy as np
import pytest

from probes.data.idx import find_idx, read_idx
from probes.errors import ConfigError

VALUES = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
WHOLE = struct.pack(">BBBBIII", 0, 0, 8, 3, 4, 3, 2) + VALUES.tobytes()


def test_reads_what_was_written(tmp_path):
    (tmp_path / "a").write_bytes(WHOLE)

    assert np.array_equal(read_idx(tmp_path / "a"), VALUES)
    assert read_idx(tmp_path / "a").dtype == np.uint8


def test_reads_compressed_files_in_place(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(WHOLE))

    assert np.array_equal(read_idx(find_idx(tmp_path, "a")), VALUES)
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]


@pytest.mark.parametrize(("code", "letter"), [(0x0B, "h"), (0x0C, "i"), (0x0D, "f"), (0x0E, "d")])
def test_larger_numbers_are_big_endian(tmp_path, code, letter):
    (tmp_path / "a").write_bytes(struct.pack(f">BBBBI3{letter}", 0, 0, code, 1, 3, 1, -2, 300))

    assert read_idx(tmp_path / "a").tolist() == [1, -2, 300]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (WHOLE[:-1], "is cut short: its header says 24 bytes of (4, 3, 2), got 23"),
        (WHOLE + b"x", "is too long: its header says 24 bytes"),
        (WHOLE[:10], "is cut short inside its header"),
        (b"", "is not an IDX file: its first bytes are missing"),
        (b"\x89PNG0000", "is not an IDX file: its first bytes are 89 50 4e 47"),
        (b"\0\0\x07\x01\0\0\0\0", "is not an IDX file"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, content, fault):
    (tmp_path / "a").write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        read_idx(tmp_path / "a")

    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [gzip.compress(WHOLE, mtime=0)[:-9], b"plain"], ids=["cut short", "plain"])
def test_a_damaged_compressed_file_is_one_line(tmp_path, content):
    (tmp_path / "a.gz").write_bytes(content)

    with pytest.raises(ConfigError, match=r"a\.gz cannot be read"):
        read_idx(tmp_path / "a.gz")
