"""Estimators side by side where the classifier's errors drift: `python -m tests.statistics.drift --replications 500`.

Prints a Markdown table: the bias of women's share as counted; and at equal labels the bias, coverage and mean width of
the intervals of Rogan and Gladen's correction and of the debiased share, and the bias of women's presence time against
that of the people on screen.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.statistics import debiasing
from gfpipe.statistics.bootstrap import Resampling, interval
from gfpipe.statistics.debiasing import Predicted, debiased
from gfpipe.statistics.misclassification import Labels, correction
from gfpipe.statistics.screen_time import SUMS, corrected, of_a_second
from tests.statistics.archives import Archive, about, archive

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_RECORDINGS: Final = 120
_DRAWS: Final = 600
_SURE: Final = 2.5  # distance of the logits of a face from 0
_NOISE: Final = 1.5  # their standard deviation about it
_WEAK: Final = "none, weak classifier"  # and recordings that are alike, so that labels decide the width


@dataclass(frozen=True)
class Faces:
    """What drift may depend on, (K,) each."""

    channel: Ints
    programme: Ints
    recording: Ints
    is_woman: NDArray[np.bool_]


Drift = Callable[[Faces, np.random.Generator], Array]  # what is added to the logits of women


def _none(faces: Faces, rng: np.random.Generator) -> Array:
    return np.zeros(len(faces.channel))


def _programme(faces: Faces, rng: np.random.Generator) -> Array:
    return np.where(faces.channel == 1, -0.5 - 0.25 * (faces.programme % 5), 0.0)


def _lighting(faces: Faces, rng: np.random.Generator) -> Array:
    dark = rng.random(_RECORDINGS)[faces.recording] < np.where(faces.channel == 1, 0.6, 0.1)
    return np.where(dark, np.where(faces.is_woman, -2.0, 0.5), 0.0)


def _age(faces: Faces, rng: np.random.Generator) -> Array:
    old = rng.random(len(faces.channel)) < np.where(faces.channel == 1, 0.5, 0.1)
    return np.where(old & faces.is_woman, -2.5, 0.0)


DRIFTS: Final[dict[str, Drift]] = {
    "none": _none,
    _WEAK: _none,
    "programme": _programme,
    "lighting": _lighting,
    "age": _age,
}


def _asked(channel: Ints, drift: str) -> NDArray[np.bool_]:
    """Whether the channels are part of the estimate."""
    return np.full(len(channel), True) if DRIFTS[drift] is _none else channel == 1


@dataclass(frozen=True)
class Found:
    """Estimates of one channel (of both without drift), with the ends of their intervals."""

    raw: float
    rogan_gladen: tuple[float, float, float]
    debiased: tuple[float, float, float]
    presence_rogan_gladen: float  # minus that of the women on screen, as is the next
    presence_debiased: float


def truth(of: Archive, drift: str) -> float:
    """Women's share of face time over all that could be on air, of what `analyse` estimates."""
    time_on_air = of.frequency * of.minutes * (of.faces @ np.arange(5)) * _asked(of.channel, drift)
    return float(of.women @ time_on_air / time_on_air.sum())


