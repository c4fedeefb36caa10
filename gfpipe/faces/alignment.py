"""Cuts aligned chips out of frames: every face upright, of one size, its five landmarks near their places.

landmarks -> similarity to the template -> grid of sample points -> bilinear samples of the region -> averages

The template is that of the small networks trained on dlib's chips, moved to the points that RetinaFace marks. A
classifier may want the square around the detector's box instead: that is a similarity too, without a turn.
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

# Where RetinaFace's points belong in a chip of 32 pixels: eyes, nose, corners of the mouth.
TEMPLATE_SIZE: Final = 32
TEMPLATE: Final[tuple[Point, ...]] = ((9.51, 9.15), (21.81, 9.27), (15.61, 16.87), (10.34, 21.54), (21.00, 21.68))

# Of a face, at least: four along each side of a pixel in a chip of 32.
_LEAST_SAMPLES: Final = 128
_MOST_SAMPLES: Final = 256
_MOST_OVERSAMPLING: Final = 32
_VIEWS: Final = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))  # in half pixels; the first is the chip as it is


def cut_chips(
    pixels: NDArray[np.uint8],
    frame_index: NDArray[np.int64],
    landmarks: NDArray[np.float32],
    size: int,
    template: Sequence[Point] | None = None,
    device: str | torch.device = "cpu",
) -> Tensor:
    """Cut one chip for each face.

    Each chip pixel is the average of bilinear samples, at least 128 along each side of the chip and so many more for
    large faces that they lie no further than about a pixel of the frame apart: nothing finer can alias. Beyond the
    frame's edge its outermost pixels go on. Only the region under one face at a time is ever turned into floats.

    Args:
        pixels: (N, H, W, 3) uint8, RGB.
        frame_index: (F,) which of the N frames a face is in.
        landmarks: (F, 5, 2) x and y in pixels of the frame, a pixel's centre at a half.
        size: of the chip, S pixels.
        template: where the landmarks belong in the chip of S pixels; None for :data:`TEMPLATE`, scaled to S.
        device: where to do it, and where the chips are left.

    Returns:
        (F, 3, S, S) float32, RGB in 0..255.
    """
    similarities = fit_similarity(landmarks, _template(template, size))
    return _cut_each(pixels, frame_index, invert(similarities, landmarks, size), size, device)


def chips_for(
    wanted: InputSpec,
    pixels: NDArray[np.uint8],
    frame_index: NDArray[np.int64],
    landmarks: NDArray[np.float32],
    boxes: NDArray[np.float32] | None = None,
    device: str | torch.device = "cpu",
) -> Tensor:
    """Cut what a classifier wants to see of each face; arguments as for :func:`cut_chips`.

    Where ``wanted.box_scale`` is more than 0, ``boxes`` (F, 4), x1, y1, x2, y2 in pixels of the frame, take the
    landmarks' place, which may then be NaN.

    Returns:
        (F, 3, S, S), or (F, V, 3, S, S) where the classifier looks from several views: the chip as it is, and shifted
        by half a chip pixel to the left, the right, up and down (in a chip of 32 pixels a landmark is off by about as
        much, and the mean answer is less of a lottery); and the mirror image of each.

    Raises:
        ValueError: the chip's size is not known, or boxes are wanted and not given.
    """
    views = _shifted(wanted, pixels, frame_index, landmarks, boxes, device)
    if not wanted.flipped_view:
        return views
    views = views if wanted.half_pixel_views else views[:, None]
    return torch.cat((views, views.flip(-1)), dim=1)


def to_frame(
    wanted: InputSpec, landmarks: NDArray[np.float32], boxes: NDArray[np.float32] | None = None
) -> NDArray[np.complex64]:
    """From the chip that a classifier wants to the frame: (F, 2) complex c and d with ``z = c w + d``.

    Raises:
        ValueError: as :func:`chips_for`.
    """
    if wanted.size is None:
        raise ValueError("the size of the chips is not known")
    if not wanted.box_scale:
        return invert(fit_similarity(landmarks, _template(wanted.template, wanted.size)), landmarks, wanted.size)
    if boxes is None:
        raise ValueError("chips by box_scale need the faces' boxes")
    return _squares(boxes, wanted.box_scale, wanted.size)


def fit_similarity(points: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.complex128]:
    """The similarity that brings each set of points closest to ``target`` by least squares.

    Umeyama (1991), equations 34 to 42, which in the plane come down to one division of complex numbers: with points
    z and targets w around their means, ``a = sum(conj(z) w) / sum(|z|^2)``, and no reflection can arise.

    Args:
        points: (F, K, 2).
        target: (K, 2).

    Returns:
        (F, 2) complex a and b with ``w = a z + b``; a is 0 for points that all coincide, or are not finite.
    """
    z = _complex(points)
    w = _complex(target)
    z_mean, w_mean = z.mean(axis=1), w.mean()
    centred = z - z_mean[:, None]
    spread = (np.abs(centred) ** 2).sum(axis=1)
    usable = spread > 1e-6
    a = usable * (centred.conj() * (w - w_mean)).sum(axis=1) / np.where(usable, spread, 1)
    return np.stack((a, w_mean - a * z_mean), axis=1)


def invert(similarity: NDArray[np.complex128], landmarks: NDArray[np.float32], size: int) -> NDArray[np.complex64]:
    """From chip to frame: (F, 2) complex c and d with ``z = c w + d``.

    Landmarks that fit no face (coinciding, not finite, or mirrored onto a point) give the chip of ``size`` frame pixels
    around them: nothing that a classifier could be sure of, but no crash and no NaN.
    """
    a, b = similarity.T
    usable = np.abs(a) > 1e-4  # a face of 10,000 chips' width
    c = np.where(usable, 1 / np.where(usable, a, 1), 1)
    centre = _complex(landmarks).mean(axis=1)
    d = np.where(usable, -b * c, centre - (1 + 1j) * size / 2)
    return np.stack((c, d), axis=1).astype(np.complex64)


def _shifted(
    wanted: InputSpec,
    pixels: NDArray[np.uint8],
    frame_index: NDArray[np.int64],
    landmarks: NDArray[np.float32],
    boxes: NDArray[np.float32] | None,
    device: str | torch.device,
) -> Tensor:
    """The chip, (F, 3, S, S), or five of it, (F, 5, 3, S, S)."""
    if wanted.size is None:
        raise ValueError("the size of the chips is not known")
    cut = _finer(wanted, wanted.size) if wanted.half_pixel_views else wanted
    chips = _cut_each(pixels, frame_index, to_frame(cut, landmarks, boxes), cut.size or 0, device)
    if not wanted.half_pixel_views:
        return chips
    span = 2 * wanted.size
    views = [F.avg_pool2d(chips[..., y : y + span, x : x + span], 2) for x, y in _VIEWS]
    return torch.stack(views, dim=1)


def _finer(wanted: InputSpec, size: int) -> InputSpec:
    """Two pixels for one, and one more pixel on every side: each view is a window of it, averaged two by two."""
    template = () if wanted.box_scale else tuple((x, y) for x, y in _template(wanted.template, size).tolist())
    wider = replace(wanted, template=template).widened(0.5)
    return replace(wider, size=2 * (size + 1), template=tuple((2 * x, 2 * y) for x, y in wider.template))


def _squares(boxes: NDArray[np.float32], times: float, size: int) -> NDArray[np.complex64]:
    """From chip to frame, (F, 2): the square around each box's middle, ``times`` as large as its longer side.

    A box that is none (empty, or not finite) gives ``size`` frame pixels around its middle, as in :func:`invert`.
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
    """Points (…, 2) as x + iy; all of a set are 0 where one of them is not finite."""
    finite = np.isfinite(points).all(axis=(-2, -1), keepdims=True)
    xy = np.where(finite, points, 0).astype(np.float64)
    result: NDArray[np.complex128] = xy[..., 0] + 1j * xy[..., 1]
    return result


