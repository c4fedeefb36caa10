"""Web annotations, by the W3C's Web Annotation Data Model."""

import json
import re
from typing import Any

import pytest

from gfpipe.exports.overlay import annotations
from tests.exports.overlay.examples import OVERLAY

# Media Fragments URI 1.0: temporal (4.2.1) and spatial (4.2.2) dimensions.
FRAGMENT = re.compile(r"t=\d+(\.\d+)?,\d+(\.\d+)?&xywh=percent:(\d+(\.\d+)?,){3}\d+(\.\d+)?")


@pytest.fixture(scope="module")
def collection() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(annotations.collection(OVERLAY))
    return document


def test_the_collection_and_its_page_are_those_of_the_model(collection: dict[str, Any]) -> None:
    assert collection["@context"] == "http://www.w3.org/ns/anno.jsonld"
    assert collection["type"] == "AnnotationCollection"
    page = collection["first"]
    assert (page["type"], page["startIndex"]) == ("AnnotationPage", 0)
    assert len(page["items"]) == collection["total"] == len(OVERLAY.faces)


def test_each_annotation_has_an_iri_a_body_and_a_region_of_the_video(collection: dict[str, Any]) -> None:
    items = collection["first"]["items"]
    assert len({item["id"] for item in items} | {collection["id"], collection["first"]["id"]}) == len(items) + 2
    for item in items:
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", item["id"])
        assert (item["type"], item["motivation"]) == ("Annotation", "classifying")
        assert {body["type"] for body in item["body"]} == {"TextualBody"}
        selector = item["target"]["selector"]
        assert (selector["type"], selector["conformsTo"]) == ("FragmentSelector", "http://www.w3.org/TR/media-frags/")
        assert FRAGMENT.fullmatch(selector["value"])
    assert items[0]["target"]["selector"]["value"] == "t=0.500,1.500&xywh=percent:50.00,25.00,25.00,25.00"
    assert [body["value"] for body in items[1]["body"]] == ["man", "man 88 %"]


def test_identifiers_are_the_same_in_every_export(collection: dict[str, Any]) -> None:
    assert json.loads(annotations.collection(OVERLAY)) == collection
