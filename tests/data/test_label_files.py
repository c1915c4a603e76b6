"""Labels and judgements from files: matched by id, never by position in the file."""

import numpy as np
import pandas as pd
import pytest
import torch

from probes.data import exclude, load_dataset, read_given_labels, relabel, subset
from probes.errors import ConfigError

N = 60


@pytest.fixture
def data(tmp_path):
    """Rows are named by what they are; classes are ant, bee and cat in turn."""
    ids = np.array([f"row{i:02}" for i in range(N)])
    np.savez(
        tmp_path / "d.npz",
        X=np.random.default_rng(0).random((N, 4)),
        y=np.arange(N) % 3,
        ids=ids,
        classes=["ant", "bee", "cat"],
    )
    return load_dataset(str(tmp_path / "d.npz"))


@pytest.fixture(params=["csv", "parquet"])
def saved(request, tmp_path):
    def save(**columns):
        path, table = tmp_path / f"file.{request.param}", pd.DataFrame(columns)
        table.to_csv(path, index=False) if request.param == "csv" else table.to_parquet(path)
        return path

    return save


def rows_of(data):
    return np.array([int(name[3:]) for name in data.ids])


def everyone():
    return [f"row{i:02}" for i in reversed(range(N))]


@pytest.mark.parametrize("labels", [["bee", "cat", "ant"], [1, 2, 0]], ids=["names", "positions"])
@pytest.mark.parametrize("column", ["given_label", "label"])
def test_given_labels_are_found_by_id(data, saved, labels, column):
    file = saved(id=everyone(), **{column: [labels[i % 3] for i in reversed(range(N))]})

    assert np.array_equal(read_given_labels(file, data), (rows_of(data) + 1) % 3)


def test_given_labels_make_the_labels_of_the_data_the_true_ones(data, saved, tmp_path):
    file = saved(id=everyone(), given_label=[0] * N)

    told = load_dataset(str(tmp_path / "d.npz"), given_labels=file)

    assert told.train.given_labels.tolist() == [0] * len(data.train)
    assert np.array_equal(told.train.true_labels, data.train.given_labels)
    assert np.array_equal(told.noisy, rows_of(told) % 3 != 0)
    assert told.fingerprint != data.fingerprint


def test_training_examples_that_a_file_does_not_name_keep_their_labels(data, saved, tmp_path):
    """As in an audit of the same data and file."""
    file = saved(id=list(data.ids[:5]), label=["ant"] * 5)

    told = load_dataset(str(tmp_path / "d.npz"), given_labels=file)

    assert told.train.given_labels[:5].tolist() == [0] * 5
    assert torch.equal(told.train.given_labels[5:], data.train.given_labels[5:])
    assert torch.equal(told.train.true_labels, data.train.given_labels)
    assert told.notes[-1] == f"{len(data.train) - 5} examples are not in {file}: they keep their labels."


def test_a_file_of_given_labels_that_names_no_training_example_is_refused(data, saved):
    with pytest.raises(ConfigError, match="names none of the 48 examples"):
        read_given_labels(saved(id=list(data.other_ids), label=["ant"] * len(data.other_ids)), data)


def test_an_example_is_a_position_in_training(data, saved):
    file = saved(example=[1, 0, *range(2, len(data.train))], label=["cat", "ant", *["bee"] * (len(data.train) - 2)])

    assert read_given_labels(file, data)[:3].tolist() == [0, 2, 1]


def test_whole_numbers_of_a_column_with_gaps_still_match(data, saved):
    file = saved(example=[float(i) for i in range(len(data.train))], label=[1.0] * len(data.train))

    assert set(read_given_labels(file, data)) == {1}


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"id": ["row99", *everyone()], "label": ["ant"] * (N + 1)}, "names 1 unknown example by id: row99"),
        ({"id": everyone() + everyone(), "label": ["ant"] * 2 * N}, "more than once"),
        (
            {"id": everyone(), "label": ["yak"] * N},
            "the label 'yak' in row 0, which is none of the 3 classes: ant, bee, cat",
        ),
        ({"id": everyone(), "label": [3] * N}, "has the label '3' in row 0, which is none of the 3 classes"),
        ({"id": everyone(), "label": [None] * N}, "has a missing label"),
        (
            {"name": everyone(), "label": ["ant"] * N},
            "has no column id or path or example, its columns are: name",
        ),
        ({"id": everyone(), "lable": ["ant"] * N}, "has no column given_label or label"),
        ({"id": everyone(), "label": [0, *[0.5] * (N - 1)]}, "has the label '0.5' in row 1, which is none of the 3"),
        ({"id": [*everyone()[:-1], None], "label": ["ant"] * N}, "has no id in 1 row: say which examples these are"),
        ({"id": everyone(), "Given_Label": ["ant"] * N}, "Did you mean 'Given_Label'?"),
        ({"id": ["row99"], "label": ["ant"]}, "Those of these data are such as row"),
        ({"example": [48], "label": ["ant"]}, "names 1 unknown example by example: 48"),
    ],
)
def test_what_is_wrong_is_one_line(data, saved, columns, fault):
    with pytest.raises(ConfigError) as caught:
        read_given_labels(saved(**columns), data)

    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_kind_is_refused(data, tmp_path):
    with pytest.raises(ConfigError, match=r"labels\.txt must end in \.csv or \.parquet"):
        read_given_labels(tmp_path / "labels.txt", data)


