"""The catalogue is complete and says what a reader must know."""

from probes.scores.catalogue import CATALOGUE

CONTRACT = """
    forgetting_events first_learned_epoch learned_epoch never_learned unforgettable correctness confidence variability
    mean_loss final_loss aum el2n mean_entropy noise_probability visits
"""
BY_NAME = ["noise_probability_bmm", "region"]


def test_lists_the_contract_columns_in_order():
    assert [name for name, score in CATALOGUE.items() if score.default] == CONTRACT.split()


def test_the_others_are_there_by_name():
    assert [name for name, score in CATALOGUE.items() if not score.default] == BY_NAME


def test_every_entry_says_what_it_is_where_it_comes_from_and_when_to_read_it():
    for name, score in CATALOGUE.items():
        assert score.name == name
        assert all((score.label, score.meaning, score.formula, score.source, score.when)), name
        assert score.fewest_epochs >= 1, name
        assert (score.kind == "category") == bool(score.categories), name
        assert score.function.__doc__, name


def test_a_score_of_finished_columns_needs_scores_of_trajectories():
    """They are computed after those, whatever was asked for."""
    for score in CATALOGUE.values():
        if score.scope == "dataset":
            assert all(CATALOGUE[need].scope == "example" for need in score.needs), score.name


def test_counts_published_online_say_so():
    for name in ("forgetting_events", "first_learned_epoch", "aum"):
        assert "online" in CATALOGUE[name].source


def test_the_stand_ins_of_the_c_score_say_so():
    proxies = [name for name, score in CATALOGUE.items() if "C-score" in score.source]

    assert proxies == ["correctness", "confidence", "mean_loss"]
