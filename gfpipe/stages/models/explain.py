"""Explains predictions of classifiers: a panel of pictures, each beside one Grad-CAM map per model.

pictures -> the face in the middle -> each model's chip -> Grad-CAM -> panel and table

For benchmark pictures; only the panel is written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.device import resolve_device
from gfpipe.attributes.spec import FEMALE, MALE, InputSpec
from gfpipe.base import files
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.errors import UsageError
from gfpipe.evaluation.figures import gradcam, panels
from gfpipe.evaluation.figures.gradcam import Explanation
from gfpipe.evaluation.figures.panels import DETAIL, Cell, Pixels
from gfpipe.faces import portraits
from gfpipe.faces.alignment import to_frame
from gfpipe.faces.portraits import FaceDetector, Portraits
from gfpipe.output import drawing
from gfpipe.output.formats import NUMBER, RATE
from gfpipe.output.tables import Column, Table
from gfpipe.settings import Analysis

_PIPELINE: Final = Analysis()  # the same face detection as for recordings
_KINDS: Final = (".png", ".svg")
_SCALE: Final = 3  # pixels of a PNG for each of the panel
_MOST: Final = 40  # pictures in one panel


@dataclass(frozen=True)
class Config:
    """Models and pictures to explain.

    Attributes:
        models: their ids, or folders with a card and weights.
        images: a face in the middle of each.
        out: the panel, ``.png`` or ``.svg``.
        detector: the face detector.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    models: tuple[str, ...]
    images: tuple[Path, ...]
    out: Path
    detector: str = _PIPELINE.detector
    device: str = _PIPELINE.device


@dataclass(frozen=True)
class Answer:
    """A model's prediction for one picture.

    Attributes:
        perceived_gender: ``female`` or ``male``, the prediction that the map explains.
        share_inside: share of the map's weight inside the face's box; NaN for an empty map.
        even_share: share of the chip inside the box, which a uniform map would give.
    """

    image: Path
    model_id: str
    perceived_gender: str
    p_female: float
    share_inside: float
    even_share: float


@dataclass(frozen=True)
class Explained:
    """The file written, an answer per picture and model in the order of the config, and skipped pictures."""

    panel: Path
    answers: tuple[Answer, ...]
    skipped: tuple[tuple[str, str], ...]

    @property
    def table(self) -> Table:
        """The answers, to be written as text, CSV, Markdown or LaTeX."""
        return Table(
            name="explained",
            title="Perceived gender, and where the evidence for it lies",
            columns=(
                Column("image", "image"),
                Column("model", "model"),
                Column("perceived_gender", "perceived gender"),
                Column("p_female", "p_female", NUMBER),
                Column("share_inside", "inside the face's box, %", RATE),
                Column("even_share", "of an even map, %", RATE),
            ),
            rows=tuple((answer.image.name, *astuple(answer)[1:]) for answer in self.answers),
            note="Inside: the share of the Grad-CAM map's weight. Of an even map: the share of the chip in that box.",
        )


def run(config: Config, on_progress: OnProgress = no_progress) -> Explained:
    """Explain ``config.models`` on ``config.images``; `on_progress` receives the pictures done and in all.

    Raises:
        UsageError: there is no model or picture, no picture shows a face, or the panel is neither PNG nor SVG.
        ModelError: a model is unknown, cannot be fetched, or cannot be explained.
    """
    _check(config)
    device = resolve_device(config.device)
    models = [_load(model, device) for model in dict.fromkeys(config.models)]
    detect = portraits.open_detector(config.detector, device)

    images = tuple(dict.fromkeys(config.images))
    skipped: dict[int, str] = {}
    rows: dict[int, list[Cell]] = {}
    answers: dict[int, list[Answer]] = {}
    for batch in _batches(images, detect, skipped):
        faces = batch.index[batch.detected].tolist()
        skipped |= dict.fromkeys(batch.index[~batch.detected].tolist(), "no face was found in it")
        for face, original in zip(faces, _chips(batch, models[0].spec.input, device), strict=True):
            rows[face], answers[face] = [Cell(original, (panels.shortened(images[face].name),))], []
        for model in models:
            explained = gradcam.explain(model, portraits.chips(batch, model.spec.input, device))
            corners = _boxes(batch, model.spec.input)
            pictures = _chips(batch, model.spec.input, device)
            for index, face in enumerate(faces):
                answer = _answer(images[face], model.model_id, explained, index, corners[index])
                answers[face].append(answer)
                heated = panels.heated(pictures[index], explained.maps[index], corners[index])
                rows[face].append(Cell(heated, _caption(answer)))
        on_progress(Progress("explaining pictures", len(rows) + len(skipped), len(images)))
    named = tuple((str(images[index]), skipped[index]) for index in sorted(skipped))
    if not rows:
        raise UsageError("nothing to explain: " + "; ".join(f"{name}: {reason}" for name, reason in named))
    columns = ["the face", *(model.model_id for model in models)]
    _draw([rows[index] for index in sorted(rows)], columns, config.out)
    return Explained(config.out, tuple(answer for index in sorted(answers) for answer in answers[index]), named)


