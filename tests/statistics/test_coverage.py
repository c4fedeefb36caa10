"""What a researcher relies on: intervals that hold the truth 95 times in 100, and figures without bias."""

import numpy as np
import pytest

from gfpipe.statistics.bootstrap import interval
from gfpipe.statistics.misclassification import lang_reiczigel
from tests.statistics.archives import analyse, archive

REPLICATIONS = 120
SHARES = (0.05, 0.2, 0.5, 0.6)


@pytest.mark.slow
def test_corrected_shares_are_unbiased_and_their_intervals_hold_the_truth() -> None:
    covered = [coverage(women) for women in SHARES]
    assert 0.93 <= np.mean(covered) <= 0.97


def coverage(women: float) -> float:
    """How often the interval holds the true share, where women are about so many of the faces."""
    rng = np.random.default_rng(round(100 * women))
    known = archive(rng, women)
    found = [analyse(known, rng, draws=500) for _ in range(REPLICATIONS)]
    shares = np.array([each.corrected.share[0] for each in found])
    ends = np.array([interval(each.corrected.share, each.freedom) for each in found])
    raw_bias = np.mean([each.raw for each in found]) - known.share
    bias = shares.mean() - known.share
    covered = ((ends[:, 0] <= known.share) & (known.share <= ends[:, 1])).mean()
    print(f"share {known.share:.3f}: raw {raw_bias:+.4f}, corrected {bias:+.4f}, {covered:.3f}")
    assert abs(bias) <= 3 * shares.std() / REPLICATIONS**0.5
    assert abs(raw_bias) >= max(0.008, 2 * abs(bias))
    return float(covered)


@pytest.mark.slow
def test_corrected_presence_is_that_of_the_people_on_screen() -> None:
    """Although those who appear together are alike, and errors differ by programme."""
    rng = np.random.default_rng(7)
    known = archive(rng, 0.3)
    found = [analyse(known, rng, draws=2) for _ in range(100)]
    for presence, truth in (("female_presence", "true_female_presence"), ("male_presence", "true_male_presence")):
        ratio = [getattr(each.corrected, presence)[0] / getattr(each, truth) for each in found]
        assert np.mean(ratio) == pytest.approx(1, abs=0.01)


def test_the_analytic_interval_of_independent_faces_holds_the_truth() -> None:
    rng = np.random.default_rng(3)
    share, sensitivity, specificity, faces, women, men = 0.3, 0.9, 0.95, 400, 100, 200
    covered = 0
    for _ in range(4000):
        apparent = rng.binomial(faces, share * sensitivity + (1 - share) * (1 - specificity)) / faces
        hits, rejections = rng.binomial(women, sensitivity) / women, rng.binomial(men, specificity) / men
        low, high = lang_reiczigel(apparent, faces, hits, women, rejections, men)
        covered += low <= share <= high
    assert 0.94 <= covered / 4000 <= 0.965
