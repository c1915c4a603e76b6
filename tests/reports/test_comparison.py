"""Several runs side by side: what is said of them, what is paired, and what cannot be."""

import json
import re
import warnings

import numpy as np
import pytest
from scipy.stats import spearmanr

import probes_reports
from probes.errors import ConfigError, ProbeError, ProbeWarning, RunExistsError, RunNotFoundError
from probes.runs.run import open_run
from probes.runs.writer import RunWriter
from probes_reports.assembly import POLICY
from probes_reports.building import comparison_file
from probes_reports.comparison import examples as examples_section
from probes_reports.comparison import group_words, groups
from probes_reports.comparison.answer import answer, lede, tiles
from probes_reports.comparison.change import Change, paired_change, points, unpaired_change
from probes_reports.comparison.compared import read_runs
from probes_reports.comparison.differences import differences
from probes_reports.comparison.groups import group_rows
from probes_reports.comparison.headline import headline
from probes_reports.comparison.page import render
from probes_reports.comparison.pairing import pair
from probes_reports.sections.section import Table
from probes_reports.wording import plain_text

N, K = 60, 3
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    """Writes a run of up to 60 examples with ids; every third has a wrong label, learned from `noise_from` on.

    `keep` are the examples that are trained on: their ids and labels stay. `fall` is what test accuracy loses an epoch.
    """

    def make(name="run", *, keep=range(N), epochs=6, noise_from=4, fall=0.0, truth=True, ids=True, config=None,
             dataset=None, tested=True, mended=(), status="complete", classes=("a", "b", "c"), shift=0):  # fmt: skip
        keep = np.array(list(keep))
        true = (keep + shift) % K
        noisy = (keep % 3 == 0) & ~np.isin(keep, list(mended))
        given = np.where(noisy, (true + 1) % K, true)
        folder = tmp_path_factory.mktemp("comparison") / name
        writer = RunWriter.create(
            folder,
            num_examples=len(keep),
            measure="sweep",
            meta={
                "config": {"seed": 0, "lr": 0.1, "exclude": None} if config is None else config,
                "dataset": {"name": "toy", "fingerprint": "f", "classes": list(classes), **(dataset or {})},
                "timings": {"training_s": 2.5},
                "command": f"probe train --secret {name}",
            },
        )
        known = {"true_label": true, "noisy": noisy} if truth else {}
        names = {"id": [f"img-{example}" for example in keep]} if ids else {}
        writer.write_examples({"given_label": given, **known, **names})
        random = np.random.default_rng(len(keep))
        for epoch in range(1, epochs + 1):
            answers = np.where(noisy & (epoch < noise_from), true, given)
            loss = np.where(answers == given, 0.1, 2.0) + random.uniform(0, 0.05, len(keep))
            writer.write_epoch(
                epoch,
                {
                    "example": np.arange(len(keep)),
                    "visits": np.ones(len(keep), np.int32),
                    "prediction": answers.astype(np.int32),
                    "loss": loss.astype(np.float32),
                    **{name: np.zeros(len(keep), np.float32) for name in ("margin", "entropy", "el2n")},
                },
            )
            share = 0.95 - fall * (epoch - 1)
            row = {"epoch": epoch, "examples": 200, "accuracy": share, "true_label_accuracy": share, "loss": 1.0}
            if tested:
                writer.append_metrics([{**row, "group": group} for group in ("validation", "test")])
        writer.finish(status, nonfinite_visits=0)
        return folder

    return make


@pytest.fixture(scope="module")
def before(write):
    """All examples: the noise is memorized in the end, test accuracy falls from 95% to 70%."""
    return write("before", fall=0.05)


@pytest.fixture(scope="module")
def after(write):
    """Without 15 of the 20 wrong labels and 3 right ones: test accuracy stays."""
    left_out = {*range(0, 45, 3), 1, 2, 4}
    return write(
        "after",
        keep=[n for n in range(N) if n not in left_out],
        config={"seed": 0, "lr": 0.1, "exclude": "/data/secret/suspects.csv"},
        dataset={"fingerprint": "other"},
    )


@pytest.fixture(scope="module")
def cleaned(before, after):
    return read_runs([before, after])


