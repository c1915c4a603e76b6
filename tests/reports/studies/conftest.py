"""Writes studies and scoreboards with every kind of chart and every edge, without any training."""

import io
from types import SimpleNamespace

import numpy as np
import pytest

from probes.studies.chart import (
    BarChart,
    Bars,
    Gallery,
    GalleryRow,
    HeatMap,
    Line,
    LineChart,
    Mark,
    Points,
    ScatterChart,
    Table,
    band,
    picture,
)
from probes.studies.claim import Claim, at_least, at_most, between, exactly
from probes.studies.folder import write_json

HOSTILE = "</script><img src=x onerror=alert(1)>"
NAN = float("nan")


def png(shade: int, mode: str = "L") -> bytes:
    from PIL import Image

    pixels = np.zeros((8, 8) if mode == "L" else (8, 8, 3), np.uint8)
    pixels[2:6, 2:6] = shade
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def claim(id="one", rule=None, values=(0.5, 0.6, 0.55), statement="It rises.", **more):
    """A claim with ordinary words."""
    words = {"source": "A 2017, figure 1", "quantity": "share at the end", "published": "0.9 (figure 1)", **more}
    return Claim(id, statement, words.pop("source"), words.pop("quantity"), rule or at_least(0.3),
                 words.pop("published"), tuple(values), **words)  # fmt: skip


def every_claim():
    """One of each edge: reproduced, not, across the bound, exact, between, a null, one value, none, hostile."""
    return [
        claim("held", seen="The peaks are at epochs 6, 3, 7."),
        claim("missed", at_most(0.1), statement="It never rises above a tenth."),
        claim("across", at_least(0.55), statement="It rises above 0.55."),
        claim("exact", exactly(0.0), (0.0, 0.0, 0.0), statement="The training error is exactly zero."),
        claim("between", between(1000.0, 20000.0), (12345.6, 12400.2, 12377.7), statement="It takes long."),
        claim("null", values=(0.5, NAN, 0.7), statement="One seed gave no value."),
        claim("single", values=(0.5,), statement="One seed is not enough."),
        claim("none", values=(), statement="Nothing was measured."),
        claim("hostile", statement=f"It is {HOSTILE}.", source=HOSTILE, quantity=HOSTILE, published=HOSTILE,
              seen=HOSTILE),
    ]  # fmt: skip


def every_chart():
    """One of each kind, with gaps, zeros on logarithms, one seed, and names that would be markup."""
    random = np.random.default_rng(0)
    words = {"paper": "It rises in the paper.", "ours": "It rises by 0.4 here."}
    epochs = list(range(1, 41))
    curves = np.clip(np.linspace(0.2, 0.95, 40) + random.normal(0, 0.02, (3, 40)), 0, 1)
    curves[:, 12:15] = NAN
    widths = [0, 1, 4, 16, 64, 256, 1024]
    errors = [0.9, 0.5, 0.2, 0.05, 0.001, 0.0, 0.0]
    return [
        LineChart("curves", "Which comes first?", **words, x_title="epoch", y_title="accuracy", log_x=True,
                  percent_y=True, marks=[Mark("y", 0.1, f"chance {HOSTILE}"), Mark("x", 6, "peak")],
                  lines=[band("clean, as labelled", epochs, curves, swatch="clean"),
                         band(f"noisy {HOSTILE}", epochs, curves[:, ::-1], swatch="noisy"),
                         band("one seed", epochs, curves[:1] / 2, swatch="true", dashed=True),
                         Line("nothing", epochs, [NAN] * 40, swatch="test")]),
        LineChart("width", "How wide must it be?", **words, x_title="hidden units", y_title="training error",
                  log_x=True, log_y=True,
                  lines=[Line("error", widths, errors, [e / 2 for e in errors], [e * 2 for e in errors], swatch="1"),
                         Line("measured", widths, errors[::-1], [NAN] * 7, [NAN] * 7, swatch="2", marks=True)]),
        BarChart("bars", "Which is hardest?", **words, y_title="epochs to fit, relative to true labels",
                 categories=["true labels", "random labels", "shuffled pixels", f"random {HOSTILE}"],
                 bars=[Bars("MLP", [1.0, 3.5, NAN, 2.0], [0.9, 3.0, NAN, 1.5], [1.1, 4.0, NAN, 2.5], swatch="1"),
                       Bars("small CNN", [1.0, 2.5, 1.2, 0.0], swatch="3")]),
        HeatMap("depth", "Does depth help?", **words, x_title="layers", y_title="noise", value_title="test accuracy",
                rows=["0 %", "40 %", HOSTILE], columns=["1", "2", "4", "8"],
                values=[[0.9, 0.92, 0.93, NAN], [0.6, 0.62, 0.5, 0.4], [0.3, 0.2, 0.11, 0.1]]),
        ScatterChart("strength", "Do regularisers slow memorization?", **words, x_title="train accuracy on randY",
                     y_title="validation accuracy", percent_x=True, percent_y=True,
                     points=[Points("dropout", [0.9, 0.7, 0.4], [0.8, 0.82, 0.81], ["0", "0.25", "0.5"], "1", True),
                             Points("weight decay", [0.95, NAN, 0.6], [0.8, 0.7, 0.6], ["0", "lost", HOSTILE], "2")]),
        Table("numbers", "The numbers", **words, header=["noise", "test", "test", "what"],
              rows=[["0 %", "0.93 ± 0.01", 0.5, None], [HOSTILE, "0.3 ± 0.2", None, "fell"]]),
        Gallery("memorized", "Which are memorized?", **words, lead_title="memorized", others_title="carries",
                rows=[GalleryRow(picture(png(200), "0.93"), [picture(png(90 + k), f"influence 0.{k}") for k in (1, 2)]),
                      GalleryRow(picture(png(120), HOSTILE), [picture(b"no picture", "broken")])]),
        LineChart("empty", "What could not be measured?", **words, x_title="x", y_title="y",
                  lines=[Line("nothing", [1, 2], [NAN, NAN])]),
    ]  # fmt: skip


