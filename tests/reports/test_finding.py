"""How early noise could have been found, which score finds it, and what can be said without truth."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from probes.runs.run import open_run
from probes.runs.writer import RunWriter
from probes.scores import CATALOGUE
from probes.scores.detection import ranking_values
from probes.training import TrainConfig
from probes_reports.figures.epoch_axis import place
from probes_reports.figures.finding import LOW, STRONG, ScoreLine, auroc_by_epoch
from probes_reports.figures.flags import ClassFlags, flags_by_class
from probes_reports.figures.inspection import Inspected, found_by_inspecting
from probes_reports.sections import finding, finding_facts, finding_words
from probes_reports.sections.finding_facts import (
    auroc_curves,
    expected_hits,
    find_flags,
    rank_scores,
    window_ends,
)
from probes_reports.sections.section import Absent, Caption, Plot, Section, Table
from probes_reports.view import RunView
from probes_reports.wording import percent, plain_text

CLASSES = 4


def write_run(folder, *, num_examples=60, epochs=8, noisy_share=0.3, truth=True, seed=0, losses=None, visited=None,
              given=None, status="complete"):  # fmt: skip
    """A run whose noisy examples are learned in the second half of it; returns its view.

    `losses`: float, (E, N), instead of the usual ones; `visited`: bool, (E, N); `given`: given labels.
    """
    random = np.random.default_rng(seed)
    true = random.integers(0, CLASSES, num_examples) if given is None else np.asarray(given)
    noisy = np.arange(num_examples) < round(noisy_share * num_examples)
    given = np.where(noisy, (true + 1) % CLASSES, true)
    times = np.where(noisy, epochs * 0.6, 1.0) + random.uniform(0, epochs * 0.3, num_examples)
    writer = RunWriter.create(
        folder, num_examples=num_examples, measure="sweep", meta={"dataset": {"classes": ["a", "<b>", "c & d", "e"]}}
    )
    labels = {"given_label": given}
    if truth:
        labels |= {"true_label": true, "noisy": noisy, "corruption": np.where(noisy, "uniform_other", "")}
    writer.write_examples(labels)
    for row in range(epochs):
        probability = 1 / (1 + np.exp(np.clip(times - row - 1 + random.normal(0, 0.7, num_examples), -30, 30)))
        loss = -np.log(probability) if losses is None else losses[row]
        prediction = np.where(np.exp(-loss) > 0.5, given, (given + 1) % CLASSES)
        columns = {
            "visits": np.ones(num_examples),
            "loss": loss,
            "margin": -loss + random.normal(0, 0.1, num_examples),
            "entropy": random.uniform(0, 1, num_examples),
            "el2n": 1 - np.exp(-loss),
            "prediction": prediction,
        }
        seen = np.flatnonzero(np.ones(num_examples, bool) if visited is None else visited[row])
        kinds = {"visits": np.int32, "prediction": np.int32}
        table = {name: values[seen].astype(kinds.get(name, np.float32)) for name, values in columns.items()}
        writer.write_epoch(row + 1, {"example": seen, **table})
    writer.finish(status, nonfinite_visits=0)
    return RunView(open_run(folder))


def text_of(section: Section) -> str:
    """Every sentence outside the links."""
    captions = [plain_text(part.text) for part in section.all_parts() if isinstance(part, Caption)]
    return " ".join([plain_text(section.answer), *captions])


def plots_of(section: Section) -> list[str]:
    return [part.key for part in section.all_parts() if isinstance(part, Plot)]


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "noisy")


@pytest.fixture(scope="module")
def section(view):
    return finding.build(view)


# windows and counts


def test_few_epochs_all_end_a_window():
    assert window_ends(7) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("last", [61, 120, 1000, 100_000])
def test_many_epochs_end_at_most_sixty_windows_with_the_key_ones_among_them(last):
    ends = window_ends(last, keep=(28, 53, last + 5))

    assert len(ends) <= 60
    assert ends == sorted(set(ends))
    assert {1, 28, 53, last} <= set(ends) <= set(range(1, last + 1))


def test_ties_are_counted_in_the_mean_over_their_orders():
    values = np.array([1.0, 2.0, 2.0, 3.0, np.nan])
    positive = np.array([False, True, False, True, True])

    hits = expected_hits(values, positive, np.arange(6))

    assert hits.tolist() == [0, 1, 1.5, 2, 2, 3]


# the curves and the table


def test_a_window_that_ends_early_ranks_as_the_scores_of_that_window_do(view):
    end = 3
    table = view.run.scores(epochs=(1, end))
    never = table["never_learned"].astype("Int8").fillna(-1).to_numpy(dtype=np.int8)

    curves = auroc_curves(view)

    assert set(curves.aurocs) == {s.name for s in CATALOGUE.values() if s.direction and s.scope == "example"}
    for name, values in curves.aurocs.items():
        score = CATALOGUE[name]
        raw = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        ranked = ranking_values(name, raw, score.direction, never_learned=never, last_epoch=end)
        assert values[curves.ends.tolist().index(end)] == pytest.approx(roc_auc_score(view.noisy, ranked)), name


def test_the_table_holds_the_detection_of_the_summary(view, section):
    detection = view.run.summary()["detection"]

    ranks = rank_scores(view, auroc_curves(view))
    table = next(part for part in section.all_parts() if isinstance(part, Table))

    assert {r.score.name: (r.auroc, r.average_precision) for r in ranks} == {
        name: (entry["auroc"], entry["average_precision"]) for name, entry in detection.items()
    }
    shown = {plain_text(row[0].text): plain_text(row[3].text) for row in table.rows}
    assert shown == {CATALOGUE[name].label: f"{entry['auroc']:.3f}" for name, entry in detection.items()}


def test_the_table_agrees_with_scikit_learn(view):
    loss = view.scores["mean_loss"].to_numpy()
    first = np.argsort(-loss)[: view.num_noisy]

    rank = next(r for r in rank_scores(view, auroc_curves(view)) if r.score.name == "mean_loss")

    assert rank.auroc == pytest.approx(roc_auc_score(view.noisy, loss))
    assert rank.average_precision == pytest.approx(average_precision_score(view.noisy, loss))
    assert rank.among_first == pytest.approx(view.noisy[first].mean())


def test_the_best_epoch_is_the_first_of_the_highest_auroc(view):
    curves = auroc_curves(view)

    for name, values in curves.aurocs.items():
        best, epoch = curves.best(name)
        assert best == values.max()
        assert epoch == curves.ends[np.argmax(values)]
    assert curves.best("noise_probability") is None


def test_a_sample_is_stated_and_leaves_the_table_exact(tmp_path, monkeypatch):
    view = write_run(tmp_path / "run", num_examples=200)
    monkeypatch.setattr(finding_facts, "MOST_EXAMPLES", 50)

    curves = auroc_curves(view)
    section = finding.build(view)

    assert curves.sampled == 50
    assert "a sample of 50 of the 200 examples" in text_of(section)
    detection = view.summary["detection"]
    assert {r.score.name: r.auroc for r in rank_scores(view, curves)} == {n: e["auroc"] for n, e in detection.items()}
    assert curves.aurocs["aum"][-1] == detection["aum"]["auroc"]


def test_the_answer_names_the_first_epoch_at_which_mean_loss_suffices(view, section):
    curves = auroc_curves(view)
    values = curves.aurocs["mean_loss"]
    epoch = int(curves.ends[np.flatnonzero(values >= 0.9)[0]])
    after = "one epoch" if epoch == 1 else f"{epoch} epochs"

    answer = plain_text(section.answer)

    assert answer.startswith(f"Yes, and early: after {after} mean loss ranked wrong labels above right ones with AUROC")
    assert f"loss at epoch 8 alone reaches {view.summary['detection']['final_loss']['auroc']:.3f}." in answer


def test_noise_that_no_score_sees_is_hardly_found(tmp_path):
    losses = np.random.default_rng(1).uniform(0, 1.3, (4, 400))

    answer = plain_text(finding.build(write_run(tmp_path / "run", num_examples=400, epochs=4, losses=losses)).answer)

    assert answer.startswith("Hardly: the best score, ")


# the figures


def line(name, aurocs, ends=(1, 2, 5)):
    return ScoreLine(name, CATALOGUE[name].label, name, np.array(ends), np.array(aurocs))


def test_each_line_of_the_figure_holds_its_score():
    figure = auroc_by_epoch([line("mean_loss", [0.9, 0.95, 0.97]), line("el2n", [0.6, 0.7, 0.8])])
    traces = {trace.name: trace for trace in figure.data}

    assert list(traces["mean loss"].y) == [0.9, 0.95, 0.97]
    assert list(traces["mean EL2N"].customdata) == [1, 2, 5]
    assert traces["mean EL2N"].x == pytest.approx(place([1, 2, 5]))
    assert figure.data[-1].name == "mean loss", "drawn over the others"


@pytest.mark.parametrize("narrow", [False, True])
def test_names_at_the_right_do_not_touch(narrow):
    names = [score.name for score in CATALOGUE.values() if score.direction and score.scope == "example"]
    figure = auroc_by_epoch([line(name, [0.9, 0.95, 0.96]) for name in names], narrow=narrow)
    height = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b

    column = sorted(a.y * height for a in figure.layout.annotations if a.xref == "paper" and a.x == 1)

    assert len(column) == (len(STRONG) if narrow else len(names))
    assert min(np.diff(column)) > 14


def test_an_inverted_stretch_is_said_in_the_figure():
    back = auroc_by_epoch([line("variability", [0.5, 0.1, 0.05, 0.9], ends=(1, 2, 50, 60))])
    away = auroc_by_epoch([line("variability", [0.5, 0.1, 0.05, 0.1], ends=(1, 2, 50, 60))])
    never = auroc_by_epoch([line("variability", [0.5, LOW, 0.6, 0.9], ends=(1, 2, 50, 60))])

    texts = [" ".join(a.text for a in figure.layout.annotations) for figure in (back, away, never)]

    assert "variability points the wrong way until here" in texts[0]
    assert "variability points the wrong way from here on" in texts[1]
    assert "wrong way" not in texts[2]


def test_found_against_inspected_ends_with_everything_found(section, view):
    plot = next(plot for plot in section.plots() if plot.key == "inspection")
    loss = view.scores["mean_loss"].to_numpy()
    lines = {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in plot.wide.data}

    assert set(lines) == {"mean loss", "AUM", "final loss", "ideal", "by chance"}
    assert all(values[0] == 0 and values[60] == pytest.approx(1) for values in lines.values())
    assert lines["mean loss"][20] == pytest.approx(view.noisy[np.argsort(-loss)[:20]].sum() / 18)
    assert lines["ideal"][18] == 1
    assert lines["by chance"][30] == pytest.approx(0.5)


def test_scores_that_coincide_share_a_name():
    inspected = np.array([0, 10, 100])
    found = np.array([0, 1.0, 1.0])
    lines = [Inspected(name, name, inspected, found) for name in ("mean_loss", "aum")]

    texts = [a.text for a in found_by_inspecting(lines, num_noisy=10, num_examples=100).layout.annotations]

    assert texts == ["<b>mean_loss, aum</b>"]


def test_flags_are_counted_by_given_label(view, section):
    flagged = view.scores["mean_loss"].to_numpy() > view.summary["suggested_cutoff"]
    plot = next(plot for plot in section.plots() if plot.key == "flags")
    traces = {trace.name: trace for trace in plot.wide.data if trace.name}

    for row in range(CLASSES):
        carry = view.given == row
        assert traces["flagged"].x[row] == pytest.approx(flagged[carry].mean())
        assert list(traces["flagged"].customdata[row]) == [flagged[carry].sum(), carry.sum()]
        assert traces["truly wrong"].x[row] == pytest.approx(view.noisy[carry].mean())


def test_class_names_are_escaped(section):
    plot = next(plot for plot in section.plots() if plot.key == "flags")

    assert "given &lt;b&gt;" in plot.wide.layout.yaxis.ticktext
    assert "<b>" not in plot.wide.to_json()


def test_marks_are_named_beside_a_row_or_above_the_plot():
    beside = flags_by_class([ClassFlags("a", 10, 4, 5)])
    above = flags_by_class([ClassFlags("a", 10, 9, 0)])

    assert [a.text for a in beside.layout.annotations] == ["truly wrong", "flagged"]
    assert len(above.layout.annotations) == 1
    assert "flagged" in above.layout.annotations[0].text


def test_many_classes_are_cut_to_those_with_most_flags(tmp_path):
    given = np.arange(300) % 30
    view = write_run(tmp_path / "run", num_examples=300, noisy_share=0.2, given=given)

    section = finding.build(view)

    plot = next(plot for plot in section.plots() if plot.key == "flags")
    assert len(plot.wide.layout.yaxis.ticktext) == 20
    assert "The 20 labels with the most flags, of 30." in text_of(section)


# without truth, or without one of the groups


def test_without_truth_only_the_flags_are_shown(tmp_path):
    section = finding.build(write_run(tmp_path / "run", truth=False))

    assert plots_of(section) == ["flags"]
    assert "cannot be computed here" in text_of(section)
    assert "true_labels=" in text_of(section)
    assert "rightly" not in text_of(section)
    traces = [trace.name for trace in section.plots()[0].wide.data]
    assert traces == ["flagged"]


def test_without_truth_a_run_of_probe_train_says_where_its_data_take_it(tmp_path):
    write_run(tmp_path / "run", truth=False)
    meta = json.loads((tmp_path / "run/run.json").read_text())
    (tmp_path / "run/run.json").write_text(json.dumps({**meta, "config": asdict(TrainConfig())}))

    text = text_of(finding.build(RunView(open_run(tmp_path / "run"))))
    assert "ExampleTracker" not in text
    for words in ("a column true_label of a table", "true_labels of an .npz", "--given-labels FILE"):
        assert words in text


@pytest.mark.parametrize(("share", "missing"), [(0.0, "there is no noisy one"), (1.0, "there is no clean one")])
def test_an_empty_group_leaves_auroc_undefined(tmp_path, share, missing):
    section = finding.build(write_run(tmp_path / "run", noisy_share=share))

    assert plots_of(section) == ["flags"]
    assert f"undefined here: {missing}" in text_of(section)


def test_flags_where_nothing_is_wrong_are_called_false(tmp_path):
    view = write_run(tmp_path / "run", noisy_share=0)

    text = text_of(finding.build(view))

    assert find_flags(view).above > 0
    assert "There is nothing to find: every label is as it came." in text
    assert "none of them rightly" in text


def cells(section, label):
    """Text of a table's rows, by the start of its description."""
    table = next(part for part in section.all_parts() if isinstance(part, Table) and part.alt.startswith(label))
    return [[plain_text(cell.text) for cell in row] for row in table.rows]


