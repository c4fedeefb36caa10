"""Archives of news whose true screen time is known, from which recordings and labels are drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gfpipe.statistics.bootstrap import Resampling
from gfpipe.statistics.misclassification import Labels, correction
from gfpipe.statistics.screen_time import SUMS, Corrected, corrected, of_a_second

Array = NDArray[np.float64]
_MEDIUM = 1  # size of all faces here


@dataclass(frozen=True)
class Archive:
    """Eight programmes on two channels; arrays are (8,), by programme.

    Attributes:
        channel: 0 or 1.
        frequency: how often it is aired, of all of its channel.
        minutes: its mean length.
        women: women's share of faces.
        faces: (8, 5) share of time with 0 to 4 faces.
        sensitivity, specificity: of the classifier.
    """

    channel: NDArray[np.int64]
    frequency: Array
    minutes: Array
    women: Array
    faces: Array
    sensitivity: Array
    specificity: Array

    @property
    def share(self) -> float:
        """Women's true share of face time, over all that could be on air."""
        face_time = self.frequency * self.minutes * (self.faces @ np.arange(5))
        return float(self.women @ face_time / face_time.sum())


def archive(rng: np.random.Generator, women: float) -> Archive:
    """Make an archive in which about so many of the faces are women's."""
    programmes, channel = 8, np.arange(8) % 2
    frequency = rng.dirichlet(np.full(programmes, 5.0))
    for each in (0, 1):
        frequency[channel == each] /= frequency[channel == each].sum()
    return Archive(
        channel=channel,
        frequency=frequency,
        minutes=rng.uniform(5, 60, programmes),
        women=rng.beta(8 * women, 8 * (1 - women), programmes),
        faces=rng.dirichlet([5, 10, 5, 2, 1], programmes),
        sensitivity=rng.uniform(0.83, 0.95, programmes),
        specificity=rng.uniform(0.93, 0.98, programmes),
    )


@dataclass(frozen=True)
class Analysis:
    """What the classifier made of some recordings, and what is true of them."""

    recordings: int
    raw: float
    corrected: Corrected
    freedom: int
    true_female_presence: float
    true_male_presence: float


def analyse(
    of: Archive, rng: np.random.Generator, recordings: int = 120, labels: int = 1000, draws: int = 1000
) -> Analysis:
    """Draw recordings, half from each channel, classify every shot, and label some of the faces."""
    drawn = [rng.choice(8, recordings // 2, p=of.frequency * (of.channel == channel)) for channel in (0, 1)]
    programme = np.concatenate(drawn)
    shots = np.rint(of.minutes[programme] * rng.uniform(0.8, 1.2, recordings) * 4).astype(int)
    recording = np.repeat(np.arange(recordings), shots)
    seconds = rng.uniform(5, 25, len(recording))
    faces = (rng.random(len(recording))[:, None] > of.faces.cumsum(1)[programme[recording]]).sum(1)
    # Recordings differ, and those who appear together are more alike than chance would have it.
    women = about(of.women[programme], 12, rng)
    women_here = about(women[recording], 4, rng)
    shot = np.repeat(np.arange(len(recording)), faces)
    is_woman = rng.random(len(shot)) < women_here[shot]
    answer = _classify(of, programme[recording[shot]], is_woman, rng)
    composition = np.zeros(len(recording), np.uint64)
    np.add.at(composition, shot, np.uint64(100) ** (3 * _MEDIUM + answer).astype(np.uint64))

    resampling = Resampling.within(of.channel[programme], draws, seed=int(rng.integers(2**31)))
    labelled = rng.choice(len(shot), labels, p=seconds[shot] / seconds[shot].sum())  # evenly over face time
    found = correction(
        Labels(
            unit=resampling.unit[recording[shot[labelled]]],
            recording=recording[shot[labelled]],
            at_hand=np.ones(labels, bool),
            size=np.full(labels, _MEDIUM),
            truth=np.where(is_woman[labelled], 0, 1),
            answer=answer[labelled],
            weight=np.ones(labels),
        ),
        resampling.weights(),
    )
    assert found.problem is None, found.problem
    time = [seconds[shot[answer == each]].sum() for each in (0, 1)]
    sums = np.zeros((len(resampling.weights()), SUMS))
    np.add.at(sums, resampling.unit[recording], of_a_second(composition, found) * seconds[:, None])
    return Analysis(
        recordings,
        float(time[0] / sum(time)),
        corrected(sums, resampling.weights(), found),
        recordings - len(np.unique(resampling.stratum)),
        float(seconds[np.unique(shot[is_woman])].sum()),
        float(seconds[np.unique(shot[~is_woman])].sum()),
    )


def about(mean: Array, certainty: float, rng: np.random.Generator) -> Array:
    return rng.beta(np.maximum(mean, 1e-3) * certainty, np.maximum(1 - mean, 1e-3) * certainty)


def _classify(
    of: Archive, programme: NDArray[np.int64], is_woman: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int64]:
    """0 female, 1 male, 2 undecided: two in five of those it is not sure of."""
    right = rng.random(len(programme)) < np.where(is_woman, of.sensitivity[programme], of.specificity[programme])
    undecided = rng.random(len(programme)) < 0.4
    answer: NDArray[np.int64] = np.where(right == is_woman, 0, 1)
    return np.where(right | ~undecided, answer, 2)