@dataclass(frozen=True)
class _File:
    path: Path

    def read(self) -> bytes:
        return self.path.read_bytes()


def _check(config: Config) -> None:
    if not config.models or not config.images:
        raise UsageError("name at least one model and one picture of a face")
    if config.out.suffix.lower() not in _KINDS:
        raise UsageError(f"{config.out}: the panel is written as {' or '.join(_KINDS)}; give a name that ends so")
    if len(config.images) > _MOST:
        raise UsageError(f"{len(config.images)} pictures make no panel: give {_MOST} or fewer")


def _load(model: str, device: torch.device) -> Classifier:
    classify = portraits.open_classifier(model, device)
    nothing = torch.zeros(0, 3, classify.chip_size, classify.chip_size)
    gradcam.explain(classify, nothing)  # fails now, before faces are detected
    return classify


def _batches(images: Sequence[Path], detect: FaceDetector, skipped: dict[int, str]) -> Iterator[Portraits]:
    unreadable: list[tuple[int, str]] = []
    yield from portraits.find([_File(path) for path in images], detect, unreadable)
    skipped |= dict(unreadable)


def _answer(image: Path, model_id: str, explained: Explanation, index: int, corners: NDArray[np.float64]) -> Answer:
    return Answer(
        image=image,
        model_id=model_id,
        perceived_gender=FEMALE if explained.female[index] else MALE,
        p_female=float(explained.p_female[index]),
        share_inside=gradcam.share_inside(explained.maps[index], corners),
        even_share=gradcam.share_inside(np.ones_like(explained.maps[index]), corners),
    )


def _caption(answer: Answer) -> tuple[str, ...]:
    share = "no map" if np.isnan(answer.share_inside) else f"{100 * answer.share_inside:.0f} % inside the box"
    return f"{answer.perceived_gender}, p_female {answer.p_female:.2f}", share


def _chips(batch: Portraits, spec: InputSpec, device: torch.device) -> Pixels:
    """Each face's chip at the panel's resolution, (F, D, D, 3)."""
    template = tuple((x * DETAIL / _size(spec), y * DETAIL / _size(spec)) for x, y in spec.template)
    enlarged = replace(spec, size=DETAIL, template=template, half_pixel_views=False, flipped_view=False)
    chips = portraits.chips(batch, enlarged, device)
    return chips.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def _boxes(batch: Portraits, spec: InputSpec) -> NDArray[np.float64]:
    """The corners of each face's box in its chip, (F, 4, 2); the box is rotated like the chip."""
    landmarks, boxes = batch.landmarks[batch.detected], batch.boxes[batch.detected]
    scale, shift = to_frame(spec, landmarks, boxes).astype(np.complex128).T
    x1, y1, x2, y2 = boxes.astype(np.float64).T
    corners = np.stack((x1 + 1j * y1, x2 + 1j * y1, x2 + 1j * y2, x1 + 1j * y2), axis=1)
    moved = (corners - shift[:, None]) / scale[:, None]
    return np.stack((moved.real, moved.imag), axis=-1)


def _size(spec: InputSpec) -> int:
    if spec.size is None:
        raise ValueError("the size of the chips is unknown")
    return spec.size


def _draw(rows: Sequence[Sequence[Cell]], columns: Sequence[str], out: Path) -> None:
    plan = panels.panel(
        "Where the models look for perceived gender (Grad-CAM)",
        "bright: speaks for the answer given; outline: the face’s box",
        columns,
        rows,
    )
    drawn = drawing.svg(plan, background=drawing.WHITE, padding=6)
    try:
        files.write(out, drawn if out.suffix.lower() == ".svg" else drawing.png(drawn, _SCALE))
    except OSError as exc:
        raise UsageError(f"{out} cannot be written: {exc.strerror or exc}") from exc
