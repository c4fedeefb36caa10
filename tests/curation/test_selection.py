"""Tests of the guarantees of selection on random archives."""

from collections import Counter
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from gfpipe.curation.candidates import Candidates, concatenate
from gfpipe.curation.selection import (
    NO_COUNTERPART,
    OVER_LIMIT,
    SAME_PICTURE,
    SAME_TRACK,
    UNSURE,
    Rules,
    Selection,
    select,
)
from gfpipe.curation.strata import STRATA
from gfpipe.errors import UsageError
from tests.curation.faces import archive, candidates

RULES = Rules(0.9, 0.9)
_ALL_FACES = Rules(0, 0, balance=(), validation=0)
SEEDS = range(40)


def _any_rules(seed: int) -> Rules:
    random = np.random.default_rng(seed)
    names = list(random.permutation(list(STRATA)))[: random.integers(0, 6)]
    return Rules(
        threshold_female=float(random.choice([0, 0.5, 0.9, 0.99])),
        threshold_male=float(random.choice([0, 0.5, 0.9])),
        balance=tuple(map(str, names)),
        limit=int(random.choice([0, 2, 7, 40, 300])),
        validation=float(random.choice([0, 0.1, 0.4])),
        same_bits=int(random.choice([0, 2, 4, 9])),
        seed=seed,
    )


def _counts(selection: Selection) -> dict[str, tuple[int, int]]:
    return {dropped.reason: (dropped.female, dropped.male) for dropped in selection.dropped}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_face_is_chosen_or_dropped_for_one_reason(seed: int) -> None:
    faces = archive(600, seed)
    selection = select(faces, _any_rules(seed))
    women = int(faces.female[selection.chosen].sum())
    assert women + sum(dropped.female for dropped in selection.dropped) == faces.female.sum()
    men = len(selection.chosen) - women
    assert men + sum(dropped.male for dropped in selection.dropped) == (~faces.female).sum()
    assert list(_counts(selection)) == [UNSURE, SAME_TRACK, SAME_PICTURE, NO_COUNTERPART, OVER_LIMIT]


@pytest.mark.parametrize("seed", SEEDS)
def test_chosen_faces_satisfy_the_rules(seed: int) -> None:
    faces, rules = archive(600, seed), _any_rules(seed)
    selection = select(faces, rules)
    assert np.array_equal(selection.chosen, np.unique(selection.chosen))
    chosen = faces.take(selection.chosen)
    assert len(chosen) <= rules.limit or not rules.limit
    assert np.all(chosen.confidence >= np.where(chosen.female, rules.threshold_female, rules.threshold_male))
    assert max(Counter(chosen.track[chosen.track >= 0].tolist()).values(), default=0) <= 1
    prints = map(int, chosen.fingerprint)
    assert all((one ^ other).bit_count() > rules.same_bits for one, other in combinations(prints, 2))
    for part in ("train", "validation"):
        women = chosen.female[selection.part == part]
        assert 2 * women.sum() == len(women)
    held_back = selection.part == "validation"
    groups = np.where(chosen.programme != "", chosen.programme, chosen.recording_id)
    assert not set(groups[held_back]) & set(groups[~held_back])
    assert rules.validation or not held_back.any()


@pytest.mark.parametrize("seed", SEEDS)
def test_women_and_men_are_matched_in_every_stratum(seed: int) -> None:
    faces = archive(400, seed)
    rules = replace(_ALL_FACES, balance=("channel", "face_size", "hour"), same_bits=0)
    faces = faces.take(np.unique(faces.fingerprint, return_index=True)[1])
    faces = replace(faces, track=np.full(len(faces), -1))
    chosen = set(select(faces, rules).chosen.tolist())
    codes = [STRATA[name](faces) for name in rules.balance]
    for depth in range(4):
        for members in _strata(codes[:depth], len(faces)):
            women, men = (sum(faces.female[list(members)] == woman) for woman in (True, False))
            for woman in (True, False):
                inside = sum(bool(faces.female[index]) == woman for index in members & chosen)
                assert inside >= min(women, men)


def _strata(codes: list[NDArray[np.str_]], count: int) -> list[set[int]]:
    strata: dict[tuple[str, ...], set[int]] = {}
    for index in range(count):
        strata.setdefault(tuple(str(names[index]) for names in codes), set()).add(index)
    return list(strata.values())