def analyse(of: Archive, rng: np.random.Generator, drift: str, labels: int) -> Found:
    """Draw recordings and labels, and estimate; half of the labels are of the channel whose errors drift."""
    half = _RECORDINGS // 2
    programme = np.concatenate([rng.choice(8, half, p=of.frequency * (of.channel == channel)) for channel in (0, 1)])
    shots = np.rint(of.minutes[programme] * rng.uniform(0.8, 1.2, _RECORDINGS) * 4).astype(int)
    recording = np.repeat(np.arange(_RECORDINGS), shots)
    seconds = rng.uniform(5, 25, len(recording))
    number = (rng.random(len(recording))[:, None] > of.faces.cumsum(1)[programme[recording]]).sum(1)
    women = about(about(of.women[programme], 2000 if drift == _WEAK else 60, rng)[recording], 8, rng)
    shot = np.repeat(np.arange(len(recording)), number)
    is_woman = rng.random(len(shot)) < women[shot]
    faces = Faces(of.channel[programme][recording[shot]], programme[recording[shot]], recording[shot], is_woman)
    sure = _SURE * (0.65 if drift == _WEAK else 1)
    logit = np.where(is_woman, sure, -sure) + DRIFTS[drift](faces, rng) + rng.normal(0, _NOISE, len(shot))
    p = 1 / (1 + np.exp(-logit))
    answer = np.where(p >= 0.6, 0, np.where(p <= 0.4, 1, 2))

    resampling = Resampling.within(of.channel[programme], _DRAWS, seed=int(rng.integers(2**31)))
    weights = resampling.weights()
    drawn = rng.choice(len(shot), labels, replace=False)
    said = np.where(is_woman[drawn], 0, 1)
    unit = resampling.unit[recording[shot[drawn]]]
    step = seconds[shot[drawn]]
    medium = np.full(labels, 1)
    found = correction(
        Labels(unit, recording[shot[drawn]], np.ones(labels, bool), medium, said, answer[drawn], step), weights
    )
    assert found.problem is None, found.problem

    asked = _asked(of.channel[programme], drift)
    composition = np.zeros(len(recording), np.uint64)
    np.add.at(composition, shot, np.uint64(100) ** (3 + answer).astype(np.uint64))
    no_woman, no_man, expected = (np.zeros(len(recording)) for _ in range(3))
    np.add.at(no_woman, shot, np.log1p(-p))
    np.add.at(no_man, shot, np.log(p))
    np.add.at(expected, shot, p)
    no_woman, no_man = np.exp(no_woman), np.exp(no_man)
    per_shot = np.column_stack([np.ones(len(recording)), number, expected, 1 - no_woman, 1 - no_man])
    per_shot = np.hstack([per_shot, of_a_second(composition, found)]) * (seconds * asked[recording])[:, None]
    sums = np.zeros((len(weights), per_shot.shape[1]))
    np.add.at(sums, resampling.unit[recording], per_shot)
    of_labels = np.zeros((len(weights), debiasing.SUMS))
    added = debiasing.of_labels(said, step, p[drawn], no_woman[shot[drawn]], no_man[shot[drawn]])
    np.add.at(of_labels, unit, added * asked[recording[shot[drawn]]][:, None])

    by_rates = corrected(sums[:, -SUMS:], weights, found)
    by_labels = debiased(Predicted(*(sums[:, :5].T @ weights)), of_labels.T @ weights)
    freedom = int(asked.sum()) - len(np.unique(of.channel[programme][asked]))
    counts = (seconds * asked[recording])[shot]
    called = [counts[answer == each].sum() for each in (0, 1)]
    on_screen = (seconds * asked[recording])[np.unique(shot[is_woman])].sum()
    analysed = (seconds * asked[recording]).sum()
    return Found(
        float(called[0] / sum(called)),
        (float(by_rates.share[0]), *interval(by_rates.share, freedom)),
        (
            float(by_labels.female_face[0]),
            *interval(by_labels.female_face, int((of_labels[:, 0] > 0).sum()) - 1 - debiasing.TUNED),
        ),
        float((by_rates.female_presence[0] - on_screen) / analysed),
        float(by_labels.female_presence[0] - on_screen / analysed),
    )


@dataclass(frozen=True)
class Row:
    """One line of the table: biases and mean widths in points, coverages as shares."""

    raw: float
    bias: tuple[float, float]  # of Rogan and Gladen's correction, and of the debiased share
    coverage: tuple[float, float]
    width: tuple[float, float]
    presence: tuple[float, float]


def simulate(drift: str, labels: int, replications: int, share: float = 0.35, seed: int = 1) -> Row:
    """Repeat the analysis of one archive."""
    rng = np.random.default_rng([seed, *drift.encode(), labels])
    of = archive(np.random.default_rng(seed), share)
    of = replace(of, women=np.full(8, share)) if drift == _WEAK else of
    true = truth(of, drift)
    runs = [analyse(of, rng, drift, labels) for _ in range(replications)]
    both = np.array([(run.rogan_gladen, run.debiased) for run in runs])
    covered = ((both[..., 1] <= true) & (true <= both[..., 2])).mean(0)
    presence = np.mean([(run.presence_rogan_gladen, run.presence_debiased) for run in runs], axis=0)
    points = 100 * np.array([*(both[..., 0].mean(0) - true), *(both[..., 2] - both[..., 1]).mean(0), *presence])
    raw = 100 * (float(np.mean([run.raw for run in runs])) - true)
    return Row(raw, _two(points[:2]), _two(covered), _two(points[2:4]), _two(points[4:]))


def _two(values: Array) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--labels", type=int, nargs="+", default=[400, 1000])
    options = parser.parse_args()
    print("| errors drift by | labels | raw | Rogan-Gladen: bias | coverage | width | presence |", end="")
    print(" debiased: bias | coverage | width | presence |\n" + "|---" * 11 + "|")
    begun = time.perf_counter()
    for drift in DRIFTS:
        for labels in options.labels:
            row = simulate(drift, labels, options.replications)
            cells = [drift, str(labels), f"{row.raw:+.2f}"]
            for each in (0, 1):
                cells += [f"{row.bias[each]:+.2f}", f"{100 * row.coverage[each]:.1f} %"]
                cells += [f"{row.width[each]:.2f}", f"{row.presence[each]:+.2f}"]
            print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\n{options.replications} replications each, {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
