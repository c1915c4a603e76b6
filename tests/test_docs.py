"""Every code block of the README and the guides runs, in order, as a reader would run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Runs a shell block in the temporary folder, with `probe` on the path."""
    command = tmp_path / "bin" / "probe"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m probes_cli "$@"\n')
    command.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    path = os.pathsep.join([str(ROOT), str(ROOT / "cli"), str(ROOT / "reports")])
    env = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}", "PYTHONPATH": path}

    def run(block):
        done = subprocess.run(["sh", "-ec", block], cwd=work, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"

    return run


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_code_block_runs(guide, shell):
    names = {}
    for language, block in BLOCK.findall(guide.read_text()):
        if language == "python":
            exec(compile(block, str(guide), "exec"), names)
        elif language == "bash":
            shell(block)
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
