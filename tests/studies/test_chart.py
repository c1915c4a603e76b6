"""What charts leave in study.json."""

import base64
import json
import math

import pytest

from probes.studies.chart import Gallery, GalleryRow, Points, ScatterChart, band, picture

WORDS = {"id": "a", "question": "?", "paper": "It rises.", "ours": "It rises."}


def test_points_are_plain_numbers_and_names():
    points = Points("dropout", (0.1, float("nan")), (1, 2), labels=("0", "0.5"), swatch="2", joined=True)
    told = ScatterChart(**WORDS, x_title="x", y_title="y", points=[points], percent_x=True).to_dict()

    assert told == json.loads(json.dumps(told, allow_nan=False))
    assert (told["kind"], told["percent_x"], told["percent_y"]) == ("scatter", True, False)
    assert told["points"] == [
        {"name": "dropout", "x": [0.1, None], "y": [1, 2], "labels": ["0", "0.5"], "swatch": "2", "joined": True}
    ]


def test_a_gallery_holds_its_pictures_as_data():
    row = GalleryRow(picture(b"\x89PNG lead", "0.93"), [picture(b"\x89PNG other", "0.5")])
    told = Gallery(**WORDS, lead_title="memorized", others_title="carries", rows=[row]).to_dict()

    assert told == json.loads(json.dumps(told))
    lead, other = told["rows"][0]["lead"], told["rows"][0]["others"][0]
    assert (told["kind"], lead["caption"], other["caption"]) == ("gallery", "0.93", "0.5")
    start, data = lead["image"].split(",")
    assert start == "data:image/png;base64"
    assert base64.b64decode(data) == b"\x89PNG lead"


def test_a_band_on_a_logarithm_is_of_the_logarithms():
    """Mean 1 and sd a factor of ten, where the arithmetic band would reach below zero."""
    line = band("ratio", [1, 2], [[0.1, 4.0], [1.0, math.nan], [10.0, 0.0]], log=True)

    assert line.y == pytest.approx([1.0, 4.0])
    assert (line.low[0], line.high[0]) == pytest.approx((0.1, 10.0))
