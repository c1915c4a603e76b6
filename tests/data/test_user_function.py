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
        ("mydata:wrong", ConfigError, "unknown key of what mydata:wrong returned 'labels'"),
        ("mydata:fails", ProbeError, "mydata:fails failed: KeyError: 'no such\\ncolumn'"),
    ],
)
def test_what_is_wrong_is_one_line(mine, name, error, fault):
    with pytest.raises(error) as caught:
        load_dataset(name)

    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)
