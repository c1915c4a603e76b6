"""Tables: the label column, features of every type, and what may be wrong with them."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch

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

    assert data.train.inputs.shape[1] == 5
    assert (data.train.inputs[data.ids < 3, 1] == 0).all()
    assert np.array_equal(data.train.inputs[:, 2], data.ids < 3)  # a mean is told from a value
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
        (frame()[:3], None, "3 examples are too few to split: training would be left with one class"),
        (frame().rename(columns={"label": " Label"}), None, "with --label-column (did you mean ' Label'?)"),
        (frame(label=[0.0, np.inf] * 20), None, "is infinite in 20 rows, the first of them row 1. Correct it"),
        (frame(label=[" ", *["a", "b", "a"] * 13]), None, "'label' is missing in 1 row, the first of them row 0"),
        (frame(size=np.nan, colour=None), None, "no column beside the labels holds any value (size, colour)"),
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


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("size,label\n1,gr\xfcn\n".encode("latin-1"), "is not UTF-8 text (byte 0xfc). Save it as UTF-8"),
        ("size,label\n1,a\n".encode("utf-16"), "is not UTF-8 text (byte 0xff). Save it as UTF-8"),
        (
            b"size;label\n1;a\n2;b\n",
            "is separated by semicolons, save it with commas: its columns read as 'size;label'.",
        ),
        (b"size\tlabel\n1\ta\n", "is separated by tabs"),
        (
            b"a;text;label\n1;so, so;x\n2;one, two, three;y\n",
            "semicolons, save it with commas: its columns read as 'a;t",
        ),
        (b"a\ttext\tlabel\n1\tso, so\tx\n2\tone, two, three\ty\n", "is separated by tabs, save it with commas"),
        (b"a,b,label\n1,2,x\n1,2,3,y\n", "line 3 has 4 fields, the lines before it 3. Text that holds commas"),
        (b'a,b,label\n1,"2,x\n1,2,y\n', "a double quote is opened and never closed."),
        (b"label,size,label\na,1,b\nb,2,a\n", "has two columns 'label': rename or delete one of them."),
        (b"size,label\n1,a\n2,b,c,d\n", "line 3 has 4 fields, the lines before it 2."),
    ],
)
def test_a_csv_of_another_make_is_one_line(tmp_path, content, fault):
    (tmp_path / "a.csv").write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load_dataset(str(tmp_path / "a.csv"))

    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_without_a_name_is_called_by_its_place(tmp_path):
    (tmp_path / "a.csv").write_text("size,,label\n" + "1,1,a\n2,2,b\n3,,a\n" * 20)

    dataset = load_dataset(str(tmp_path / "a.csv"))
    assert any("(no name, column 2)" in note for note in dataset.notes), dataset.notes
    assert not any("Unnamed" in note for note in dataset.notes)


def test_a_second_column_of_the_labels_is_no_feature(tmp_path):
    """pandas calls it kind.1, and a network would read the answer there."""
    (tmp_path / "a.csv").write_text("kind,size,kind\n" + "a,1,a\nb,2,b\n" * 20)

    with pytest.raises(ConfigError, match="has two columns 'kind'"):
        load_dataset(str(tmp_path / "a.csv"), label_column="kind")


def test_features_of_one_name_are_numbered_and_said(tmp_path):
    (tmp_path / "a.csv").write_text("size,size,label\n" + "1,5,a\n2,7,b\n" * 20)

    data = load_dataset(str(tmp_path / "a.csv"))

    assert data.notes == ["columns of one name were numbered, NAME.1 after NAME: size."]
    assert data.train.inputs.shape[1] == 2


def test_the_index_that_pandas_saves_is_no_feature(tmp_path):
    frame().to_csv(tmp_path / "a.csv")
    with_index = load_dataset(str(tmp_path / "a.csv"))
    frame().to_csv(tmp_path / "b.csv", index=False)

    assert with_index.notes == ["the first column has no name and counts the rows: it is not used."]
    assert torch.equal(with_index.train.inputs, load_dataset(str(tmp_path / "b.csv")).train.inputs)


def test_a_nameless_column_of_anything_else_is_a_feature(tmp_path):
    frame().assign(size=range(0, 2 * N, 2)).set_index("size").to_csv(tmp_path / "a.csv", index_label="")

    assert load_dataset(str(tmp_path / "a.csv")).train.inputs.shape[1] == 1


def test_spaces_around_labels_make_no_class(saved):
    data = load_dataset(saved(frame(label=["a", " a", "b", "b "] * 10)))

    assert data.classes == ["a", "b"]


def test_numbers_that_came_as_text_are_pointed_out(saved):
    data = load_dataset(saved(frame(size=["1.5"] * 38 + ["n/k", "?"])))

    assert data.notes == ["column 'size' is text, though all but ?, n/k are numbers: each value counts as a category."]


def test_a_column_without_any_value_is_named(saved):
    data = load_dataset(saved(frame(weight=np.nan)))

    assert "1 column without any value became 0: weight." in data.notes


def test_decimals_days_and_durations_are_numbers(tmp_path):
    days = pd.date_range("2020-01-01", periods=N)
    frame(
        size=[Decimal(row) / 4 for row in range(N)], day=[day.date() for day in days], since=days - days[0]
    ).to_parquet(tmp_path / "a.parquet")

    inputs = load_dataset(str(tmp_path / "a.parquet")).train.inputs

    assert inputs.shape[1] == 3
    assert torch.allclose(inputs[:, :1].expand(-1, 3), inputs, atol=1e-5)


def test_a_folder_is_no_table(tmp_path):
    (tmp_path / "a.csv").mkdir()

    with pytest.raises(ConfigError, match=r"a\.csv is a folder, not a table: folder:.*a\.csv reads it as images"):
        load_dataset(f"{tmp_path}/a.csv")


def test_numbers_of_any_size_count_and_infinite_ones_are_said(saved):
    """1e308 and its opposite are further apart than any float; the note names what is missing."""
    large = np.where(np.arange(N) % 2, 1e308, -1e308)
    gone = np.where(np.arange(N) == 3, np.inf, np.arange(N))

    data = load_dataset(saved(frame(large=large, gone=gone)))

    assert np.allclose(data.train.inputs[:, 1], np.where(data.ids % 2, 1, -1))
    assert data.notes == ["missing or infinite numbers became the mean of their column: gone (1)."]


def test_labels_that_are_one_number_in_a_csv_are_said_to_be(tmp_path):
    table = pd.DataFrame({"size": range(N), "label": ["1", "01", "2", "2"] * (N // 4)})
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_parquet(tmp_path / "a.parquet")
    read, kept = load_dataset(str(tmp_path / "a.csv")), load_dataset(str(tmp_path / "a.parquet"))

    assert (read.classes, kept.classes) == (["1", "2"], ["01", "1", "2"])
    assert "label column 'label' writes one number in several ways (1, 01): these are one class." in read.notes
    assert not any("several ways" in note for note in kept.notes)


def test_an_index_with_a_name_is_a_column(tmp_path):
    frame(age=np.arange(N) % 7).set_index("age").to_parquet(tmp_path / "age.parquet")
    frame(id=[f"pet{i}" for i in range(N)]).set_index("id").to_parquet(tmp_path / "id.parquet")
    frame().rename_axis("row").to_parquet(tmp_path / "row.parquet")
    age, named, row = (load_dataset(str(tmp_path / f"{name}.parquet")) for name in ("age", "id", "row"))

    assert age.train.inputs.shape[1] == 2
    assert "the index of the table is a column: age." in age.notes
    assert (named.ids[0].startswith("pet"), named.train.inputs.shape[1]) == (True, 1)
    assert row.train.inputs.shape[1] == 1  # it only counts the rows


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ([f"2020-01-{1 + i % 28:02}" for i in range(N)], "dates are numbers only where a .parquet file holds them"),
        ([f"{1 + i % 28}.1.2020 12:00" for i in range(N)], "dates are numbers only"),
        ([f"1,{i:03}" for i in range(N)], "numbers are written without commas"),
        ([f"0,{i}" for i in range(N)], "numbers are written without commas"),
    ],
)
def test_dates_and_numbers_with_commas_that_came_as_text_are_pointed_out(saved, values, hint):
    notes = load_dataset(saved(frame(odd=values))).notes

    assert notes[0].startswith(
        f"column 'odd' is text, such as {values[0]!r}, and each value counts as a category: {hint}"
    )


@pytest.mark.parametrize("value", ["1.2.3", "oak, elm", "192.168.0.1", "A-1-2020"])
def test_other_text_is_not_pointed_out(saved, value):
    assert load_dataset(saved(frame(odd=[value, "b"] * (N // 2)))).notes == []
