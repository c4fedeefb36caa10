"""Aligned chips: faces resampled to a fixed size with their five landmarks near the positions of a template.

landmarks -> similarity to the template -> sampling grid -> bilinear samples -> averages
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gfpipe.attributes.spec import InputSpec, Point
from gfpipe.video.pictures.picture import Picture, Region

# RetinaFace's landmarks in dlib's chip of 32 pixels: eyes, nose, corners of the mouth.
TEMPLATE_SIZE: Final = 32
TEMPLATE: Final[tuple[Point, ...]] = ((9.51, 9.15), (21.81, 9.27), (15.61, 16.87), (10.34, 21.54), (21.00, 21.68))

_SAMPLES: Final = 128  # at least, per side of a chip: 4 per pixel in a chip of 32
Frames = NDArray[np.uint8] | Sequence[Picture]  # (N, H, W, 3) RGB, or N pictures
_VIEWS: Final = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))  # offsets in half pixels; the first is the unshifted chip


def cut_chips(
    frames: Frames,
    frame_index: NDArray[np.int64],
    landmarks: NDArray[np.float32],
    size: int,
    template: Sequence[Point] | None = None,
    device: str | torch.device = "cpu",
) -> Tensor:
    """Cut one chip per face.

    Each chip pixel is the average of bilinear samples, which are less than two pixels apart: the region of a large face
    is reduced first, with anti-aliasing. Beyond the frame, border pixels are repeated. Of pictures, only the regions
    of faces are converted to RGB.

    Args:
        frames: (N, H, W, 3) uint8, RGB; or N pictures of a recording.
        frame_index: (F,) index of each face's frame.
        landmarks: (F, 5, 2) x and y in pixels of the frame, with pixel centres at 0.5.
        size: side of the chip, S pixels.
        template: positions of the landmarks in the chip; None for :data:`TEMPLATE`, scaled to S.
        device: of the chips, (F, 3, S, S) float32, RGB in 0..255.
    """
    similarities = fit_similarity(landmarks, _template(template, size))
    return _cut_each(frames, frame_index, invert(similarities, landmarks, size), size, device)


def chips_for(
    spec: InputSpec,
    frames: Frames,
    frame_index: NDArray[np.int64],
    landmarks: NDArray[np.float32],
    boxes: NDArray[np.float32] | None = None,
    device: str | torch.device = "cpu",
) -> Tensor:
    """Cut a classifier's input for each face; arguments as for :func:`cut_chips`.

    If ``spec.box_scale`` is positive, chips are cut by ``boxes``, (F, 4), x1, y1, x2, y2 in pixels of the frame;
    landmarks may then be NaN.

    Returns:
        (F, 3, S, S), or (F, V, 3, S, S) for a classifier with several views: the chip, the chip shifted by half a
        pixel to the left, right, top and bottom (about the error of a landmark in a chip of 32 pixels), and the mirror
        image of each.

    Raises:
        ValueError: the chip's size is not set, or boxes are missing.
    """
    views = _shifted(spec, frames, frame_index, landmarks, boxes, device)
    if not spec.flipped_view:
        return views
    views = views if spec.half_pixel_views else views[:, None]
    return torch.cat((views, views.flip(-1)), dim=1)


def to_frame(
    spec: InputSpec, landmarks: NDArray[np.float32], boxes: NDArray[np.float32] | None = None
) -> NDArray[np.complex64]:
    """Similarity from a classifier's chip to the frame: (F, 2) complex c and d with ``z = c w + d``.

    Raises:
        ValueError: as :func:`chips_for`.
    """
    if spec.size is None:
        raise ValueError("the size of the chips is not set")
    if not spec.box_scale:
        return invert(fit_similarity(landmarks, _template(spec.template, spec.size)), landmarks, spec.size)
    if boxes is None:
        raise ValueError("chips cut by box_scale need the faces' boxes")
    return _squares(boxes, spec.box_scale, spec.size)


def fit_similarity(points: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Least-squares similarity from each set of points to ``target``.

    Umeyama (1991), equations 34 to 42, which in two dimensions reduce to a division of complex numbers: with centred
    points z and targets w, ``a = sum(conj(z) w) / sum(|z|^2)``, without reflection.

    Returns:
        (F, 2) complex a and b with ``w = a z + b``, for points (F, K, 2) and target (K, 2); a is 0 if all points
        coincide or are not finite.
    """
    z, w = _complex(points), _complex(target)
    z_mean, w_mean = z.mean(axis=1), w.mean()
    centred = z - z_mean[:, None]
    spread = (np.abs(centred) ** 2).sum(axis=1)
    usable = spread > 1e-6
    a = usable * (centred.conj() * (w - w_mean)).sum(axis=1) / np.where(usable, spread, 1)
    return np.stack((a, w_mean - a * z_mean), axis=1)


def invert(similarity: NDArray[np.complex128], landmarks: NDArray[np.float32], size: int) -> NDArray[np.complex64]:
    """Invert similarities: (F, 2) complex c and d with ``z = c w + d``, from chip to frame.

    Degenerate landmarks (coinciding, not finite, or mirrored onto a point) give the chip of ``size`` frame pixels
    around their centre, without errors or NaN.
    """
    a, b = similarity.T
    usable = np.abs(a) > 1e-4  # a face 10,000 times as wide as the chip
    c = np.where(usable, 1 / np.where(usable, a, 1), 1)
    centre = _complex(landmarks).mean(axis=1)
    d = np.where(usable, -b * c, centre - (1 + 1j) * size / 2)
    return np.stack((c, d), axis=1).astype(np.complex64)