def test_the_table_of_flags_tells_examples_flags_share_and_how_right_they_are(view, section):
    flagged = view.scores["mean_loss"].to_numpy() > view.summary["suggested_cutoff"]

    rows = cells(section, "Examples and flags by given label")

    assert [row[0] for row in rows] == ["a", "<b>", "c & d", "e"]
    for label, row in enumerate(rows):
        carry = view.given == label
        right = (flagged & carry & view.noisy).sum() / (flagged & carry).sum()
        assert row[1:3] == [str(carry.sum()), str((carry & flagged).sum())]
        assert row[3] == percent((carry & flagged).sum() / carry.sum())
        assert row[4:] == [str((carry & view.noisy).sum()), percent(right)]


def test_without_truth_the_answer_tells_estimate_cut_off_and_what_they_count(tmp_path):
    view = write_run(tmp_path / "run", truth=False)
    section = finding.build(view)
    above = (view.scores["mean_loss"] > view.summary["suggested_cutoff"]).sum()

    answer = plain_text(section.answer)

    assert f"an estimated {percent(view.summary['estimated_noise_rate'])} of the labels look wrong" in answer
    assert f"the {above} examples above a mean loss of {view.summary['suggested_cutoff']:.2f}" in answer
    assert "the mean noise probability" in answer
    assert "cannot be checked" in answer
    assert [len(row) for row in cells(section, "Examples and flags")] == [4] * CLASSES
    assert "How many of them are wrong is unknown." in text_of(section)


