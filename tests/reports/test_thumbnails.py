"""Grey-scale thumbnails are shown as ink on paper; colours are left alone."""

import io

import numpy as np
from PIL import Image

from probes_reports.thumbnails import Ink, ink_of, inverted


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(file, format="PNG")
    return file.getvalue()


STROKE = np.pad(np.full((2, 4), 255), 2)  # white on black


def test_white_on_black_is_told_from_black_on_white_and_from_photographs():
    assert ink_of([png(STROKE)]) == Ink(is_grey=True, is_light=True)
    assert ink_of([png(255 - STROKE)]) == Ink(is_grey=True, is_light=False)
    assert ink_of([png(np.full((6, 6), 90))]) == Ink(is_grey=True, is_light=False)
    assert ink_of([png(np.zeros((6, 6, 3)))]) == Ink(is_grey=False, is_light=False)
    assert ink_of([]) == Ink(is_grey=False, is_light=False)


def test_inverting_exchanges_black_and_white():
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(inverted(png(STROKE))))), 255 - STROKE)
