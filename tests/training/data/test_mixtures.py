"""Mixtures: the right share of every set, cells of equal weight, and nothing left to chance or to file names."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from gfpipe.errors import UsageError
from gfpipe.training.data.mixtures import Filter, Share, draw, parse, select
from gfpipe.training.data.splits import Faces
from tests.training.faces import renamed, some_faces, together

SIZES: dict[tuple[str, str | None], int] = {
    ("female", "white"): 90,
    ("male", "white"): 60,
    ("female", "asian"): 20,
    ("male", "asian"): 10,
}
ALL = parse("set")


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    return some_faces(tmp_path_factory.mktemp("faces"), SIZES)


@pytest.fixture(scope="module")
def mask(faces: Faces) -> np.ndarray:
    return np.ones(len(faces.images), np.bool_)


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("utkface", [Share("utkface")]),
        ("aaf + 20 % kaggle", [Share("aaf"), Share("kaggle", 0.2)]),
        ("aaf+20%kaggle", [Share("aaf"), Share("kaggle", 0.2)]),
        ("aaf + 20 % of kaggle", [Share("aaf"), Share("kaggle", 0.2)]),
        ("aaf + .2 kaggle", [Share("aaf"), Share("kaggle", 0.2)]),
        ("0.5 half-2 + 100 % b.c", [Share("half-2", 0.5), Share("b.c")]),
    ],
)
def test_shares_are_read_as_people_write_them(text: str, shares: list[Share]) -> None:
    assert parse(text) == tuple(shares)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a share: write aaf"),
        ("aaf +", "is not a share"),
        ("aaf kaggle", "is not a share"),
        ("aaf, kaggle", "is not a share"),
        ("0 aaf", "is not above 0"),
        ("2 aaf", "at most all of a data set"),
        ("120 % aaf", "at most all of a data set"),
        ("aaf + 0.5 aaf", "aaf is named twice"),
    ],
)
def test_other_mixtures_say_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(text)


class TestShares:
    def test_each_set_gives_its_share_the_same_in_each_epoch(self, faces: Faces, tmp_path: Path) -> None:
        both = together(faces, some_faces(tmp_path, {("female", None): 50, ("male", None): 50}, "kaggle"))
        everything = np.ones(len(both.images), np.bool_)
        mixture = parse("set + 20 % kaggle")
        epochs = [draw(both, everything, mixture, seed=1, epoch=epoch) for epoch in range(3)]
        assert Counter(both.dataset[epochs[0]].tolist()) == {"set": 180, "kaggle": 20}
        assert set(epochs[0].tolist()) == set(epochs[1].tolist()) == set(epochs[2].tolist())
        assert epochs[0].tolist() != epochs[1].tolist()

    def test_a_larger_share_holds_the_smaller(self, faces: Faces, mask: np.ndarray) -> None:
        small, large = (set(select(faces, mask, parse(f"{share} set")).tolist()) for share in ("0.2", "0.6"))
        assert len(small) == 36
        assert small < large

    def test_faces_of_other_parts_are_never_drawn(self, faces: Faces) -> None:
        part = np.arange(len(faces.images)) % 3 == 0
        assert part[draw(faces, part, ALL, ("gender",))].all()

    def test_nothing_depends_on_file_names_or_their_order(self, faces: Faces, mask: np.ndarray, tmp_path: Path) -> None:
        others = renamed(faces, tmp_path)
        for balance in ((), ("gender", "ethnicity")):
            one, other = (draw(each, mask, parse("0.5 set"), balance, seed=3, epoch=2) for each in (faces, others))
            assert faces.digests[one].tolist() == others.digests[other].tolist()

    def test_a_set_that_is_not_there_is_named(self, faces: Faces, mask: np.ndarray) -> None:
        with pytest.raises(UsageError, match="the mixture names aaf, but the data sets are: set"):
            select(faces, mask, parse("set + aaf"))


class TestBalance:
    @pytest.mark.parametrize("balance", [("gender",), ("gender", "ethnicity"), ("age",)])
    def test_every_cell_counts_the_same(self, faces: Faces, mask: np.ndarray, balance: tuple[str, ...]) -> None:
        drawn = draw(faces, mask, ALL, balance)
        columns = {"gender": faces.perceived_gender, "ethnicity": faces.ethnicity, "age": faces.age_band}
        cells = Counter(zip(*(columns[name][drawn].tolist() for name in balance), strict=True))
        assert len(drawn) == len(faces.images)
        assert max(cells.values()) - min(cells.values()) <= 1

    def test_a_small_cell_is_seen_evenly_often(self, faces: Faces, mask: np.ndarray) -> None:
        drawn = draw(faces, mask, ALL, ("gender", "ethnicity"))
        small = drawn[(faces.perceived_gender[drawn] == "male") & (faces.ethnicity[drawn] == "asian")]
        assert sorted(Counter(small.tolist()).values()) == [4] * 5 + [5] * 5

    def test_a_large_cell_is_seen_whole_before_it_is_seen_again(self, faces: Faces, mask: np.ndarray) -> None:
        epochs = [draw(faces, mask, ALL, ("gender", "ethnicity"), epoch=epoch) for epoch in range(2)]
        drawn = np.concatenate(epochs)
        large = drawn[(faces.perceived_gender[drawn] == "female") & (faces.ethnicity[drawn] == "white")]
        assert sorted(Counter(large.tolist()).values()) == [1] * 90

    def test_epochs_are_the_same_by_seed_and_differ_by_epoch(self, faces: Faces, mask: np.ndarray) -> None:
        def epoch(seed: int, number: int) -> tuple[int, ...]:
            return tuple(draw(faces, mask, ALL, ("gender",), seed=seed, epoch=number).tolist())

        assert epoch(1, 5) == epoch(1, 5)
        assert len({epoch(seed, number) for seed in range(3) for number in range(3)}) == 9

    def test_cells_are_mixed_within_the_epoch(self, faces: Faces, mask: np.ndarray) -> None:
        women = faces.perceived_gender[draw(faces, mask, ALL, ("gender",))] == "female"
        assert 30 < women[:90].sum() < 60

    def test_what_is_not_known_of_faces_balances_nothing(self, faces: Faces, mask: np.ndarray) -> None:
        with pytest.raises(UsageError, match="'height' is not an attribute of faces"):
            draw(faces, mask, ALL, ("height",))


class TestFilters:
    def test_only_and_without_keep_what_they_say(self, faces: Faces, mask: np.ndarray) -> None:
        kept = select(faces, mask, ALL, only={"age": ["10-19", "20-29"]}, without={"ethnicity": ["asian"]})
        assert set(faces.ethnicity[kept]) == {"white"}
        assert set(faces.age_band[kept]) == {"10-19", "20-29"}
        assert len(kept) == 100

    def test_what_is_unknown_is_dropped_by_only_and_kept_by_without(self, tmp_path: Path) -> None:
        faces = some_faces(
            tmp_path, {("female", None): 4, ("male", None): 4, ("female", "asian"): 2, ("male", "asian"): 2}
        )
        everything = np.ones(12, np.bool_)
        assert len(select(faces, everything, ALL, only={"ethnicity": ["asian"]})) == 4
        assert len(select(faces, everything, ALL, without={"ethnicity": ["asian"]})) == 8

    def test_filters_come_before_shares(self, faces: Faces, mask: np.ndarray) -> None:
        assert len(select(faces, mask, parse("50 % set"), only={"ethnicity": ["asian"]})) == 15

    @pytest.mark.parametrize(
        ("only", "without", "message"),
        [
            ({"ethnicity": ["indian"]}, {}, "set: no face is left, only ethnicity indian"),
            ({}, {"ethnicity": ["white", "asian"]}, "set: no face is left, without ethnicity white or asian"),
            (
                {"perceived_gender": ["female"]},
                {},
                "all 110 faces are female, only perceived_gender female; a classifier",
            ),
            ({"gender": ["male"]}, {"age": ["0-9"]}, "are male, only gender male, without age 0-9"),
            ({"ethnicity": ["asain"]}, {}, "no face has ethnicity 'asain'; there are asian, black"),
            ({}, {"age": ["10-15"]}, "no face has age '10-15'; there are 0-9, 10-19"),
            ({"height": ["low"]}, {}, "'height' is not an attribute of faces: use one of perceived_gender"),
        ],
    )
    def test_filters_that_leave_nothing_to_learn_say_so(
        self, faces: Faces, mask: np.ndarray, only: Filter, without: Filter, message: str
    ) -> None:
        with pytest.raises(UsageError, match=message):
            draw(faces, mask, ALL, only=only, without=without)

    def test_a_share_that_rounds_to_nothing_says_so(self, faces: Faces, mask: np.ndarray) -> None:
        with pytest.raises(UsageError, match=r"set: no face is left in 0\.001 of 180"):
            select(faces, mask, parse("0.001 set"))

    def test_one_set_may_be_all_female_if_another_is_not(self, faces: Faces, tmp_path: Path) -> None:
        both = together(faces, some_faces(tmp_path, {("female", None): 20}, "women"))
        assert len(select(both, np.ones(200, np.bool_), parse("set + women"))) == 200