def words(html):
    """The visible text."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare))


# the sentence and the numbers


def test_the_answer_tells_test_accuracy_and_what_was_memorized(cleaned):
    assert plain_text(answer(cleaned)) == (
        "Test accuracy rose from 70.0% in A to 95.0% in B. A memorized all 20 wrong labels and B all 5."
    )


def test_the_tile_tells_by_how_many_points_where_the_test_set_is_the_same(cleaned, write, before):
    other = read_runs([before, write("other-data", dataset={"name": "other", "fingerprint": "x"})])

    same, different = (next(t.note for t in tiles(runs) if t.name == "Test accuracy") for runs in (cleaned, other))
    assert (same, different) == ("+25.0 points, after epoch 6", "after epoch 6")


def test_a_change_that_so_few_test_examples_cannot_tell_is_not_called_one(write, before):
    runs = read_runs([before, write("close", fall=0.045)])  # 70.0% and 72.5% of 200

    assert plain_text(answer(runs)).startswith(
        "Test accuracy hardly differs: 70.0% in A, 72.5% in B, which 200 test examples cannot tell apart."
    )


def test_of_more_than_two_runs_the_highest_and_the_lowest_are_named(write, before, after):
    text = plain_text(answer(read_runs([before, after, write("middle", fall=0.025)])))

    assert text.startswith("Test accuracy was highest in B, 95.0% in the end, and lowest in A, 70.0%.")


def test_runs_that_tie_are_named_together_and_long_lists_are_a_range(write, before, after):
    runs = read_runs([before, write("equal", fall=0.05), after, write("long", epochs=9)])

    assert "lowest in A and B, 70.0%." in plain_text(answer(runs))
    assert "highest in C and D, 95.0%" in plain_text(answer(runs))
    assert "They ran 6 to 9 epochs; the end is each run’s own." in plain_text(lede(runs, [], pair(runs)))


def test_different_test_sets_are_said_and_not_compared(write, before):
    runs = read_runs([before, write("other", config={"split_seed": 1}), write("third", config={"split_seed": 2})])

    assert plain_text(answer(runs[::2])).startswith("Test accuracy rose")
    assert plain_text(answer(runs[1:])).startswith("Test accuracy was 95.0% in B, 95.0% in C, on different test sets.")


def test_the_lede_tells_what_differs_first_and_what_was_left_out(cleaned):
    text = plain_text(lede(cleaned, differences(cleaned), pair(cleaned)))

    assert text.startswith("They differ in training examples (60; 42) and exclude (not set; suspects.csv). ")
    assert "18 of the examples of A are not in B; of these 15 of the 18 (83.3%) are wrong labels." in text


def test_relabelled_examples_are_counted_as_right_in_one_run_only(write, before):
    runs = read_runs([before, write("relabelled", mended=range(0, 30, 3))])

    text = plain_text(lede(runs, differences(runs), pair(runs)))

    assert "10 of the 60 shared examples carry another label: 10 are right in B only, 0 in A only." in text


def test_only_options_that_differ_are_listed(cleaned):
    told = {one.name: one.values for one in differences(cleaned)}

    assert told == {"training examples": ("60", "42"), "exclude": ("not set", "/data/secret/suspects.csv")}


def test_without_paths_files_are_not_named(cleaned):
    told = {one.name: one.values for one in differences(cleaned, paths=False)}

    assert told["exclude"] == ("not set", "a file")


def test_the_row_of_a_run_holds_the_numbers_of_its_summary(cleaned, before):
    summary = open_run(before).summary()
    shown = headline(cleaned, differences(cleaned))
    row = dict(zip(shown.columns, (plain_text(value) for value in shown.rows[0].values), strict=True))

    assert shown.rows[1].options == "exclude suspects.csv"
    assert row["training examples"] == "60"
    assert row["epochs"] == "6"
    assert row["wrong labels"] == "20 33.3%"
    assert row["clean learned"] == f"epoch {summary['clean_learned_epoch']}" == "epoch 1"
    assert row["noise memorized"] == f"epoch {summary['noisy_memorized_epoch']}" == "epoch 4"
    assert row["true label peak"] == "100% epoch 1"
    assert row["test, best validation"] == "95.0% epoch 1"
    assert row["test, in the end"] == "70.0%"
    assert row["AUROC of mean loss"] == f"{summary['detection']['mean_loss']['auroc']:.3f}"
    assert row["estimated noise"] == "33.3%"
    assert row["training time"] == "2.5 s"


def test_what_is_unknown_is_said_to_be(write):
    runs = read_runs([write("blind", truth=False, tested=False), write("blind2", truth=False, tested=False)])
    shown = headline(runs, [])
    row = dict(zip(shown.columns, (plain_text(value) for value in shown.rows[0].values), strict=True))

    unknown = ("wrong labels", "clean learned", "noise memorized", "test, in the end", "AUROC of mean loss")
    assert {row[name] for name in unknown} == {"unknown"}
    assert plain_text(answer(runs)) == (
        "Cannot tell which is better: no test accuracy was recorded in A and B. "
        "Of the training examples 100% in A and 100% in B were answered as labelled in the end."
    )
    assert [tile.name for tile in tiles(runs)] == [
        "Training examples",
        "Labels that look wrong",
        "Answered as labelled",
    ]


# changes


def test_the_error_of_a_paired_change_is_that_of_the_mean_difference():
    first, second = np.array([1, 1, 0, 0, 1, 0, 1, 0]), np.array([1, 1, 1, 1, 1, 0, 0, 1])
    differences_ = second - first

    change = paired_change(first, second)

    assert change.difference == pytest.approx(0.25)
    assert change.error == pytest.approx(np.std(differences_, ddof=1) / np.sqrt(8))
    assert paired_change(np.array([0]), np.array([1])) == Change(1.0, 1.0)
    assert not paired_change(np.array([0]), np.array([1])).tells


def test_the_error_of_an_unpaired_change_is_that_of_two_shares():
    change = unpaired_change(0.5, 0.9, (100, 400))

    assert change.error == pytest.approx(np.sqrt(0.25 / 100 + 0.09 / 400))
    assert change.tells
    assert np.isnan(unpaired_change(0.5, 0.9, (None, 400)).error)


def test_points_have_a_sign():
    assert [points(value) for value in (0.205, -0.03, 0.0001, -0.0001)] == ["+20.5", "−3.0", "0.0", "0.0"]


def test_groups_hold_the_shared_examples_and_their_paired_changes(cleaned):
    rows = {row.key: row for row in group_rows(cleaned, pair(cleaned), "end")}

    assert rows["test"].shares == (pytest.approx(0.7), pytest.approx(0.95))
    assert rows["clean"].sizes == (37, 37)  # 40 clean ones, three of them left out
    assert rows["noisy"].sizes == (5, 5)
    assert rows["noisy"].shares == (1.0, 1.0)
    assert rows["true"].shares == (0.0, 0.0)
    assert rows["noisy"].paired
    best = {row.key: row for row in group_rows(cleaned, pair(cleaned), "best")}
    assert best["noisy"].shares == (0.0, 0.0)  # before the noise was memorized
    assert best["true"].shares == (1.0, 1.0)


def test_examples_noisy_in_one_run_only_are_a_group_of_their_own(write, before):
    runs = read_runs([before, write("relabelled2", mended=range(0, 30, 3))])
    rows = {row.key: row for row in group_rows(runs, pair(runs), "end")}

    assert rows["wrong_in_A"].sizes == (10, 10)
    assert rows["wrong_in_A"].shares == (0.0, 1.0)  # answered with the true label
    assert rows["wrong_in_A"].changes[1].difference == 1.0
    assert "wrong_in_B" not in rows


# pairing


def test_examples_are_matched_by_id(cleaned, before, after):
    pairing = pair(cleaned)
    ids = [open_run(folder).examples["id"].to_numpy() for folder in (before, after)]

    assert pairing.size == 42
    assert (ids[0][pairing.positions[0]] == ids[1][pairing.positions[1]]).all()


def test_without_ids_the_fingerprint_matches_by_position(write):
    runs = read_runs([write("x", ids=False), write("y", ids=False)])

    assert pair(runs).how == "by position"
    assert pair(runs).positions[0].tolist() == list(range(N))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"ids": False, "dataset": {"fingerprint": None}}, "B recorded no ids"),
        ({"dataset": {"name": "elsewhere"}}, "different data (elsewhere, toy)"),
        ({"shift": 1}, "the true labels of 60 of the 60 examples that A and B seem to share are not the same"),
    ],
    ids=["no ids", "other data", "other labels"],
)
def test_what_cannot_be_paired_says_why_and_groups_are_each_runs_own(write, before, other, reason):
    runs = read_runs([before, write("strange", **other)])
    pairing = pair(runs)
    section = examples_section.build(runs, pairing, None)

    assert reason in pairing.reason
    assert plain_text(section.reason) == f"Single examples cannot be paired: {pairing.reason}."
    rows = {row.key: row for row in group_rows(runs, pairing, "end")}
    assert not rows["clean"].paired
    assert rows["clean"].sizes == (40, 40)


def test_rank_correlation_is_spearmans(cleaned, before, after):
    pairing = pair(cleaned)
    losses = [
        open_run(folder).scores()["mean_loss"].to_numpy()[place]
        for folder, place in zip((before, after), pairing.positions, strict=True)
    ]

    found = examples_section.pair_of(cleaned, pairing, (0, 1)).correlation()

    assert found == pytest.approx(spearmanr(*losses).statistic)


def test_examples_learned_in_one_run_only_are_counted(write, before):
    late = write("late", noise_from=99)  # never memorizes its 20 wrong labels
    runs = read_runs([before, late])
    found = examples_section.pair_of(runs, pair(runs), (0, 1))

    assert (found.learned_only(0), found.learned_only(1)) == (20, 0)


def test_many_shared_examples_are_drawn_as_a_stated_sample(write, before, monkeypatch):
    monkeypatch.setattr(examples_section, "MOST_POINTS", 30)
    runs = read_runs([before, write("again")])
    section = examples_section.build(runs, pair(runs), None)
    plot = section.plots()[0]

    assert sum(len(trace.x) for trace in plot.wide.data) == 30
    assert "A sample of 30 of the 60." in " ".join(
        plain_text(part.text) for part in section.all_parts() if hasattr(part, "text")
    )


# the page


@pytest.fixture(scope="module")
def html(cleaned):
    return render(cleaned, stem="comparison")


def test_every_section_is_there_and_the_page_is_policed(html):
    for key in ("runs", "options", "curves", "groups", "examples", "provenance"):
        assert f'id="{key}"' in html
    assert POLICY.replace("'", "&#39;") in html
    assert len(html.encode()) < 8_000_000
    assert "None" not in words(html).replace("None of", "")
    assert "nan" not in words(html)


def test_curves_share_their_axes_and_end_with_their_letters(html):
    islands = re.findall(r'data-plot="curves-(\w+)".*?<script type="application/json">(.*?)</script>', html, re.S)
    figures = {name: json.loads(island)["wide"] for name, island in islands}

    assert set(figures) == {"test", "clean", "noisy", "true"}
    assert len({json.dumps([f["layout"][axis]["range"] for axis in ("xaxis", "yaxis")]) for f in figures.values()}) == 1
    assert [note["text"] for note in figures["test"]["layout"]["annotations"]] == ["<b>A</b> 70.0%", "<b>B</b> 95.0%"]
    assert len({trace["line"]["dash"] for trace in figures["test"]["data"]}) == 2


ODD = (
    {"epochs": 0},
    {"status": "interrupted", "epochs": 2},
    {"truth": False},
    {"classes": ("a", "b", "c", "d")},
    {"tested": False, "config": {}},
    {"epochs": 1, "noise_from": 99},
    {"keep": range(1, N, 3)},  # no wrong label
    {"ids": False},
)


def is_sound(html):
    text = words(html).replace("Nothing", "").replace("None of", "")
    return "<h1>" in html and "None" not in text and "nan" not in text


@pytest.mark.parametrize("other", [*ODD[:3], ODD[6]], ids=str)
def test_an_odd_run_has_a_page_beside_a_usual_one(write, before, other):
    assert is_sound(render(read_runs([write("odd", **other), before]), stem="x"))


def test_odd_runs_have_a_page_together(write):
    assert is_sound(render(read_runs([write(f"odd{at}", **other) for at, other in enumerate(ODD)]), stem="x"))


def test_a_run_that_goes_on_is_said_to(write, before):
    runs = read_runs([before, write("going", status="interrupted", epochs=2)])

    assert plain_text(answer(runs)).startswith("So far (B at epoch 2): ")
    assert "A ran 6 epochs and B ran 2 epochs" in plain_text(lede(runs, [], pair(runs)))


def test_without_paths_no_folder_file_or_command_is_named(before, after, tmp_path):
    page = probes_reports.build([before, after], tmp_path / "page.html", paths=False).read_text(encoding="utf-8")

    for secret in ("A before", "B after", "secret", "suspects"):
        assert secret not in words(page)
    assert str(before) not in page
    assert 'data-stem="comparison"' in page


def test_a_hostile_name_stays_text(write, before):
    text = render(read_runs([before, write(HOSTILE)]), stem=HOSTILE)

    assert HOSTILE not in text
    assert "&lt;img src=x onerror" in text
    assert text.count("<script") == text.count("</script>")


def test_runs_of_one_name_are_told_apart_by_what_lies_above(write):
    runs = read_runs([write("same"), write("same")])

    assert [run.name.split("/")[-1] for run in runs] == ["same", "same"]
    assert runs[0].name != runs[1].name


# files and folders


def test_the_page_goes_to_runs_under_the_names_of_the_two(before, after, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert probes_reports.build([before, after]).as_posix() == "runs/comparison-before-after.html"
    assert (tmp_path / "runs/comparison-before-after.html").is_file()


def test_names_of_pages_neither_collide_nor_overflow(tmp_path):
    three, other = [comparison_file([tmp_path / name for name in names]).name for names in ("abc", "abd")]
    assert three.startswith("comparison-a-b-and-1-more-")
    assert three != other
    assert len(comparison_file([tmp_path / ("x" * 250), tmp_path / ("y" * 250)]).name) < 200
    assert comparison_file([tmp_path / "a b", tmp_path / "c"]) != comparison_file([tmp_path / "a-b", tmp_path / "c"])


def test_what_cannot_be_compared_is_one_clear_error(before, after, tmp_path):
    with pytest.raises(ConfigError, match="named twice"):
        probes_reports.build([before, after, before / "."])
    with pytest.raises(RunNotFoundError, match="nowhere"):
        probes_reports.build([before, tmp_path / "nowhere"])
    with pytest.raises(ConfigError, match="at least one"):
        probes_reports.build([])
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunExistsError, match="is not a report"):
        probes_reports.build([before, after], tmp_path / "notes.txt")


def test_more_than_eight_runs_are_refused(write):
    folders = [write(f"many{at}", epochs=0) for at in range(9)]

    with pytest.raises(ConfigError, match="at most 8 runs, got 9"):
        read_runs(folders)


def test_bad_folders_are_skipped_on_demand_with_a_warning_each(before, after, tmp_path):
    folders = [before, tmp_path / "nowhere", after]

    with pytest.warns(ProbeWarning, match="skipped .*nowhere"):
        runs = read_runs(folders, skip_bad=True)

    assert [run.letter for run in runs] == ["A", "B"]
    with warnings.catch_warnings(), pytest.raises(RunNotFoundError, match="none of the 2 folders"):
        warnings.simplefilter("ignore")
        probes_reports.build([tmp_path / "nowhere", tmp_path / "too"], skip_bad=True)


def test_one_run_left_gets_its_own_page(before, tmp_path):
    with pytest.warns(ProbeWarning, match="skipped"):
        page = probes_reports.build([before, tmp_path / "nowhere"], tmp_path / "page.html", skip_bad=True)

    assert 'id="fate"' in page.read_text(encoding="utf-8")


def test_a_damaged_file_is_one_clear_error_and_can_be_skipped(write, before):
    damaged = write("damaged")
    (damaged / "examples.parquet").write_bytes(b"PAR1 nothing")

    with pytest.raises(ProbeError, match="damaged"):
        read_runs([before, damaged])
    with pytest.warns(ProbeWarning, match="skipped .*damaged"):
        assert len(read_runs([before, damaged], skip_bad=True)) == 1


def row(name, difference, error, size=11):
    return groups.GroupRow(name, "clean", (f"{name} examples,", "as given"), (size, size), (0.5, 0.5 + difference),
                           (None, Change(difference, error)), paired=True)  # fmt: skip


def test_a_larger_change_that_tells_nothing_is_not_denied(cleaned):
    told = plain_text(group_words.answer(cleaned, {"end": [row("few", 0.273, 0.141), row("many", -0.167, 0.03)]}))
    alone = plain_text(group_words.answer(cleaned, {"end": [row("many", -0.167, 0.03)]}))

    assert told.startswith("The largest change of a training group beyond two standard errors is in the end: many")
    assert alone.startswith("The largest change of a training group is in the end: many")


def test_the_group_of_most_examples_leads_and_a_small_one_with_a_larger_change_follows(cleaned):
    rows = [row("leftover", 0.722, 0.1), row("all", 0.012, 0.003, size=1200)]
    told = plain_text(group_words.answer(cleaned, {"end": rows}))
    alike = plain_text(group_words.answer(cleaned, {"end": [rows[0], row("all", 0.002, 0.003, size=1200)]}))

    assert told.startswith(
        "In the end the largest training group, all examples,, was answered as given more often in B than in A, "
        "by 1.2 points. The largest change of a training group is in the end: leftover"
    )
    assert "as given about as often in B as in A." in alike


def test_three_runs_have_standard_errors_too(write, before, after):
    runs = read_runs([before, after, write("third", mended=range(0, 30, 3))])
    section = groups.build(runs, pair(runs))
    table = next(part for part in section.parts if isinstance(part, Table))
    change = next(row for row in group_rows(runs, pair(runs), "best") if row.key == "clean").changes[1]

    cells = next(cells for cells in table.rows if plain_text(cells[0].text).startswith("clean"))
    assert plain_text(cells[3].text).endswith(f"{points(change.difference)} ± {change.error * 100:.1f}")
    assert "± one standard error" in plain_text(section.caption)
