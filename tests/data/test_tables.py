"""Tables: the label column, features of every type, and what may be wrong with them."""

import numpy as np
import pandas as pd
import pytest

from probes.data import load_dataset
from probes.errors import ConfigError

N = 40


def frame(**columns):
    return pd.DataFrame({"size": np.arange(N) * 1.5, "label": ["cat", "dog"] * (N // 2), **columns})


@pytest.fixture(params=["csv", "parquet"])
def saved(request, tmp_path):
    def save(table):
        path = tmp_path / f"pets.{request.param}"
        table.to_csv(path, index=False) if request.param == "csv" else table.to_parquet(path)
        return str(path)

    return save


def test_numbers_are_standardised_and_labels_become_sorted_classes(saved):
    data = load_dataset(saved(frame()))

    sizes = data.ids * 1.5
    assert (data.name, data.kind, data.image_shape, data.classes) == ("pets", "table", (), ["cat", "dog"])
    assert np.allclose(data.train.inputs[:, 0], (sizes - sizes.mean()) / sizes.std(), atol=1e-5)
    assert np.array_equal(data.train.given_labels, data.ids % 2)
    assert (len(data.train), len(data.validation), len(data.test)) == (32, 4, 4)
    assert data.blank_value == 0.0
    assert data.noisy is None


def test_text_and_bools_become_a_flag_per_level(saved):
    colours = np.array(["red", "blue", "green", "blue"] * 10)
    data = load_dataset(saved(frame(colour=colours, tame=np.arange(N) % 3 == 0)))

    expected = np.stack([colours == level for level in ("blue", "green", "red")], axis=1)[data.ids]
    assert data.train.inputs.shape == (32, 1 + 3 + 2)
    assert np.array_equal(data.train.inputs[:, 1:4], expected)
    assert np.array_equal(data.train.inputs[:, 5], data.ids % 3 == 0)


def test_missing_numbers_become_the_mean_and_missing_text_a_level(saved):
    weight = np.where(np.arange(N) < 3, np.nan, np.arange(N))
    colour = pd.Series(["red", None] * (N // 2), dtype="str")

    data = load_dataset(saved(frame(weight=weight, colour=colour)))

    assert data.train.inputs.shape[1] == 4
    assert (data.train.inputs[data.ids < 3, 1] == 0).all()
    assert data.notes == ["missing numbers became the mean of their column: weight (3)."]


def test_rare_levels_share_one():
    from probes.data.tables import _encode

    common = [f"level{i:02}" for i in range(50)] * 2
    table = pd.DataFrame({"name": [*common, "rare1", "rare2"]})
    other = pd.DataFrame({"name": ["rare1", "level07", "never seen"]})

    encoded = _encode([table, other])

    assert encoded.features[0].shape == (102, 51)
    assert encoded.features[1].argmax(axis=1).tolist() == [50, 7, 50]
    assert encoded.notes == ["column 'name' has 52 levels: the 50 most frequent count, the rest are one."]


def test_a_level_that_training_does_not_have_is_no_flag():
    from probes.data.tables import _encode

    encoded = _encode([pd.DataFrame({"a": ["x", "y"]}), pd.DataFrame({"a": ["z"]})])

    assert encoded.features[1].tolist() == [[0, 0]]


def test_the_column_id_names_examples_and_is_no_feature(saved):
    data = load_dataset(saved(frame(id=[f"pet-{i}" for i in range(N)])))

    assert data.train.inputs.shape == (32, 1)
    assert data.ids[0].startswith("pet-")
    assert all(int(name[4:]) % 2 == label for name, label in zip(data.ids, data.train.given_labels, strict=True))


def test_ids_with_leading_zeros_stay_as_they_are(tmp_path):
    frame(id=[f"{i:03}" for i in range(N)]).to_csv(tmp_path / "a.csv", index=False)

    assert set(load_dataset(str(tmp_path / "a.csv")).ids) <= {f"{i:03}" for i in range(N)}


def test_ids_of_whole_numbers_are_numbers(saved):
    data = load_dataset(saved(frame(id=np.arange(N) + 100)))

    assert data.ids.dtype == np.int64
    assert np.array_equal((data.ids - 100) % 2, data.train.given_labels)


def test_ids_that_repeat_are_not_used(saved):
    data = load_dataset(saved(frame(id=np.arange(N) // 2)))

    assert data.ids.dtype == np.int64
    assert "repeated or missing" in data.notes[0]


def test_a_column_of_true_labels_is_the_truth_and_no_feature(saved):
    truth = ["cat", "dog"] * (N // 2)
    truth[:4] = ["dog", "cat", "dog", "cat"]

    data = load_dataset(saved(frame(true_label=truth)))

    assert data.train.inputs.shape == (32, 1)
    assert np.array_equal(data.noisy, data.ids < 4)


@pytest.mark.parametrize("values", [[3, 5], [-1, 1], [3.0, 5.0]])
def test_numbers_name_their_classes(saved, values):
    data = load_dataset(saved(frame(label=values * (N // 2))))

    assert data.classes == [str(int(value)) for value in sorted(values)]
    assert np.array_equal(data.train.given_labels, data.ids % 2)


def test_dates_are_numbers(tmp_path):
    table = frame(born=pd.date_range("2020-01-01", periods=N))
    table.to_parquet(tmp_path / "a.parquet")

    data = load_dataset(str(tmp_path / "a.parquet"))

    assert np.allclose(data.train.inputs[:, 0], data.train.inputs[:, 1], atol=1e-5)


@pytest.mark.parametrize("name", ["target", "y", "class"])
def test_the_usual_names_of_label_columns_are_found(saved, name):
    assert load_dataset(saved(frame().rename(columns={"label": name}))).classes == ["cat", "dog"]


def test_a_label_column_can_be_named(saved):
    data = load_dataset(saved(frame(species=["a", "b", "c", "d"] * 10)), label_column="species")

    assert data.classes == ["a", "b", "c", "d"]
    assert data.train.inputs.shape == (32, 1 + 2)


@pytest.mark.parametrize(
    ("table", "column", "fault"),
    [
        (frame(), "lable", "unknown label column 'lable'. Did you mean 'label'?"),
        (frame(y=1), None, "has label, y: name the column of labels with --label-column. Its columns: size, label, y."),
        (frame().rename(columns={"label": "a"}), None, "has none of label, target, y, class"),
        (
            frame(label=[None, None, *["a", "b"] * 19]),
            None,
            "'label' is missing in 2 rows, the first of them row 0",
        ),
        (
            frame(label=[0.0, 2.5] * 20),
            None,
            "not a whole number in 20 rows, the first of them row 1 (2.5)",
        ),
        (frame(label="cat"), None, "label column 'label' holds one class only (cat)"),
        (frame()[["label"]], None, "has no columns beside the labels"),
        (frame()[:0], None, "has no rows"),
        (frame()[:2], None, "2 examples are too few to split"),
    ],
)
def test_what_is_wrong_is_one_line(saved, table, column, fault):
    with pytest.raises(ConfigError) as caught:
        load_dataset(saved(table), label_column=column)

    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", b""), ("a.csv", b"a,b\n1,2,3\n4,5\n6,7,8,9"), ("a.csv", b"\xff\xfe\x00"), ("a.parquet", b"text")],
)
def test_a_file_that_is_no_table_is_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load_dataset(str(tmp_path / name))

    assert "\n" not in str(caught.value)


def test_a_column_of_lists_is_refused(tmp_path):
    frame(words=[["a", "b"]] * N).to_parquet(tmp_path / "a.parquet")

    with pytest.raises(ConfigError, match="column 'words' of .* holds ndarray values, not numbers or text"):
        load_dataset(str(tmp_path / "a.parquet"))


def test_a_label_column_is_for_tables_only():
    with pytest.raises(ConfigError, match="label_column is for tables .* got dataset 'digits'"):
        load_dataset("digits", label_column="label")


def test_other_values_and_other_splits_have_other_fingerprints(saved):
    first = load_dataset(saved(frame())).fingerprint
    split = load_dataset(saved(frame()), split_seed=1).fingerprint
    value = load_dataset(saved(frame(size=np.arange(N)))).fingerprint

    assert len({first, split, value}) == 3
    assert load_dataset(saved(frame())).fingerprint == first
