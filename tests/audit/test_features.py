"""What is unusual about an example of a table, against slow and obvious sums."""

import numpy as np
import pandas as pd
import pytest

from probes.audit import audit, open_audit
from probes.audit.features import MOST_FEATURES, telling_features

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
FRAME = pd.DataFrame(
    {
        "flat": [5.0] * 8,
        "height": [1.0, 1.0, 1.0, 5.0, 9.0, 9.5, 8.5, 9.0],
        "colour": ["red", "red", "red", "blue", "blue", "blue", "red", None],
    }
)


def test_a_number_is_as_far_as_sds_of_its_class_and_a_level_as_rare_as_in_it():
    found = telling_features(FRAME, LABELS, np.array([3])).set_index("feature")

    assert found.index.tolist() == ["height", "colour", "flat"]
    assert found["rank"].tolist() == [1, 2, 3]
    assert found["value"].tolist() == ["5", "blue", "5"]
    assert found.loc["height", "deviation"] == pytest.approx((5 - 2) / np.std([1, 1, 1, 5]))
    assert found.loc["colour", "deviation"] == pytest.approx((1 - 0.25) / np.std([0, 0, 0, 1]))
    assert found.loc["colour", "class_share"] == 0.25
    assert found.loc["flat", "deviation"] == 0
    assert np.isnan(found.loc["height", "class_share"])


def test_what_is_missing_is_a_level_of_its_own():
    frame = FRAME.assign(height=[np.nan, *FRAME["height"][1:]], day=[pd.NaT, *pd.date_range("2020-01-01", periods=7)])

    found = telling_features(frame, LABELS, np.array([0, 7])).set_index(["example", "feature"])

    assert found.loc[(0, "height"), "value"] == found.loc[(7, "colour"), "value"] == "(missing)"
    assert found.loc[(0, "day"), "value"] == "(missing)"
    assert found.loc[(7, "day"), "value"] == "2020-01-07"
    assert found.loc[[(0, "height"), (0, "day"), (7, "colour")], "class_share"].tolist() == [0.25, 0.25, 0.25]
    assert found.loc[(0, "height"), "deviation"] == found.loc[(0, "day"), "deviation"] == pytest.approx(3**0.5)
    assert found.loc[(7, "colour"), "deviation"] == pytest.approx((3 / 2) ** 0.5)  # one of three levels


def test_a_column_of_names_tells_less_than_a_rare_level():
    frame = FRAME.assign(name=list("abcdefgh"))

    found = telling_features(frame, LABELS, np.arange(8)).set_index(["feature", "example"])

    assert np.allclose(found.loc["name", "deviation"], 1)
    assert found.loc["colour", "deviation"].pow(2).groupby(LABELS).mean().tolist() == pytest.approx([1, 1])
    assert found.loc["height", "deviation"].pow(2).groupby(LABELS).mean().tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_definition(seed):
    random = np.random.default_rng(seed)
    rows, labels = random.normal(size=(60, 50)), random.integers(0, 3, 60)
    rows[:, 3] *= 1e300

    found = telling_features(rows, labels, np.array([7, 2]))

    with np.errstate(over="ignore"):
        top = np.abs(rows).max(axis=0)
    for example in (7, 2):
        same = (rows / top)[labels == labels[example]]
        expected = ((rows / top)[example] - same.mean(axis=0)) / same.std(axis=0)
        order = np.argsort(-np.abs(expected))[:MOST_FEATURES]
        of_this = found[found["example"] == example]
        assert of_this["feature"].tolist() == [str(place) for place in order]
        assert np.allclose(of_this["deviation"], expected[order])


def test_an_audit_of_a_table_keeps_what_is_unusual(tmp_path, quick):
    random = np.random.default_rng(0)
    given = np.arange(80) % 2
    frame = pd.DataFrame({"x": 6.0 * given + random.normal(size=80), "kind": np.array(["p", "q"])[given]})
    frame.assign(label=given).to_csv(tmp_path / "a.csv", index=False)

    audit(str(tmp_path / "a.csv"), tmp_path / "out", settings=quick)

    found = open_audit(tmp_path / "out")
    assert set(found.features["example"]) == set(found.neighbours["example"])
    assert set(found.features["feature"]) == {"x", "kind"}
    assert found.meta["dataset"]["features"] == 2
    row = found.features[found.features["feature"] == "x"].iloc[0]
    assert float(row["value"]) == pytest.approx(frame["x"][row["example"]], rel=1e-4)


def test_an_audit_of_images_has_no_features(tmp_path, quick):
    images = np.random.default_rng(0).random((40, 4, 4))
    np.savez(tmp_path / "a.npz", X=images, y=np.arange(40) % 2)

    found = audit(str(tmp_path / "a.npz"), tmp_path / "out", settings=quick)

    assert found.features.empty
    assert found.meta["dataset"]["features"] is None