def test_an_absent_file_is_named(data, tmp_path):
    with pytest.raises(ConfigError, match=r"there is no file .*absent\.csv"):
        exclude(data, tmp_path / "absent.csv")


def test_flagged_examples_are_left_out_and_the_others_keep_their_names(data, saved):
    flagged = data.ids[[3, 10]]
    file = saved(example=range(N), id=everyone(), is_label_issue=[name in flagged for name in everyone()])

    cleaned = exclude(data, file)

    assert list(cleaned.ids) == [name for name in data.ids if name not in flagged]
    assert cleaned.train.index.tolist() == list(range(len(data.train) - 2))
    assert np.array_equal(cleaned.train.given_labels, rows_of(cleaned) % 3)
    assert set(flagged) < set(cleaned.other_ids)
    assert cleaned.notes[-1] == "2 training examples were left out."
    assert cleaned.fingerprint != data.fingerprint
    assert len(cleaned.validation) == len(data.validation)


def test_every_row_counts_where_a_file_only_names(data, saved):
    assert len(exclude(data, saved(id=list(data.ids[:5]))).train) == len(data.train) - 5


def test_accepted_decisions_of_a_review_count(data, saved):
    file = saved(id=list(data.ids[:3]), decision=["accept", "reject", None], suggested_label=[0, 0, 0])

    assert list(exclude(data, file).ids) == list(data.ids[1:])


def test_examples_of_other_parts_are_counted(data, saved):
    cleaned = exclude(data, saved(id=[data.ids[0], *data.other_ids[:4]]))

    assert cleaned.notes[-2:] == [
        "1 training example was left out.",
        "4 more of the file's examples are not in the training part.",
    ]


def test_a_class_that_is_left_out_whole_is_named(data, saved):
    bees = [data.ids[row] for row in np.flatnonzero(data.train.given_labels == 1)]

    assert "1 class lost every training example: bee." in exclude(data, saved(id=bees)).notes


def test_a_class_that_relabelling_leaves_without_examples_is_named(data, saved):
    bees = [data.ids[row] for row in np.flatnonzero(data.train.given_labels == 1)]

    assert "1 class lost every training example: bee." in relabel(data, saved(id=bees, label=["cat"] * len(bees))).notes


@pytest.mark.parametrize("act", [exclude, relabel])
def test_a_file_of_decisions_without_rows_changes_nothing(data, tmp_path, act):
    (tmp_path / "none.csv").write_text("id,example,given_label,suggested_label,decision\n")

    changed = act(data, tmp_path / "none.csv")

    assert torch.equal(changed.train.given_labels, data.train.given_labels)
    assert changed.notes[-1].startswith("0 training examples were ")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"id;label\n1;ant\n", "is separated by semicolons, save it with commas"),
        ("id,label\n1,f\xf6n\n".encode("latin-1"), "is not UTF-8 text (byte 0xf6)"),
        (b"id,label,label\n1,ant,bee\n", "has two columns 'label': rename or delete one of them"),
        (b"", "cannot be read as a table: No columns to parse from file."),
    ],
)
@pytest.mark.parametrize("act", [exclude, relabel, lambda data, path: read_given_labels(path, data)])
def test_a_file_that_is_no_table_is_one_line(data, tmp_path, act, content, fault):
    (tmp_path / "bad.csv").write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        act(data, tmp_path / "bad.csv")

    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_leaving_out_twice_does_not_fail(data, saved):
    file = saved(id=list(data.ids[:5]))

    assert len(exclude(exclude(data, file), file).train) == len(data.train) - 5


def test_leaving_out_everything_is_refused(data, saved):
    with pytest.raises(ConfigError, match="would leave no training example"):
        exclude(data, saved(id=list(data.ids)))


def test_suggested_labels_replace_those_of_flagged_examples(data, saved):
    flags = [name == data.ids[4] for name in data.ids]
    file = saved(id=list(data.ids), is_label_issue=flags, suggested_label=[(i + 1) % 3 for i in rows_of(data)])

    cleaned = relabel(data, file)

    changed = np.flatnonzero(cleaned.train.given_labels != data.train.given_labels)
    assert changed.tolist() == [4]
    assert cleaned.train.given_labels[4] == (rows_of(data)[4] + 1) % 3
    assert cleaned.notes[-1] == "1 training example was relabelled."
    assert cleaned.fingerprint != data.fingerprint


