"""The line on which a claim's values stand against its bounds."""

import pytest

from probes.studies.claim import above, at_least, at_most, below, between, exactly
from probes_reports.studies.strip import interval_of, measured, strip
from probes_reports.studies.view import StudyView


@pytest.fixture
def view_of(write, made):
    """The one claim of a study as the page sees it."""

    def view(rule, values):
        return StudyView(write(claims=[made.claim(rule=rule, values=values).to_dict()])).claims[0]

    return view


def test_positions_follow_the_values(view_of):
    claim = view_of(at_least(0.0), (1.0, 2.0, 3.0))
    drawn = strip(claim)
    low, high = min(0.0, claim.low), claim.high  # the interval reaches furthest
    free = 0.1 * (high - low)

    def at(value):
        return pytest.approx((value - low + free) / (high - low + 2 * free), abs=1e-3)

    assert [drawn.dots[0], drawn.dots[2], drawn.mean] == [at(1.0), at(3.0), at(2.0)]
    assert drawn.interval == (at(claim.low), at(claim.high))
    assert [(bound.at, bound.text) for bound in drawn.bounds] == [(at(0.0), "≥ 0")]


@pytest.mark.parametrize(
    ("rule", "bounds", "left", "right"),
    [
        (at_least(0.4), ["≥ 0.4"], False, True),
        (at_most(0.4), ["≤ 0.4"], True, False),
        (above(0.4), ["> 0.4"], False, True),
        (below(0.4), ["< 0.4"], True, False),
        (between(0.4, 0.6), ["≥ 0.4", "≤ 0.6"], False, False),
        (exactly(0.5), ["= 0.5"], False, False),
    ],
)
def test_the_shade_is_where_the_claim_holds(view_of, rule, bounds, left, right):
    drawn = strip(view_of(rule, (0.3, 0.5, 0.7)))

    assert [bound.text for bound in drawn.bounds] == bounds
    assert (drawn.wash[0] == 0, drawn.wash[1] == 1) == (left, right)


def test_everything_lies_within_the_strip(view_of):
    for values in ((5.0, 5.0, 5.0), (0.0, 0.0, 0.0), (-1e9, 0.0, 1e9), (0.5,), (), (float("nan"), 1.0, 2.0)):
        drawn = strip(view_of(between(-1.0, 2.0), values))
        places = [*drawn.dots, *drawn.wash, *(drawn.interval or ()), *(bound.at for bound in drawn.bounds)]
        assert all(0 <= place <= 1 for place in places)


def test_one_value_has_no_interval_and_none_no_mean(view_of):
    assert strip(view_of(at_least(0.3), (0.5,))).interval is None
    assert strip(view_of(at_least(0.3), ())).mean is None
    assert strip(view_of(at_least(0.3), ())).alt == "no value; the claim holds at or above 0.3"
    assert strip(view_of(above(0.3), ())).alt == "no value; the claim holds above 0.3"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0.186, 0.183, 0.192), "0.187 ± 0.005"),
        ((0.0264, 0.01198, 0.0539), "0.031 ± 0.021"),
        ((9.0, 6.3333, 10.0), "8.4 ± 1.9"),
        ((12345.6, 12400.2, 12377.7), "12,374 ± 27"),
        ((0.5, 0.5, 0.5), "0.5 ± 0"),
        ((0.5,), "0.5"),
        ((1e-9, 2e-9, 3e-9), "2e-09 ± 1e-09"),
        ((), "no value"),
    ],
)
def test_a_mean_has_as_many_digits_as_its_sd_allows(view_of, values, text):
    assert measured(view_of(at_least(0.0), values)) == text


def test_where_every_value_is_judged_no_interval_is_drawn(view_of):
    each = view_of(at_least(5, exact=True), (7.0, 60.0, 240.0))
    mean = view_of(at_least(5), (7.0, 60.0, 240.0))

    assert (strip(each).interval, interval_of(each)) == (None, None)
    assert strip(mean).interval is not None
    assert interval_of(mean) == (mean.low, mean.high)
    assert strip(each).wash[0] < strip(each).dots[0]  # the bound itself is still on the strip
