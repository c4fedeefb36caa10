"""The catalogue, and errors of invalid entries."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gfpipe.errors import ModelError
from gfpipe.models import catalog, converters
from gfpipe.models.card import Card

from .conftest import site_entry


def test_sources_have_checksums() -> None:
    for entry in catalog.read().values():
        source = entry.source
        if source.address == "file:":
            continue
        promised = source.sha256 or source.sha256_prefix or ""
        assert len(promised) == 64 if source.sha256 else len(promised) >= 8, entry.id
        assert set(promised) <= set("0123456789abcdef"), entry.id


def test_models_have_licence_lineage_and_uses() -> None:
    cards = [entry.card for entry in catalog.read().values() if entry.card]
    assert {"face-detection", "perceived-gender", "age"} <= {card.task for card in cards}
    for card in cards:
        assert card.licence, card.id
        assert card.lineage, card.id
        assert card.intended_uses, card.id
        assert card.excluded_uses, card.id
        assert bool(card.heads) == (card.task in ("perceived-gender", "age")), card.id


def test_converters_can_be_imported() -> None:
    for name in converters.CONVERTERS:
        assert callable(converters.converter(name))


def test_no_model_predicts_ethnicity() -> None:
    for entry in catalog.read().values():
        for head in entry.card.heads if entry.card else ():
            assert head.attribute in ("perceived_gender", "age"), entry.id


def test_cards_round_trip_through_json() -> None:
    for entry in catalog.read().values():
        if entry.card:
            assert Card.from_json(entry.card.to_json()) == entry.card


def test_card_without_temperature() -> None:
    card = next(entry.card for entry in catalog.read().values() if entry.card and entry.card.heads)
    old = json.loads(card.to_json())
    for head in old["heads"]:
        del head["temperature"]
    del old["input"]["flipped_view"]
    assert Card.from_json(json.dumps(old)) == card
    warm = replace(card, heads=(replace(card.heads[0], temperature=1.7),))
    assert Card.from_json(warm.to_json()) == warm


def test_uses_by_task() -> None:
    intended, excluded = catalog.uses("perceived-gender")
    assert "in aggregate" in intended[0]
    assert len(excluded) == 3
    assert catalog.uses("weather") == ((), ())


def test_card_of_a_later_format() -> None:
    card = next(entry.card for entry in catalog.read().values() if entry.card)
    with pytest.raises(ModelError, match="update gfpipe"):
        Card.from_json(card.to_json().replace('"format": 1', '"format": 2'))


@pytest.mark.parametrize(
    ("source", "more", "complaint"),
    [
        ("wheel:madeup==1.0", 'member = "x"', "no sha256"),
        ("wheel:madeup==1.0", f'sha256 = "{"0" * 64}"', "no member"),
        ("ftp://example.org/x", f'sha256 = "{"0" * 64}"', "unknown source"),
        ("file:/x", 'colour = "blue"', "unknown key 'colour'"),
        ("file:/x", 'kind = "dataset"', "'model' or 'footage'"),
        ("file:/x", "python = 3", "python should be text"),
    ],
)
def test_invalid_entry_names_file_entry_and_key(tmp_path: Path, source: str, more: str, complaint: str) -> None:
    site_entry(tmp_path, source, more)
    with pytest.raises(ModelError, match=complaint) as error:
        catalog.read(tmp_path / "catalog.toml")
    assert str(tmp_path / "catalog.toml") in str(error.value)
    assert "'ours'" in str(error.value)


def test_card_with_box_scale() -> None:
    card = catalog.read()["inafaceanalyzer-resnet50"].card
    assert card is not None
    assert Card.from_json(card.to_json()).input.box_scale == 1.1
    old = json.loads(card.to_json())
    del old["input"]["box_scale"]
    assert Card.from_json(json.dumps(old)).input.box_scale == 0
    both = card.to_json().replace('"template": []', f'"template": {[[1, 2]] * 5}')
    with pytest.raises(ModelError, match="template and box_scale are mutually exclusive"):
        Card.from_json(both)