def test_a_label_chosen_in_a_review_comes_before_the_suggestion(data, saved):
    file = saved(id=[data.ids[0]], decision=["accept"], label=["cat"], suggested_label=[0])

    assert relabel(data, file).train.given_labels[0] == 2


def test_suggestions_are_positions_even_where_classes_are_named_by_numbers(tmp_path):
    pd.DataFrame({"x": range(40), "label": [1, 2] * 20}).to_csv(tmp_path / "t.csv", index=False)
    data = load_dataset(str(tmp_path / "t.csv"))
    pd.DataFrame({"id": data.ids[:1], "suggested_label": [1]}).to_csv(tmp_path / "issues.csv", index=False)
    pd.DataFrame({"id": data.ids[:1], "label": [1]}).to_csv(tmp_path / "review.csv", index=False)

    assert relabel(data, tmp_path / "issues.csv").train.given_labels[0] == 1
    assert relabel(data, tmp_path / "review.csv").train.given_labels[0] == 0


@pytest.mark.parametrize("column", ["decision", "is_label_issue"])
def test_an_unknown_decision_is_refused_with_its_row(data, saved, column):
    allowed = "accept or reject" if column == "decision" else "0 or 1 or false or true"
    first = "accept" if column == "decision" else "true"
    file = saved(id=list(data.ids[:2]), label=["cat", "cat"], **{column: [first, "Maybe"]})

    with pytest.raises(ConfigError, match=f"has the {column} 'Maybe' in row 1, where it must be {allowed}, or empty"):
        relabel(data, file)


def test_decisions_are_read_in_letters_of_any_case(data, saved):
    file = saved(id=list(data.ids[:3]), decision=["Accept", "REJECT", "ACCEPT "])

    assert list(exclude(data, file).ids) == [data.ids[1], *data.ids[3:]]


def test_paths_name_examples_too(pets, tmp_path):
    data = load_dataset(str(pets))
    pd.DataFrame({"path": [data.paths[0], data.ids[1]]}).to_csv(tmp_path / "x.csv", index=False)

    assert list(exclude(data, tmp_path / "x.csv").ids) == list(data.ids[2:])


def test_truth_and_noise_survive_a_relabelling(data, saved):
    truth = data.train.given_labels.numpy()
    told = data.with_labels((truth + 1) % 3, true=truth)
    file = saved(id=list(told.ids), label=[int(label) for label in told.train.true_labels])

    assert told.noisy.any()
    assert not relabel(told, file).noisy.any()


@pytest.mark.parametrize("size", [3, 10, 47])
def test_a_subset_keeps_the_make_up_and_the_names(data, size):
    small, again, other = (subset(data, size, seed) for seed in (0, 0, 1))

    counts = np.bincount(data.train.given_labels) * size / len(data.train)
    assert np.abs(np.bincount(small.train.given_labels, minlength=3) - counts).max() < 1
    assert np.array_equal(small.train.given_labels, rows_of(small) % 3)
    assert small.train.index.tolist() == list(range(size))
    assert np.array_equal(small.ids, again.ids)
    assert size == 47 or not np.array_equal(small.ids, other.ids)
    assert (len(small.validation), len(small.test)) == (len(data.validation), len(data.test))
    assert set(small.ids) | set(small.other_ids) == set(data.ids) | set(data.other_ids)


@pytest.mark.parametrize("size", [0, 49])
def test_a_subset_of_no_possible_size_is_refused(data, size):
    with pytest.raises(ConfigError, match=f"subset must be between 1 and 48, got {size}"):
        subset(data, size, 0)


def test_classes_that_a_subset_loses_are_named(data):
    assert "1 of 3 classes is not in the subset" in subset(data, 2, 0).notes[-1]


def test_a_subset_of_a_large_folder_is_read_into_memory(pets, monkeypatch):
    from probes.data import image_folder

    whole = load_dataset(str(pets))
    monkeypatch.setattr(image_folder, "IN_MEMORY_BYTES", 1000)

    small = subset(load_dataset(str(pets)), 8, 0)

    rows = np.isin(whole.ids, small.ids)
    assert np.array_equal(small.train.images, whole.train.images[rows])
    assert np.array_equal(small.train.inputs, whole.train.inputs[rows])


def test_rows_that_suggest_the_given_label_are_counted_and_change_nothing(data, saved):
    rows = rows_of(data)
    suggested = [rows[0], rows[1], (rows[2] + 1) % 3, rows[3]]
    file = saved(id=list(data.ids[:4]), decision=["accept"] * 3 + ["reject"], suggested_label=suggested)

    cleaned = relabel(data, file)

    assert cleaned.notes[-2] == "1 training example was relabelled."
    assert cleaned.notes[-1] == f"2 accepted rows of {file} suggest the given label itself and were left as they were."
