"""Small data sets on disk, made for each test."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def make_folder(tmp_path):
    """Writes an image folder: {relative path: size, array or bytes}, and returns it."""

    def write(files, name="pictures"):
        random = np.random.default_rng(0)
        for path, content in files.items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                target.write_bytes(content)
                continue
            pixels = random.integers(0, 256, (*content, 3)) if isinstance(content, tuple) else content
            Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(target)
        return tmp_path / name

    return write


@pytest.fixture
def pets(make_folder):
    """30 cats and 30 dogs, 6 x 5 pixels in colour, without parts."""
    return make_folder({f"{name}/{i:02}.png": (6, 5) for name in ("cat", "dog") for i in range(30)})
