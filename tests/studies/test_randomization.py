"""How a run's fit is read, on runs of known curves."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from probes.studies import randomization
from probes.studies.randomization import MISSING, Fit, fit_of

RUN = SimpleNamespace(classes=["cat", "dog"])


@pytest.fixture
def curves(monkeypatch):
    """Gives the curves that a run is read by."""

    def set_curves(train, test):
        table = {"train/all": np.array(train), "test": np.array(test)}
        monkeypatch.setattr(randomization, "curve", lambda run, group, column="accuracy": table[group])

    return set_curves


def test_test_error_is_read_when_the_training_set_is_fitted(curves):
    curves([0.5, 0.9995, 1.0], [0.6, 0.8, 0.7])

    fit = fit_of(RUN)
    assert (fit.best, fit.epoch, fit.classes) == (1.0, 2.0, 2)
    assert fit.test_error == pytest.approx(0.2)


def test_one_that_never_fits_has_neither_an_epoch_nor_an_error_when_fitted(curves):
    curves([0.5, 0.9, 0.8], [0.6, 0.8, 0.7])

    fit = fit_of(RUN)
    assert (fit.best, np.isnan(fit.epoch), np.isnan(fit.test_error)) == (0.9, True, True)


def test_early_growth_is_the_share_of_the_whole_growth():
    assert randomization._early_growth(*([fitted(epoch)] for epoch in (10.0, 40.0, 50.0))) == (0.75,)


def test_no_growth_has_no_share():
    """Sets so small that all are fitted at once."""
    assert math.isnan(randomization._early_growth(*([fitted(1.0)] for _ in range(3)))[0])


def fitted(epoch, error=0.0, best=1.0, classes=10):
    return Fit(best, epoch, error, np.zeros(1), classes)


def test_the_slower_of_two_is_the_one_that_was_never_fitted():
    never = fitted(math.nan)

    assert randomization._slower([never, fitted(2.0)], [fitted(3.0), fitted(3.0)])[0] is never
    assert randomization._slower([fitted(3.0)], [never]) == [never]


def test_a_seed_that_is_missing_is_paired_with_nothing():
    """Seed 1 of random labels failed: the ratio of seed 2 is that of its own two runs."""
    slow, fast = [fitted(50.0), MISSING, fitted(70.0)], [fitted(10.0), fitted(5.0), fitted(14.0)]

    assert randomization._ratios(slow, fast) == pytest.approx((5.0, math.nan, 5.0), nan_ok=True)


def shares_of(errors, classes=10):
    return {
        share: [fitted(10.0, error, classes=classes)] * 3 for share, error in zip((0.0, 0.4, 1.0), errors, strict=True)
    }


def claims_of(by_share):
    return {claim.id: claim for claim in randomization._share_claims(by_share)}


def test_an_error_that_stays_the_same_does_not_grow():
    assert claims_of(shares_of((0.1, 0.3, 0.9)))["error-grows"].verdict == "reproduced"
    assert claims_of(shares_of((0.1, 0.1, 0.9)))["error-grows"].verdict == "not reproduced"


def test_guessing_is_that_of_the_datas_classes():
    assert claims_of(shares_of((0.1, 0.3, 0.9)))["chance-at-the-end"].verdict == "reproduced"
    assert claims_of(shares_of((0.1, 0.3, 0.5), classes=2))["chance-at-the-end"].verdict == "reproduced"


def test_every_kind_counts_partly_random_labels_too():
    true, partly = [fitted(5.0)] * 3, [fitted(50.0), fitted(math.nan, best=0.8), MISSING]
    claim = randomization._fitted([true, partly])

    assert claim.values == pytest.approx((1.0, 0.8, math.nan), nan_ok=True)
    assert claim.seen == "1 of 6 runs stay below 99.9%."
    assert claim.verdict == "inconclusive"