@pytest.mark.parametrize("limit", [8, 30, 100, 180])
def test_a_limit_is_distributed_as_evenly_as_the_supply_allows(limit: int) -> None:
    supply = {"big": 100, "middle": 30, "small": 4}
    channel = np.repeat(list(supply), [2 * pairs for pairs in supply.values()])
    faces = candidates(len(channel), channel=channel, p_female=np.tile([0.99, 0.01], len(channel) // 2))
    selection = select(faces, replace(_ALL_FACES, balance=("channel",), limit=limit))
    taken = Counter(channel[selection.chosen].tolist())
    assert sum(taken.values()) == limit
    most = max(taken.values())
    assert all(taken[name] in (most, most - 2) or taken[name] == 2 * pairs for name, pairs in supply.items())


def test_nested_strata_are_balanced() -> None:
    channel = np.repeat(["a", "b"], [120, 40])
    hour = np.concatenate([np.repeat([8, 20], [100, 20]), np.repeat([8, 20], [20, 20])])
    faces = candidates(160, channel=channel, hour=hour, p_female=np.tile([0.9, 0.1], 80))
    chosen = select(faces, replace(_ALL_FACES, balance=("channel", "hour"), limit=64)).chosen
    assert Counter(zip(channel[chosen], hour[chosen].tolist(), strict=True)) == {
        ("a", 8): 16,
        ("a", 20): 16,
        ("b", 8): 16,
        ("b", 20): 16,
    }


def test_women_and_men_come_from_the_same_programmes() -> None:
    programme = np.repeat(["women's magazine", "sport", "news"], [200, 200, 60])
    p_female = np.concatenate([np.full(200, 0.99), np.full(200, 0.01), np.tile([0.99, 0.01], 30)])
    faces = candidates(460, programme=programme, p_female=p_female)
    chosen = select(faces, replace(_ALL_FACES, balance=("programme",), limit=60)).chosen
    assert set(programme[chosen]) == {"news"}


def test_a_larger_limit_only_adds_faces() -> None:
    faces = archive(800, 3)
    sets = [set(select(faces, replace(RULES, limit=limit)).chosen.tolist()) for limit in (10, 20, 50, 100, 0)]
    assert all(smaller < larger for smaller, larger in pairwise(sets))


def test_the_order_of_candidates_does_not_matter() -> None:
    faces = archive(500, 1)
    shuffled = np.random.default_rng(5).permutation(len(faces))
    rules = replace(RULES, limit=60)
    one, other = select(faces, rules), select(faces.take(shuffled), rules)
    assert set(shuffled[other.chosen].tolist()) == set(one.chosen.tolist())


def test_seeds_select_different_faces() -> None:
    faces = archive(500, 1)
    one, other = (set(select(faces, replace(RULES, limit=60, seed=seed)).chosen.tolist()) for seed in (0, 1))
    assert one != other


def test_programmes_stay_in_their_split_as_the_archive_grows() -> None:
    before = archive(2_000, 7)
    new = archive(2_000, 8)
    names = np.strings.add("new ", new.programme)
    after = concatenate([before, replace(new, programme=names, recording_id=np.strings.add("n", new.recording_id))])
    rules = replace(RULES, validation=0.3)
    sides, later = _sides(before, rules), _sides(after, rules)
    assert set(sides.values()) == {"train", "validation"}
    assert all(later.get(name, side) == side for name, side in sides.items())


def _sides(faces: Candidates, rules: Rules) -> dict[str, str]:
    selection = select(faces, rules)
    return dict(zip(faces.programme[selection.chosen].tolist(), selection.part.tolist(), strict=True))


def test_one_of_few_programmes_is_held_back() -> None:
    for seed in range(30):
        faces = candidates(150, p_female=np.tile([0.99, 0.01], 75))  # three programmes
        part = select(faces, Rules(0.5, 0.5, seed=seed, validation=0.05)).part
        assert set(part) == {"train", "validation"}


def test_a_single_programme_is_all_for_training() -> None:
    faces = candidates(100, programme="news", p_female=np.tile([0.99, 0.01], 50))
    assert set(select(faces, RULES).part) == {"train"}


def test_each_perceived_gender_has_its_own_threshold() -> None:
    faces = candidates(4, p_female=[0.96, 0.94, 0.25, 0.05])
    chosen = select(faces, Rules(0.9, 0.5, validation=0)).chosen
    assert faces.p_female[chosen].max() == 0.96
    assert _counts(select(faces, Rules(0.9, 0.5)))[UNSURE] == (1, 0)


def test_a_face_at_the_threshold_is_confident() -> None:
    faces = candidates(2, p_female=[0.95, 0.05])
    assert len(select(faces, Rules(0.9, 0.9, validation=0)).chosen) == 2


def test_without_one_perceived_gender_all_faces_are_dropped() -> None:
    selection = select(candidates(10, p_female=0.99), RULES)
    assert len(selection.chosen) == 0
    assert _counts(selection)[NO_COUNTERPART] == (10, 0)


def test_no_candidates() -> None:
    assert len(select(candidates(0), RULES).chosen) == 0


def test_faces_of_a_track_are_selected_at_random() -> None:
    taken: Counter[int] = Counter()
    for seed in range(300):
        faces = candidates(20, track=np.repeat([0, 1], 10), p_female=np.repeat([0.99, 0.01], 10), programme="")
        taken.update(select(faces, replace(_ALL_FACES, seed=seed)).chosen.tolist())
    assert len(taken) == 20
    assert max(taken.values()) < 60  # 30 are expected


@pytest.mark.parametrize(
    "wrong",
    [{"threshold_female": 1.0}, {"threshold_male": -0.1}, {"balance": ("age",)}, {"limit": 1}, {"limit": -2},
     {"validation": 1.0}, {"same_bits": 17}],
)  # fmt: skip
def test_invalid_rules_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"choose|allows no pair"):
        replace(RULES, **wrong)  # type: ignore[arg-type]


def test_invalid_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match="not a probability"):
        candidates(2, p_female=[0.5, np.nan])
    with pytest.raises(ValueError, match="differ in length"):
        replace(candidates(2), hour=np.zeros(3, np.int64))
