"""Data from the user's own function, and what may be wrong with it."""

import sys

import numpy as np
import pytest

from probes.data import load_dataset
from probes.errors import ConfigError, ProbeError

CODE = """
import numpy as np
X, y = np.arange(60.0).reshape(30, 2), np.arange(30) % 3
def pair(): return X, y
def named(): return {"X": X, "y": y, "classes": ["a", "b", "c"]}
def wrong(): return {"X": X, "labels": y}
def nothing(): return None
def more(): return {"X": X, "y": y, "true": y}
def three(): return X, y, y
def one(): return 1
def ragged(): return [[1, 2], [3]] * 15, y
def objects(): return X, np.array([1, None] * 15, dtype=object)
def ends(): raise SystemExit(3)
def talks(): print("reading"); return pair()
def fails(): raise KeyError("no such\\ncolumn")
number = 3
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mydata.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("def half(:")
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("mydata", None)


@pytest.mark.parametrize(("name", "classes"), [("mydata:pair", ["0", "1", "2"]), ("mydata:named", ["a", "b", "c"])])
def test_a_function_in_the_current_folder_gives_the_data(mine, name, classes):
    before = list(sys.path)

    data = load_dataset(name)

    assert (data.name, data.classes, len(data.train)) == (name, classes, 24)
    assert np.array_equal(data.train.given_labels, data.ids % 3)
    assert sys.path == before


@pytest.mark.parametrize(
    ("name", "error", "fault"),
    [
        ("absent:load", ConfigError, "cannot import 'absent', looked for in the current folder too: No module named"),
        ("broken:half", ConfigError, "cannot import 'broken', looked for in the current folder too: SyntaxError"),
        ("mydata:pear", ConfigError, "unknown function of mydata 'pear'. Did you mean 'pair'?"),
        ("mydata:number", ConfigError, "mydata:number is not a function"),
        (
            "mydata:nothing",
            ConfigError,
            "must return (X, y) or a dict with X, y, true_labels, ids, classes, got",
        ),
        ("mydata:wrong", ConfigError, "mydata:wrong holds no y: X (N, ...) and y (N,) are needed, found X, labels."),
        ("mydata:more", ConfigError, "unknown key of what mydata:more returned 'true'. Did you mean 'true_labels'?"),
        (
            "mydata:three",
            ConfigError,
            "must return (X, y) or a dict with X, y, true_labels, ids, classes, got a tuple of 3",
        ),
        ("mydata:one", ConfigError, "ids, classes, got an int."),
        ("mydata:ragged", ConfigError, "X in mydata:ragged is no array: "),
        ("mydata:objects", ConfigError, "y in mydata:objects must be whole numbers or text, got object"),
        ("mydata:ends", ProbeError, "mydata:ends ended the program (exit code 3): it should return its data"),
        ("mydata:fails", ProbeError, "mydata:fails failed: KeyError: 'no such\\ncolumn'"),
    ],
)
def test_what_is_wrong_is_one_line(mine, name, error, fault):
    with pytest.raises(error) as caught:
        load_dataset(name)

    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_function_prints_is_no_part_of_the_answer(mine, capsys):
    load_dataset("mydata:talks")

    assert (capsys.readouterr().out, "mydata" in sys.modules) == ("", True)


def test_a_tensor_with_a_gradient_is_an_array(mine, tmp_path):
    (tmp_path / "mytensors.py").write_text(
        "import torch\ndef load(): return torch.rand(30, 2, requires_grad=True), torch.arange(30) % 3\n"
    )

    assert len(load_dataset("mytensors:load").train) == 24
