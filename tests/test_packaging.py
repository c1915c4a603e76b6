"""What is inside the wheel: three import names, with the files beside the code that they need."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("probes", "cli/probes_cli", "reports/probes_reports")
LEFTOVERS = {"runs", "studies", "audit", "build", "dist"}  # what work leaves in the top folder, as in .gitignore

pytestmark = pytest.mark.slow


def run(*words: str | Path, cwd: Path) -> str:
    """Run Python with these arguments and return what it printed; the message of a failure is what it said."""
    done = subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def leftovers(folder: str, names: list[str]) -> set[str]:
    """Of the names in a folder, those that no fresh clone has."""
    top = {name for name in names if name in LEFTOVERS or name.startswith(".")} if Path(folder) == ROOT else set()
    return {name for name in names if name in top or name == "__pycache__" or name.endswith(".egg-info")}


def files_in(folder: Path) -> list[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if "__pycache__" not in path.parts)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that holds nothing but the wheel, built from a copy of the tree, without what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    source, wheels, target = (folder / name for name in ("source", "wheels", "target"))
    shutil.copytree(ROOT, source, ignore=leftovers)
    run("-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, cwd=source)
    (wheel,) = wheels.glob("memorization_probes-*.whl")
    run("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel, cwd=source)
    return target


def test_holds_three_import_names_and_no_other(installed):
    names = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}

    assert names == {"probes", "probes_cli", "probes_reports", "bin"}


@pytest.mark.parametrize("part", PARTS)
def test_holds_every_file_that_lies_beside_the_code(installed, part):
    """Modules, templates, styles, schemas and the marks of typed packages: nothing left behind, nothing added."""
    assert files_in(installed / Path(part).name) == files_in(ROOT / part)


@pytest.mark.parametrize("name", ["probes", "probes_cli", "probes_reports"])
def test_is_marked_as_typed(installed, name):
    assert (installed / name / "py.typed").is_file()


def test_holds_the_templates_of_the_report(installed):
    suffixes = {path.suffix for path in (installed / "probes_reports" / "templates").iterdir()}

    assert {".j2", ".css"} <= suffixes


def test_brings_the_command_and_the_license(installed):
    (information,) = installed.glob("memorization_probes-*.dist-info")

    assert "probe = probes_cli.main:main" in (information / "entry_points.txt").read_text().splitlines()
    assert list(information.rglob("LICENSE"))
    assert (installed / "bin" / "probe").is_file()


def test_runs_from_where_it_was_installed(installed, tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "import probes, probes_cli.main, probes_reports\n"
        "print(probes.__file__, probes_cli.__file__, probes_reports.__file__, sep='\\n')"
    )
    files = run("-I", "-c", code, cwd=tmp_path).splitlines()

    assert len(files) == 3
    assert all(Path(file).is_relative_to(installed) for file in files)
