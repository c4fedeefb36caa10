"""ELAN annotation documents (.eaf), by the schema http://www.mpi.nl/tools/elan/EAFv3.0.xsd.

Tiers: for women, men and undecided faces, how many are on screen and as long as their number stays; and the faces of
each sample with their boxes.
"""

import mimetypes
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree as ET

from gfpipe.exports.overlay.faces import Overlay
from gfpipe.output.names import line

_SCHEMA: Final = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
_TIERS: Final = {"female": "women", "male": "men", "undecided": "undecided"}

Annotation = tuple[int, int, str]  # start and end in milliseconds, and value


def eaf(overlay: Overlay) -> str:
    """The document, as XML."""
    ET.register_namespace("xsi", _INSTANCE)
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "gfpipe",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{_INSTANCE}}}noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    header = ET.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    kind = mimetypes.guess_type(overlay.path)[0] or ""
    kind = kind if kind.startswith("video/") else "unknown"  # .ts is taken for a translation
    ET.SubElement(header, "MEDIA_DESCRIPTOR", MEDIA_URL=overlay.uri, MIME_TYPE=kind)
    ET.SubElement(header, "PROPERTY", NAME="gfpipe.recording_id").text = line(overlay.recording_id)
    tiers = {name: list(_presence(overlay, gender)) for gender, name in _TIERS.items()} | {"faces": _faces(overlay)}
    times = sorted({time for tier in tiers.values() for start, end, _ in tier for time in (start, end)})
    slots = {time: f"ts{number}" for number, time in enumerate(times, start=1)}
    order = ET.SubElement(root, "TIME_ORDER")
    for time, slot in slots.items():
        ET.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(time))
    number = 0
    for name, annotations in tiers.items():
        tier = ET.SubElement(root, "TIER", LINGUISTIC_TYPE_REF="perceived-gender", TIER_ID=name)
        for start, end, value in annotations:
            number += 1
            aligned = ET.SubElement(
                ET.SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{number}",
                TIME_SLOT_REF1=slots[start],
                TIME_SLOT_REF2=slots[end],
            )
            ET.SubElement(aligned, "ANNOTATION_VALUE").text = value
    ET.SubElement(
        root,
        "LINGUISTIC_TYPE",
        GRAPHIC_REFERENCES="false",
        LINGUISTIC_TYPE_ID="perceived-gender",
        TIME_ALIGNABLE="true",
    )
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _presence(overlay: Overlay, gender: str) -> Iterator[Annotation]:
    """The number of faces perceived as one gender; samples that follow one another with the same number are one."""
    held: Annotation | None = None
    for start, end, faces in overlay.samples():
        if not (count := sum(face.perceived_gender == gender for face in faces)):
            continue
        begin, stop = round(1000 * start), round(1000 * end)
        if held and held[1] == begin and held[2] == str(count):
            held = (held[0], stop, held[2])
            continue
        if held:
            yield held
        held = (begin, stop, str(count))
    if held:
        yield held


def _faces(overlay: Overlay) -> list[Annotation]:
    """The faces of each sample, with x, y, width and height in percent of the picture."""
    return [
        (
            round(1000 * start),
            round(1000 * end),
            "; ".join(f"{face.text} at {_percent(face.box)}" for face in faces),
        )
        for start, end, faces in overlay.samples()
        if round(1000 * end) > round(1000 * start)
    ]


def _percent(box: tuple[float, float, float, float]) -> str:
    x1, y1, x2, y2 = box
    return ",".join(f"{100 * value:.1f}" for value in (x1, y1, x2 - x1, y2 - y1))
