"""ELAN documents, by the rules of the schema EAFv3.0.xsd."""

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from gfpipe.exports.overlay import elan
from tests.exports.overlay.examples import OVERLAY

# Required attributes of each element, as of the schema.
REQUIRED = {
    "ANNOTATION_DOCUMENT": {"AUTHOR", "DATE", "VERSION"},
    "HEADER": set(),
    "MEDIA_DESCRIPTOR": {"MEDIA_URL", "MIME_TYPE"},
    "PROPERTY": set(),
    "TIME_ORDER": set(),
    "TIME_SLOT": {"TIME_SLOT_ID"},
    "TIER": {"TIER_ID", "LINGUISTIC_TYPE_REF"},
    "ANNOTATION": set(),
    "ALIGNABLE_ANNOTATION": {"ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2"},
    "ANNOTATION_VALUE": set(),
    "LINGUISTIC_TYPE": {"LINGUISTIC_TYPE_ID"},
}
CHILDREN = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE"]  # in this order, as in the schema's sequence


@pytest.fixture(scope="module")
def document() -> ET.Element:
    return ET.fromstring(elan.eaf(OVERLAY).encode())  # noqa: S314 - our own


def tier(document: ET.Element, name: str) -> list[tuple[int, int, str]]:
    """Start, end and value of a tier's annotations."""
    times = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE", "")) for slot in document.iter("TIME_SLOT")}
    return [
        (times[item.get("TIME_SLOT_REF1")], times[item.get("TIME_SLOT_REF2")], item.findtext("ANNOTATION_VALUE") or "")
        for item in document.findall(f"TIER[@TIER_ID='{name}']/ANNOTATION/ALIGNABLE_ANNOTATION")
    ]


def test_elements_are_in_the_order_of_the_schema_with_their_attributes(document: ET.Element) -> None:
    order = [CHILDREN.index(child.tag) for child in document]
    assert order == sorted(order)
    for element in document.iter():
        assert REQUIRED[element.tag] <= set(element.attrib), element.tag


def test_ids_are_unique_and_references_resolve(document: ET.Element) -> None:
    slots = [slot.get("TIME_SLOT_ID") for slot in document.iter("TIME_SLOT")]
    annotations = [item.get("ANNOTATION_ID") for item in document.iter("ALIGNABLE_ANNOTATION")]
    assert len({*slots, *annotations}) == len(slots) + len(annotations)
    types = {item.get("LINGUISTIC_TYPE_ID") for item in document.iter("LINGUISTIC_TYPE")}
    assert {item.get("LINGUISTIC_TYPE_REF") for item in document.iter("TIER")} == types
    values = [int(slot.get("TIME_VALUE", "")) for slot in document.iter("TIME_SLOT")]
    assert values == sorted(values)


def test_annotations_of_a_tier_do_not_overlap(document: ET.Element) -> None:
    for name in ("women", "men", "undecided", "faces"):
        annotations = tier(document, name)
        assert all(start < end for start, end, _ in annotations)
        assert all(one[1] <= other[0] for one, other in pairwise(annotations))


def test_tiers_count_faces_for_as_long_as_their_number_stays(document: ET.Element) -> None:
    assert tier(document, "women") == [(500, 2500, "1")]
    assert tier(document, "men") == [(500, 1500, "1")]
    assert tier(document, "undecided") == [(1500, 2500, "1")]
    assert tier(document, "faces")[0] == (
        *(500, 1500),
        "man 88 % at 0.0,0.0,10.0,12.5; woman 97 % at 50.0,25.0,25.0,25.0",
    )


def test_the_recording_is_the_media_file(document: ET.Element) -> None:
    (media,) = document.iter("MEDIA_DESCRIPTOR")
    assert media.get("MEDIA_URL") == "file:///tv/2001%2003%2004/2000_news%20%26%20%3Cmore%3E.mp4"
    assert media.get("MIME_TYPE") == "video/mp4"