def _shifted(
    spec: InputSpec,
    frames: Frames,
    frame_index: NDArray[np.int64],
    landmarks: NDArray[np.float32],
    boxes: NDArray[np.float32] | None,
    device: str | torch.device,
) -> Tensor:
    """The chips, (F, 3, S, S), or five shifted views of each, (F, 5, 3, S, S)."""
    if spec.size is None:
        raise ValueError("the size of the chips is not set")
    cut = _finer(spec, spec.size) if spec.half_pixel_views else spec
    chips = _cut_each(frames, frame_index, to_frame(cut, landmarks, boxes), cut.size or 0, device)
    if not spec.half_pixel_views:
        return chips
    span = 2 * spec.size
    views = [F.avg_pool2d(chips[..., y : y + span, x : x + span], 2) for x, y in _VIEWS]
    return torch.stack(views, dim=1)


def _finer(spec: InputSpec, size: int) -> InputSpec:
    """Twice the resolution with a margin of one pixel: each view is a window of it, averaged two by two."""
    template = () if spec.box_scale else tuple((x, y) for x, y in _template(spec.template, size).tolist())
    wider = replace(spec, template=template).widened(0.5)
    return replace(wider, size=2 * (size + 1), template=tuple((2 * x, 2 * y) for x, y in wider.template))


def _squares(boxes: NDArray[np.float32], times: float, size: int) -> NDArray[np.complex64]:
    """From chip to frame, (F, 2): the square around each box's centre, with ``times`` its longer side.

    An empty or non-finite box gives ``size`` frame pixels, as in :func:`invert`.
    """
    finite = np.isfinite(boxes).all(axis=1, keepdims=True)
    x1, y1, x2, y2 = np.where(finite, boxes, 0).astype(np.float64).T
    longer = np.maximum(x2 - x1, y2 - y1)
    side = np.where(longer > 0, longer * times, size)
    corner = (x1 + x2 - side) / 2 + (y1 + y2 - side) / 2 * 1j
    return np.stack((side / size, corner), axis=1).astype(np.complex64)


def _template(template: Sequence[Point] | None, size: int) -> NDArray[np.float64]:
    return np.array(template) if template else np.array(TEMPLATE) * (size / TEMPLATE_SIZE)


def _complex(points: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Points (…, 2) as x + iy; a set with a non-finite point is 0."""
    finite = np.isfinite(points).all(axis=(-2, -1), keepdims=True)
    xy = np.where(finite, points, 0).astype(np.float64)
    result: NDArray[np.complex128] = xy[..., 0] + 1j * xy[..., 1]
    return result


def _cut_each(
    frames: Frames,
    frame_index: NDArray[np.int64],
    similarities: NDArray[np.complex64],
    size: int,
    device: str | torch.device,
) -> Tensor:
    """Chips (F, 3, S, S), by similarities from chip to frame."""
    chips = torch.empty((len(frame_index), 3, size, size), device=device)
    for face, (frame, (scale, shift)) in enumerate(zip(frame_index, similarities, strict=True)):
        chips[face] = _cut(frames[frame], complex(scale), complex(shift), size, device)
    return chips


def _cut(
    frame: NDArray[np.uint8] | Picture, scale: complex, shift: complex, size: int, device: str | torch.device
) -> Tensor:
    """One chip, (3, S, S); point w of the chip is ``scale * w + shift`` in the frame."""
    times = math.ceil(_SAMPLES / size)  # samples per side of a chip pixel
    step = math.floor(abs(scale) / times)  # a bilinear sample averages up to two pixels each way
    region = _region(frame, shift + scale * size * np.array([0, 1, 1j, 1 + 1j]), max(step, 1))
    pixels = torch.from_numpy(region.pixels).to(device).permute(2, 0, 1)[None].float()
    # Coordinates of affine_grid and grid_sample run from -1 to 1 between the outer edges.
    centre = shift + scale * size * (0.5 + 0.5j) - complex(region.left, region.top)
    width, height = region.width, region.height
    theta = [
        [scale.real * size / width, -scale.imag * size / width, 2 * centre.real / width - 1],
        [scale.imag * size / height, scale.real * size / height, 2 * centre.imag / height - 1],
    ]
    shape = [1, 3, size * times, size * times]
    grid = F.affine_grid(torch.tensor([theta], device=device), shape, align_corners=False)
    samples = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return F.avg_pool2d(samples, times)[0]


def _region(frame: NDArray[np.uint8] | Picture, corners: NDArray[np.complex128], step: int) -> Region:
    """The region of a frame between corners, reduced to one of `step` pixels each way."""
    width, height = (frame.width, frame.height) if isinstance(frame, Picture) else frame.shape[1::-1]
    left, right = _span(corners.real, step, width)  # with a margin for bilinear sampling
    top, bottom = _span(corners.imag, step, height)
    if isinstance(frame, Picture):
        return frame.region((left, top, right, bottom), step)
    pixels, width, height = frame[top:bottom, left:right], right - left, bottom - top
    if step > 1:
        reduced = math.ceil(height / step), math.ceil(width / step)
        tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None]  # of bytes, which is much faster than of floats
        pixels = F.interpolate(tensor, reduced, mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
    return Region(pixels, left, top, width, height)


def _span(values: NDArray[np.float64], margin: float, limit: int) -> tuple[int, int]:
    """Range of pixels covered by ``values``, with a margin, within the frame."""
    first = min(max(math.floor(values.min() - margin), 0), limit - 1)
    return first, max(min(math.ceil(values.max() + margin), limit), first + 1)
