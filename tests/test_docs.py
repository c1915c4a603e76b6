"""Every code block of the README and the guides runs, in order, as a reader would run it."""

import contextlib
import io
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# With the slow tests: `make test-all`.
_LONG = (
    *("audit", "command-line", "data", "distributed", "format", "probes", "scores", "studies", "summary"),
    *("accelerate", "ignite", "lightning", "transformers"),
)
LONG = {f"{name}.md" for name in _LONG}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Runs a shell block in the temporary folder, with `probe` and `torchrun` on the path."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, module in (("probe", "probes_cli"), ("torchrun", "torch.distributed.run")):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        (commands / name).chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    path = os.pathsep.join([str(ROOT), str(ROOT / "cli"), str(ROOT / "reports")])
    env = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "PYTHONPATH": path}

    def run(block):
        done = subprocess.run(["sh", "-ec", block], cwd=work, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"

    return run


@pytest.fixture(autouse=True)
def as_in_a_fresh_interpreter():
    """accelerate keeps its first settings for the life of a process: other tests', where they ran in this one."""
    if "accelerate.state" in sys.modules:
        sys.modules["accelerate.state"].AcceleratorState._reset_state(reset_partial_state=True)


def run_both_sides(diff, guide):
    """A script before and after: two or three lines beside import and constructor, none removed, the same training."""
    lines = diff.splitlines()
    added = [line[1:].strip() for line in lines if line.startswith("+")]
    assert all(line[:1] in ("", " ", "+") for line in lines), "only additions"
    assert added[0] == "from probes import ExampleTracker"
    assert added[1].startswith("tracker = ExampleTracker(")
    assert len(added) - 2 in (2, 3)

    printed = []
    for side in ([line for line in lines if not line.startswith("+")], lines):
        names, out = {"__name__": "__main__"}, io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile("\n".join(line[1:] for line in side), str(guide), "exec"), names)
        printed.append(out.getvalue())
    names["tracker"].close()  # what the interpreter's exit does
    assert printed[0] == printed[1] != ""


@pytest.mark.parametrize(
    "guide",
    [pytest.param(path, marks=pytest.mark.slow if path.name in LONG else ()) for path in GUIDES],
    ids=lambda path: path.name,
)
def test_every_code_block_runs(guide, shell):
    names = {}
    for language, block in BLOCK.findall(guide.read_text()):
        if language == "python":
            exec(compile(block, str(guide), "exec"), names)
        elif language == "bash":
            shell(block)
        elif language == "diff":
            run_both_sides(block, guide)
        elif language == "sql":
            names["forgetting_in_sql"] = pytest.importorskip("duckdb").sql(block).df()
        else:
            assert language == "", f"a block in {language!r} would not be run"
    if "forgetting_in_sql" in names:
        from probes import open_run

        counted = names["forgetting_in_sql"].set_index("example")["forgetting_events"]
        assert counted.tolist() == open_run("runs/small").scores()["forgetting_events"].tolist()
        assert counted.sum() > 0


@pytest.mark.parametrize("guide", [*GUIDES, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_every_link_leads_somewhere(guide):
    for target in LINK.findall(guide.read_text()):
        assert (guide.parent / target).exists(), target


def test_the_score_guide_lists_every_score():
    from probes.scores import CATALOGUE

    text = (ROOT / "docs/scores.md").read_text()

    for name in CATALOGUE:
        assert f"`{name}`" in text


@pytest.fixture(scope="module")
def make_scores():
    """docs/make_scores.py as a module."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("make_scores", ROOT / "docs/make_scores.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_the_score_guide_are_those_of_the_catalogue(make_scores):
    text = (ROOT / "docs/scores.md").read_text()

    assert make_scores.filled(text, json.loads((ROOT / "docs/score_auroc.json").read_text())) == text


def test_every_score_with_a_direction_was_measured_over_three_seeds():
    from probes.scores import CATALOGUE

    measured = json.loads((ROOT / "docs/score_auroc.json").read_text())
    directed = [name for name, score in CATALOGUE.items() if score.direction is not None]

    assert measured["seeds"] == [0, 1, 2]
    for noise in measured["noise"]:
        for part in ("whole_run", "to_peak"):
            figures = measured["figures"][str(noise)][part]
            assert list(figures) == directed
            for name, figure in figures.items():
                assert len(figure["values"]) == 3, name
                assert abs(statistics.mean(figure["values"]) - figure["mean"]) < 1e-4, name
                assert abs(statistics.stdev(figure["values"]) - figure["sd"]) < 1e-3, name
