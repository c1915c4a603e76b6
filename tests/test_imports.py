"""What may be imported where, as in the table of the architecture, and what nothing may import."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    "probes": ROOT / "probes",
    "probes_cli": ROOT / "cli/probes_cli",
    "probes_reports": ROOT / "reports/probes_reports",
}
HEAVY = {"torch", "torchvision", "pandas", "sklearn", "plotly", "captum", "matplotlib"}

# room of `probes` -> the rooms it may import, besides itself and `errors`
PURE: set[str] = set()
BELOW_TRAINING = {"signals", "scores", "data", "models", "runs", "trackers", "probing"}
MAY_IMPORT = {
    "errors": PURE,
    "user_code": PURE,
    "signals": PURE,
    "scores": PURE,
    "data": {"user_code"},
    "models": {"user_code"},
    "runs": {"scores"},
    "trackers": {"signals", "runs", "scores"},
    "probing": {"data", "runs", "scores"},
    "training": BELOW_TRAINING,
    "audit": BELOW_TRAINING | {"training"},
    "studies": BELOW_TRAINING | {"training"},
    "integrations": {"trackers", "runs"},
}
# package -> top-level names that it must not import: those above it, and what belongs to another's work
OUT_OF_BOUNDS = {
    "probes": {"probes_cli", "probes_reports", "click", "rich", "plotly", "jinja2"},
    "probes_reports": {"probes_cli", "click", "rich", "torch", "sklearn", "captum"},
    "probes_cli": {"torch", "sklearn", "captum", "plotly", "jinja2"},
}
# what turns a file into code, or writes such a file
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal"}
UNSAFE_CALLS = {"torch.load", "torch.save", "joblib.load", "joblib.dump", "pandas.read_pickle"}


# In a fresh interpreter


def modules_after(code: str) -> set[str]:
    """Top-level modules in memory after running `code` in an interpreter of its own."""
    path = os.pathsep.join(str(folder.parent) for folder in SOURCES.values())
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint('modules:', *sys.modules)"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stdout.rpartition("modules:")[2].split()}


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("probes", HEAVY | {"numpy", "pyarrow"}),
        ("probes_cli.main", HEAVY | {"numpy", "rich", "probes_reports"}),
        ("probes_reports", HEAVY | {"click"}),
        ("probes.data", HEAVY),
        ("probes.models", HEAVY),
        ("probes.probing", HEAVY),
        ("probes.training", HEAVY),
        ("probes.scores.catalogue", HEAVY),
        ("probes.studies", HEAVY),
        ("probes.studies.folder", HEAVY),
    ],
)
def test_importing_a_module_loads_nothing_heavy(module, unwanted):
    loaded = modules_after(f"import {module}")

    assert module.partition(".")[0] in loaded
    assert sorted(loaded & unwanted) == []


def test_the_help_of_every_command_loads_nothing_heavy():
    code = """
from contextlib import suppress
from probes_cli.main import COMMANDS, main
for words in ([], *([command] for command in COMMANDS)):
    with suppress(SystemExit):
        main([*words, "--help"])
