"""Web annotations (.json): JSON-LD of the W3C's Web Annotation Data Model, with media fragments of time and region."""

import json
import uuid
from typing import Any, Final

from gfpipe import __version__
from gfpipe.exports.overlay.faces import WORDS, Face, Overlay

_CONTEXT: Final = "http://www.w3.org/ns/anno.jsonld"
_FRAGMENTS: Final = "http://www.w3.org/TR/media-frags/"


def collection(overlay: Overlay) -> str:
    """An AnnotationCollection with one page, an annotation a face."""
    document = {
        "@context": _CONTEXT,
        "id": _id(overlay, "collection"),
        "type": "AnnotationCollection",
        "label": f"Perceived gender of faces: {overlay.title}",
        "generator": {"type": "Software", "name": f"gfpipe {__version__}"},
        "total": len(overlay.faces),
        "first": {
            "id": _id(overlay, "page"),
            "type": "AnnotationPage",
            "startIndex": 0,
            "items": [_annotation(face, overlay) for face in overlay.faces],
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _annotation(face: Face, overlay: Overlay) -> dict[str, Any]:
    x1, y1, x2, y2 = (100 * value for value in face.box)
    region = ",".join(f"{value:.2f}" for value in (x1, y1, x2 - x1, y2 - y1))
    time = f"{face.start_seconds:.3f},{face.end_seconds:.3f}"
    return {
        "id": _id(overlay, f"{face.sample}/{face.index}"),
        "type": "Annotation",
        "motivation": "classifying",
        "body": [_text("classifying", WORDS[face.perceived_gender]), _text("describing", face.text)],
        "target": {
            "type": "SpecificResource",
            "source": {"id": overlay.uri, "type": "Video"},
            "selector": {
                "type": "FragmentSelector",
                "conformsTo": _FRAGMENTS,
                "value": f"t={time}&xywh=percent:{region}",
            },
        },
    }


def _text(purpose: str, value: str) -> dict[str, str]:
    return {"type": "TextualBody", "purpose": purpose, "value": value, "format": "text/plain", "language": "en"}


def _id(overlay: Overlay, name: str) -> str:
    """The same identifier in every export."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"gfpipe:{overlay.recording_id}/{name}").urn