def study(name="patterns", **changes):
    """What study.json holds."""
    return {
        "kind": "study",
        "name": name,
        "title": "Patterns first",
        "question": "Does it learn the pattern first?",
        "source": "A et al., ICML 2017, section 4, https://arxiv.org/abs/1706.05394",
        "effect": "It peaks, then falls.",
        "scale": {"quick": True, "seeds": [0, 1, 2], "dataset": "digits", "subset": None},
        "versions": {"python": "3.11", "torch": "2"},
        "status": "complete",
        "runs": ["quick/noise0-seed0", "quick/noise 0.4#seed0"],
        "failed": [],
        "claims": [claim().to_dict()],
        "charts": [],
        "notes": ["Small data."],
        "timings": {"seconds": 75.4, "points": 3, "carried_out": 3, "workers": 2},
        **changes,
    }


def everything(name="everything"):
    """A study with all of it."""
    return study(
        name,
        title=f"Everything {HOSTILE}",
        question=f"Is it safe? {HOSTILE}",
        effect=HOSTILE,
        claims=[one.to_dict() for one in every_claim()],
        charts=[one.to_dict() for one in every_chart()],
        notes=[HOSTILE],
        failed=[{"point": f"lost-{HOSTILE}", "error": f"ProbeError: /home/secret/file {HOSTILE}"}],
        status="incomplete",
        versions={"python": HOSTILE},
    )


def board():
    """What scoreboard.json holds: a study with every edge, one that failed, and an incomplete one without claims."""
    whole = {
        "question": "Is it so?",
        "source": "A 2017",
        "error": None,
        "scale": study()["scale"],
        "timings": {"seconds": 61.0},
    }
    claims = [one.to_dict() for one in every_claim()]
    studies = [
        {**whole, "name": "patterns", "page": "patterns/report.html", "title": "Patterns first", "status": "complete",
         "claims": claims},
        {"name": "lost", "page": "lost/report.html", "status": "failed", "claims": [],
         "error": f"no point of /home/secret could be carried out {HOSTILE}"},
        {**whole, "name": "thin", "page": "thin/report.html", "title": f"Thin {HOSTILE}", "status": "incomplete",
         "claims": []},
    ]  # fmt: skip
    return {"kind": "scoreboard", "studies": studies, "verdicts": {}}


@pytest.fixture(scope="session")
def made():
    """What the tests of these pages are made of: claim, every_claim, every_chart, study, everything, board, png."""
    return SimpleNamespace(
        HOSTILE=HOSTILE, claim=claim, every_claim=every_claim, every_chart=every_chart, study=study,
        everything=everything, board=board, png=png,
    )  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """Writes a study, and returns its folder."""

    def to_folder(name="patterns", **changes):
        write_json(tmp_path / name / "study.json", study(name, **changes))
        return tmp_path / name

    return to_folder


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A folder with a scoreboard, and in it the folder `everything` of a study with every edge."""
    folder = tmp_path_factory.mktemp("studies")
    write_json(folder / "everything" / "study.json", everything())
    write_json(folder / "scoreboard.json", board())
    return folder