def _cut_each(
    pixels: NDArray[np.uint8],
    frame_index: NDArray[np.int64],
    places: NDArray[np.complex64],
    size: int,
    device: str | torch.device,
) -> Tensor:
    """(F, 3, S, S): each face's chip, by its similarity from chip to frame."""
    chips = torch.empty((len(frame_index), 3, size, size), device=device)
    for face, (frame, (scale, shift)) in enumerate(zip(frame_index, places, strict=True)):
        chips[face] = _cut(pixels[frame], complex(scale), complex(shift), size, device)
    return chips


def _cut(frame: NDArray[np.uint8], scale: complex, shift: complex, size: int, device: str | torch.device) -> Tensor:
    """One chip, (3, S, S), of an (H, W, 3) frame; a point w of the chip lies at ``scale * w + shift`` in the frame."""
    corners = shift + scale * size * np.array([0, 1, 1j, 1 + 1j])
    left, right = _span(corners.real, frame.shape[1])
    top, bottom = _span(corners.imag, frame.shape[0])
    width, height = right - left, bottom - top
    region = torch.from_numpy(frame[top:bottom, left:right]).to(device).permute(2, 0, 1)[None]
    step = max(int(abs(scale) * size / _MOST_SAMPLES), 1)
    if step > 1:  # a large face is reduced first: on a CPU bytes are, far faster than every pixel of it is sampled
        region = region if region.device.type == "cpu" else region.float()
        reduced = (math.ceil(height / step), math.ceil(width / step))
        region = F.interpolate(region, reduced, mode="bilinear", antialias=True)
    # affine_grid and grid_sample both run from -1 to 1, from edge to edge.
    centre = shift + scale * size * (0.5 + 0.5j) - complex(left, top)
    theta = [
        [scale.real * size / width, -scale.imag * size / width, 2 * centre.real / width - 1],
        [scale.imag * size / height, scale.real * size / height, 2 * centre.imag / height - 1],
    ]
    times = _oversampling(abs(scale) / step, size)
    shape = [1, 3, size * times, size * times]
    grid = F.affine_grid(torch.tensor([theta], device=device), shape, align_corners=False)
    samples = F.grid_sample(region.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return F.avg_pool2d(samples, times)[0]


def _span(values: NDArray[np.float64], limit: int) -> tuple[int, int]:
    """The pixels that ``values`` reach over, with one more on each side for bilinear sampling, inside the frame."""
    first = min(max(math.floor(values.min()) - 1, 0), limit - 1)
    return first, max(min(math.ceil(values.max()) + 1, limit), first + 1)


def _oversampling(frame_pixels: float, size: int) -> int:
    """Samples along each side of one of ``size`` chip pixels, which ``frame_pixels`` pixels of the frame go into."""
    return min(max(math.ceil(frame_pixels), math.ceil(_LEAST_SAMPLES / size)), _MOST_OVERSAMPLING)