"""
    loaded = modules_after(code)

    assert "click" in loaded
    assert sorted(loaded & HEAVY) == []


# In the source


def imports_of(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names that a file imports anywhere, functions and type checking included; `package` is the file's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                origin = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str:
    """The room of `probes` that a dotted name lies in; "" for what is not a room, such as the public face."""
    parts = name.split(".")
    return parts[1] if parts[0] == "probes" and len(parts) > 1 and parts[1] in rooms() else ""


def rooms() -> set[str]:
    """Every room there is, and every room that the table names."""
    found = {path.stem for path in SOURCES["probes"].iterdir() if path.is_dir() or path.suffix == ".py"}
    return (found | set(MAY_IMPORT)) - {"__init__", "__pycache__"}


def trespasses(file: str, source: str) -> list[str]:
    """What a file of `probes`, such as "scores/visits.py", imports of ours and must not."""
    *folders, name = file.removesuffix(".py").split("/")
    room = [*folders, name][0]
    ours = imports_of(ast.parse(source), ".".join(["probes", *folders]))
    allowed = {room, "errors", *MAY_IMPORT[room]}
    return [found for found in ours if found.split(".")[0] == "probes" and room_of(found) not in allowed]


def unsafe_uses(source: str) -> list[str]:
    """Modules, functions and keywords by which a file could run what it reads."""
    tree = ast.parse(source)
    imported = {name: name for name in imports_of(tree, "")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            imported |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    found = [name for name in imported.values() if name.split(".")[0] in UNSAFE_MODULES or name in UNSAFE_CALLS]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, _, rest = ast.unparse(node).partition(".")
            dotted = f"{imported.get(first, first)}.{rest}"
            found += [dotted] if dotted in UNSAFE_CALLS or node.attr == "to_pickle" else []
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            allowed = not (isinstance(node.value, ast.Constant) and node.value.value is False)
            found += ["allow_pickle"] if allowed else []
    return found


def imports_in(package: str, unwanted: Callable[[str], bool]) -> dict[str, list[str]]:
    """The unwanted imports of each file of a package that has any."""
    found = {}
    for path in sorted(SOURCES[package].rglob("*.py")):
        inside = ".".join([package, *path.relative_to(SOURCES[package]).parts[:-1]])
        found[str(path)] = [
            name for name in imports_of(ast.parse(path.read_text(encoding="utf-8")), inside) if unwanted(name)
        ]
    return {path: names for path, names in found.items() if names}


def test_every_room_is_in_the_table():
    assert rooms() == set(MAY_IMPORT)


def test_the_table_has_no_cycle():
    """Rooms can be put in an order in which each imports only earlier ones."""
    left = dict(MAY_IMPORT)
    while left:
        free = {room for room, below in left.items() if not below & set(left)}
        assert free, f"a cycle among {sorted(left)}"
        left = {room: below for room, below in left.items() if room not in free}


def test_each_room_imports_only_the_rooms_below_it():
    files = {path.relative_to(SOURCES["probes"]).as_posix(): path for path in SOURCES["probes"].rglob("*.py")}
    del files["__init__.py"]  # the public face names things from every room
    found = {file: trespasses(file, path.read_text(encoding="utf-8")) for file, path in sorted(files.items())}

    assert len(found) > 10
    assert {file: names for file, names in found.items() if names} == {}


@pytest.mark.parametrize("package", SOURCES)
def test_each_package_keeps_to_its_own_work(package):
    assert imports_in(package, lambda name: name.split(".")[0] in OUT_OF_BOUNDS[package]) == {}


def test_reports_never_train():
    """They read saved runs, audits and studies: nothing that records, measures or trains."""
    active = MAY_IMPORT.keys() - {"errors", "scores", "data", "runs"}
    maps = "probes.probing.map_summaries"  # pure functions of the frames that a run holds
    readers = {"probes.audit.open_audit", f"{maps}.summarize_maps", f"{maps}.maps_by_group", "probes.studies.read_json"}

    assert imports_in("probes_reports", lambda name: room_of(name) in active and name not in readers) == {}


@pytest.mark.parametrize("package", ["probes_cli", "probes_reports"])
def test_other_packages_are_used_by_their_public_names(package):
    def is_private(name: str) -> bool:
        return any(part.startswith("_") and not part.endswith("__") for part in name.split("."))

    others = SOURCES.keys() - {package}
    assert imports_in(package, lambda name: name.split(".")[0] in others and is_private(name)) == {}


def test_nothing_reads_or_writes_files_that_can_run_code():
    files = [path for folder in (*SOURCES.values(), ROOT / "benchmarks") for path in sorted(folder.rglob("*.py"))]
    found = {str(path): unsafe_uses(path.read_text(encoding="utf-8")) for path in files}

    assert {path: uses for path, uses in found.items() if uses} == {}


# The guards themselves


@pytest.mark.parametrize(
    "source",
    [
        "from probes.runs.run import Run",
        "from probes.runs import layout",
        "from probes import runs",
        "import probes.runs.run",
        "from ..runs.run import Run",
        "from .. import runs",
        "def late():\n    from probes.runs.run import Run",
        "if TYPE_CHECKING:\n    from probes.runs.run import Run",
        "from probes import open_run",
    ],
)
def test_a_trespass_is_seen_however_it_is_written(source):
    assert len(trespasses("scores/visits.py", source)) == 1


def test_a_trespass_of_a_room_of_one_file_is_seen():
    assert trespasses("errors.py", "from .runs import layout") == ["probes.runs.layout"]


@pytest.mark.parametrize(
    "source",
    [
        "from probes.errors import ProbeError",
        "from probes.scores.visits import total_visits",
        "from .visits import x",
        "import numpy",
    ],
)
def test_a_neighbour_in_the_room_and_an_error_are_no_trespass(source):
    assert trespasses("scores/visits.py", source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def late():\n    from pickle import loads",
        "import torch\nmodel = torch.load(path)",
        "import torch as t\nt.save(model, path)",
        "from torch import load as read",
        "import joblib\njoblib.load(path)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import numpy as np\nnp.load(path, allow_pickle=flag)",
        "import pandas as pd\npd.read_pickle(path)",
        "frame.to_pickle(path)",
    ],
)
def test_an_unsafe_use_is_seen_however_it_is_written(source):
    assert len(unsafe_uses(source)) >= 1


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "from safetensors.torch import load_file\nload_file(path)",
        "from joblib import Parallel",
        "import json\njson.load(file)",
    ],
)
def test_a_safe_use_is_let_through(source):
    assert unsafe_uses(source) == []
