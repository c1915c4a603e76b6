"""Data that cannot be used, and files that name examples: one line, the right code, and nothing left behind."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

N = 40
TRAIN = ("train", "--quiet", "--epochs", "1", "--width", "8", "--probe", "none", "--dataset")
CODE = """
import numpy as np
X, y = np.zeros((30, 2)), np.arange(30) % 3
def nothing(): return None
def ragged(): return [[1, 2], [3]] * 15, y
def fails(): raise RuntimeError("no such\\ntable")
def ends(): raise SystemExit(3)
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder of every kind of bad data, which is the current one."""
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "one/cat", "flat"):
        (tmp_path / folder).mkdir(parents=True)
    for path in ("one/cat/0.png", "one/cat/1.png", "flat/0.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    table = pd.DataFrame({"size": np.arange(N), "label": ["a", "b"] * (N // 2)})
    table.to_csv("good.csv", index=False)
    table.to_csv("semi.csv", index=False, sep=";")
    table.assign(label="gr\xfcn").to_csv("latin.csv", index=False, encoding="latin-1")
    table.assign(label=[None, *table["label"][1:]]).to_csv("hole.csv", index=False)
    table.assign(label=np.arange(N) / 2).to_csv("floats.csv", index=False)
    table.assign(size=np.nan).to_csv("blank.csv", index=False)
    (tmp_path / "twice.csv").write_text("label,size,label\n" + "a,1,b\nb,2,a\n" * 20)
    np.savez("shapes.npz", X=np.zeros((N, 3)), y=np.zeros(N - 1, int))
    np.savez("objects.npz", X=np.array([[1, "a"]] * N, dtype=object), y=np.arange(N) % 2)
    np.savez("range.npz", X=np.zeros((N, 3)), y=np.arange(N) % 3, classes=["a", "b"])
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "baddata.py").write_text(CODE)
    return {path.name for path in tmp_path.iterdir()}


BAD = [
    ("empty", 2, "empty cannot be used: it holds no images."),
    ("one", 2, "one class only (cat)"),
    ("flat", 2, "its 1 image lies in no class"),
    ("nowhere/at/all", 2, "there is no folder nowhere/at/all."),
    ("semi.csv", 2, "is separated by semicolons"),
    ("latin.csv", 2, "is not UTF-8 text (byte 0xfc)"),
    ("hole.csv", 2, "label column 'label' is missing in 1 row, the first of them row 0"),
    ("floats.csv", 2, "not a whole number in 20 rows, the first of them row 1 (0.5)"),
    ("blank.csv", 2, "no column beside the labels holds any value (size)"),
    ("twice.csv", 2, "has two columns 'label'"),
    ("shapes.npz", 2, "y in shapes.npz must have shape (40,) as X does, got (39,)"),
    ("objects.npz", 2, "Error: X in objects.npz is an array of Python objects, which is not read"),
    ("range.npz", 2, "must lie in [0, 2), one of the 2 classes, got 2 in row 2"),
    ("text.npz", 2, "it is no such file, or damaged"),
    ("baddata:nothing", 2, "baddata:nothing must return (X, y)"),
    ("baddata:ragged", 2, "X in baddata:ragged is no array"),
    ("baddata:fails", 1, "baddata:fails failed: RuntimeError: no such table"),
    ("baddata:ends", 1, "baddata:ends ended the program (exit code 3)"),
    ("baddata:absent", 2, "unknown function of baddata 'absent'"),
]


@pytest.mark.parametrize("words", [TRAIN, ("audit", "--quiet")], ids=["train", "audit"])
@pytest.mark.parametrize(("name", "code", "fault"), BAD, ids=[name for name, *_ in BAD])
def test_bad_data_are_one_line_and_leave_nothing(data, tmp_path, refused, words, name, code, fault):
    assert fault in "Error: " + refused(*words, name, code=code)
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == data


@pytest.mark.parametrize(
    ("option", "content", "fault"),
    [
        ("--exclude", "id\n900\n", "names 1 unknown example by id: 900. Those of these data are such as"),
        ("--exclude", "id,decision\n1,perhaps\n", "has the decision 'perhaps' in row 0, where it must be accept or"),
        ("--exclude", "name\n1\n", "has no column id or path or example, its columns are: name."),
        ("--relabel", "id,suggested_label\n900,0\n", "names 1 unknown example by id: 900"),
        ("--relabel", "id\n1\n", "has no column label or suggested_label"),
        ("--relabel", "id,label\n" + "".join(f"{i},7\n" for i in range(N)), "the label '7' in row 0, which is none of"),
        ("--given-labels", "id,label\n", "names none of the "),
        ("--given-labels", "id;label\n1;a\n", "is separated by semicolons"),
        ("--given-labels", "id,label\n" + "".join(f"{i},0.5\n" for i in range(N)), "the label '0.5' in row 0"),
    ],
)
def test_bad_files_of_names_are_one_line_and_leave_nothing(data, tmp_path, refused, option, content, fault):
    (tmp_path / "names.csv").write_text(content)

    assert fault in refused(*TRAIN, "good.csv", option, "names.csv")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("content", ["id,label\n900,a\n", "id,label\n", "id,label\n1,c\n", "name,label\n1,a\n"])
def test_an_audit_refuses_bad_labels_from_a_file(data, tmp_path, refused, content):
    (tmp_path / "names.csv").write_text(content)

    assert "names.csv" in refused("audit", "good.csv", "--given-labels", "names.csv")
    assert not (tmp_path / "audit").exists()


def test_what_a_function_prints_does_not_get_into_the_answer(data, tmp_path, probe):
    (tmp_path / "talking.py").write_text(
        "import numpy as np\nprint('importing')\n"
        "def load():\n    print('loading')\n    return np.random.rand(40, 2), np.arange(40) % 2\n"
    )

    answer = probe(*TRAIN, "talking:load", "--out", "runs/a")

    assert (answer.exit_code, answer.stdout) == (0, "runs/a\n")
    assert answer.stderr == "importing\nloading\n"