def hard_class(folder, given):
    """100 examples, nothing wrong, the first 20 hard; half are answered as given at the epoch of the estimate."""
    losses = np.random.default_rng(0).uniform(0, 0.1, (3, 100)) + 3.0 * (np.arange(100) < 20)
    return write_run(folder, num_examples=100, epochs=3, noisy_share=0, given=given, losses=losses)


def test_one_class_that_holds_most_flags_is_warned_of(tmp_path):
    view = hard_class(tmp_path / "run", np.repeat([0, 1, 2, 3], 25))  # the hard ones are all of the first class

    text = text_of(finding.build(view))

    assert find_flags(view).suspect == ClassFlags("a", 25, 20, 0, 0.0)
    assert "Careful: all 20 flags (100%) are examples given a. That label makes up 25.0% of the examples." in text
    assert "None of the 25 are wrong labels. A hard class is not a wrong one" in text


def test_flags_spread_over_the_classes_bring_no_warning(tmp_path):
    view = hard_class(tmp_path / "run", np.arange(100) % 4)

    assert sum(row.flagged for row in find_flags(view).classes) == 20
    assert find_flags(view).suspect is None
    assert "Careful" not in text_of(finding.build(view))


def test_one_class_that_holds_everything_brings_no_warning(tmp_path):
    view = write_run(tmp_path / "run", given=np.zeros(60, int), noisy_share=0)

    assert find_flags(view).suspect is None
    assert plots_of(finding.build(view)) == ["flags"]


