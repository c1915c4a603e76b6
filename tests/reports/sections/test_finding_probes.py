"""AUROC of what probes measured, beside the published direction, whatever it is."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from probes.training import TrainConfig, train
from probes_reports.sections.finding import build
from probes_reports.sections.finding_probes import probe_parts, rank_probe_columns
from probes_reports.sections.section import Caption, Heading, Table
from probes_reports.view import RunView
from probes_reports.wording import plain_text


def captions(parts) -> str:
    return " ".join(plain_text(part.text) for part in parts if isinstance(part, Caption))


@pytest.fixture
def view(small_run, tmp_path, copied) -> RunView:
    return copied(small_run, tmp_path / "run")


def test_each_score_of_a_probe_has_a_row_the_best_first(view, write_scores):
    random = np.random.default_rng(0)
    norm, vog = random.normal(size=60) + 2 * view.noisy, random.normal(size=60) - view.noisy
    view = write_scores(view, vog=vog, gradient_norm=norm)

    table = next(part for part in probe_parts(view) if isinstance(part, Table))
    rows = [[plain_text(cell.text) for cell in row] for row in table.rows]
    expected = {"gradient norm": roc_auc_score(view.noisy, norm), "VoG": roc_auc_score(view.noisy, vog)}
    assert [row[0] for row in rows] == ["gradient norm", "VoG"]
    assert [row[3] for row in rows] == [f"{expected[row[0]]:.3f}" for row in rows]
    assert [row[4] for row in rows] == ["20\u00a0+\u00a040"] * 2
    assert [row[5] for row in rows] == ["high", "high"]
    assert "below 0.5" in rows[1][2]


@pytest.mark.parametrize(("sign", "words"), [(-1, "as it is here"), (1, "though not here")])
def test_vog_comes_with_its_warning_and_what_was_measured(view, sign, words, write_scores):
    values = np.arange(60) / 60 + sign * 5 * view.noisy
    text = captions(probe_parts(write_scores(view, vog=values)))

    assert f"VoG has AUROC {'1.000' if sign > 0 else '0.000'}." in text
    assert f"for wrong labels that is often the other way round, {words}" in text


def test_self_influence_comes_with_mode_learning_rates_and_epochs(tmp_path):
    config = TrainConfig(noise=0.4, epochs=2, width=8, depth=1, subset=60, probe="self_influence", probe_epochs=(0, 2))
    view = RunView(train(config, tmp_path / "run"))

    text = captions(probe_parts(view))
    assert "Self-influence: model in eval mode, learning rate 0.05 at epochs 0, 2." in text


def test_without_vog_there_is_no_warning(view, write_scores):
    assert "VoG" not in captions(probe_parts(write_scores(view, gradient_norm=np.arange(60.0))))


def test_examples_that_were_not_measured_are_left_out_and_counted(view, write_scores):
    clean = np.flatnonzero(~view.noisy)
    values = np.arange(60.0)
    values[clean[:15]] = np.nan
    view = write_scores(view, gradient_norm=values)

    rank = rank_probe_columns(view)[0]
    held = np.isfinite(values)
    assert (rank.noisy, rank.clean) == (20, 25)
    assert rank.auroc == pytest.approx(roc_auc_score(view.noisy[held], values[held]))
    assert "Not every score was measured on all 60 examples" in captions(probe_parts(view))


def test_a_handful_of_examples_gets_no_auroc(view, write_scores):
    view = write_scores(view, gradient_norm=np.where(np.arange(60) < 8, np.arange(60.0), np.nan))
    parts = probe_parts(view)

    assert not any(isinstance(part, Table) for part in parts)
    assert captions(parts) == (
        "Measured on too few examples for an AUROC, which takes 20 wrong labels and as many clean examples: "
        "gradient norm on 3 and 5."
    )


def test_prediction_depth_is_not_called_a_gradient(view, write_scores):
    parts = probe_parts(write_scores(view, prediction_depth=np.arange(60.0)))

    words = " ".join(plain_text(part.text) for part in parts if isinstance(part, Caption | Heading))
    assert words.startswith("Scores of probes")
    assert "gradient" not in words


@pytest.mark.parametrize("kind", [{"truth": False}, {"noise": "none"}, {"noise": "all"}], ids=str)
def test_where_nothing_can_be_ranked_there_is_no_row(make_run, tmp_path, kind, copied, write_scores):
    assert probe_parts(write_scores(copied(make_run(**kind), tmp_path / "run"), vog=np.arange(60.0))) == ()


def test_the_table_is_part_of_finding_the_noise(view, small_run, write_scores):
    with_probe = build(write_scores(view, vog=np.arange(60.0)))

    def tables(section):
        return [part for part in section.all_parts() if isinstance(part, Table)]

    assert len(tables(with_probe)) == len(tables(build(RunView(small_run)))) + 1
