"""JSON messages of the labelling page: building responses, validating requests. Boxes are fractions of the frame."""

from collections.abc import Mapping
from typing import Any

from gfpipe.errors import UsageError
from gfpipe.faces.boxes import Box
from gfpipe.labelling.design.queues import Item
from gfpipe.pages.label.session import FaceAnswer, Reply
from gfpipe.pages.pictures.detections import Detection, Frame
from gfpipe.pages.server import files


def face(item: Item, size: tuple[int, int] | None, reply: Reply | None) -> dict[str, Any]:
    """A face item: its box in the frame, if the frame's size is known, and the reply."""
    answer = reply and {"outcome": reply.outcome, "answer": reply.faces[0].answer if reply.faces else None}
    return {"size": size, "box": item.box and size and _fractions(item.box, size), "reply": answer}


def frame(detected: Frame, reply: Reply | None) -> dict[str, Any]:
    """A frame item: its faces from left to right, faces that are too small to count, and the reply."""
    faces = counted(detected)
    answers = {answer.box: answer.answer for answer in reply.faces} if reply else {}
    missed = {box: answer for box, answer in answers.items() if box not in {face.box for face in faces}}
    return {
        "size": detected.size,
        "minHeight": detected.min_height / detected.size[1],
        "faces": [
            {"index": face.index, "box": _fractions(face.box, detected.size)}
            for face in sorted(faces, key=lambda face: face.box)
        ],
        "small": [_fractions(face.box, detected.size) for face in detected.faces if not face.counts],
        "reply": reply
        and {
            "outcome": reply.outcome,
            "detected": {str(face.index): answers[face.box] for face in faces if face.box in answers},
            "missed": [{"box": _fractions(box, detected.size), "answer": answer} for box, answer in missed.items()],
        },
    }


def frame_answers(request: Mapping[str, Any], detected: Frame) -> tuple[list[FaceAnswer], list[FaceAnswer]]:
    """Parse the answers to a frame: about all its detected faces, and about missed ones.

    Raises:
        UsageError: the request is malformed, or does not answer exactly the detected faces.
    """
    faces = {str(face.index): face for face in counted(detected)}
    answers = files.mapping(request.get("detected"))
    if set(answers) != set(faces):
        raise UsageError(f"answer all detected faces: {', '.join(faces) or 'there is none'}")
    missed = request.get("missed", [])
    if not isinstance(missed, list):
        raise UsageError("missed faces must be a list")
    return [FaceAnswer(face.box, text(answers[index])) for index, face in faces.items()], [
        FaceAnswer(_pixels(face.get("box"), detected.size), text(face.get("answer")))
        for face in map(files.mapping, missed)
    ]


def counted(detected: Frame) -> list[Detection]:
    """The faces of a frame that are large enough to count."""
    return [face for face in detected.faces if face.counts]


def text(value: object) -> str:
    """Check that a value is a string; raises UsageError."""
    if not isinstance(value, str):
        raise UsageError("an answer must be a string")
    return value


def _fractions(box: Box, size: tuple[int, int]) -> Box:
    return box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]


def _pixels(value: object, size: tuple[int, int]) -> Box:
    if (
        not isinstance(value, list)
        or len(value) != 4
        or not all(isinstance(number, int | float) and abs(number) < 10 for number in value)
    ):
        raise UsageError("the box of a missed face must be a list of four numbers")
    x1, y1, x2, y2 = (float(number) * size[index % 2] for index, number in enumerate(value))
    return x1, y1, x2, y2