# runs at the edge


def test_a_run_without_epochs_has_nothing_to_say(tmp_path):
    section = finding.build(write_run(tmp_path / "run", epochs=0, status="interrupted"))

    assert isinstance(section, Absent)


def test_one_epoch_has_no_curves(tmp_path):
    section = finding.build(write_run(tmp_path / "run", epochs=1))

    assert plots_of(section) == ["inspection", "flags"]


def test_examples_that_were_never_visited_are_left_out(tmp_path):
    visited = np.ones((5, 60), bool)
    visited[:, [0, 30]] = False
    visited[2, ::3] = False
    view = write_run(tmp_path / "run", epochs=5, visited=visited)

    section = finding.build(view)

    assert find_flags(view).judged == 58
    assert "2 examples never visited are left out." in text_of(section)


def test_equal_losses_give_no_mixture(tmp_path):
    losses = np.full((2, 60), 0.25)

    section = finding.build(write_run(tmp_path / "run", epochs=2, losses=losses))

    assert "flags" not in plots_of(section)
    assert "No mixture could be fitted" in text_of(section)


def test_a_run_that_goes_on_says_so(tmp_path):
    answer = plain_text(finding.build(write_run(tmp_path / "run", status="interrupted")).answer)

    assert answer.startswith("So far (epoch 8): ")


def test_no_stretch_is_called_inverted_where_the_line_crosses_chance_again():
    figure = auroc_by_epoch([line("variability", [0.9, 0.1, 0.05, 0.9], ends=(1, 2, 50, 60))])

    assert "wrong way" not in " ".join(note.text for note in figure.layout.annotations)


def test_the_caption_explains_dots_only_where_they_are_shown(tmp_path):
    view = write_run(tmp_path / "run")
    caption = finding_words.table_caption(view, rank_scores(view, auroc_curves(view)))

    assert [piece.text.split(":")[0] for piece in caption if piece.tone == "wide"] == ["Filled dot"]
