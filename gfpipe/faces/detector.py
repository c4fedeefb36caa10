"""Finds the faces in a batch of frames.

frames -> working size -> network -> boxes above the threshold -> one box a face -> pixels of the frames

The default threshold is a compromise that was measured: every face of the clips that show one person is found at 0.8
and at 0.9; 0.9 loses a tenth of the smaller faces of an audience, and below 0.8 motor-cars begin to look like faces.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.ops import batched_nms, box_iou

from gfpipe.arrays import array_dataclass
from gfpipe.attributes.spec import InputSpec
from gfpipe.errors import UnknownModelError
from gfpipe.faces import retinaface
from gfpipe.models.store import StoredModel

SCORE_THRESHOLD: Final = 0.9
OVERLAP_THRESHOLD: Final = 0.4
_SAME_FACE: Final = 0.5  # overlap from which two anchors are taken to mean one face
LARGEST_ENLARGEMENT: Final = 2.0
# Frames in one pass of the network. On a CPU more are no faster (their activations outgrow the caches) and cost memory.
_AT_ONCE: Final = {"cpu": 4, "cuda": 32}
_CELL: Final = max(retinaface.STRIDES)


@array_dataclass
class Detections:
    """The faces of a batch of frames: a structure of arrays, by frame and then by falling score.

    Attributes:
        frame_index: (F,) int64, which frame of the batch; ascending.
        boxes: (F, 4) float32, x1, y1, x2, y2 in pixels of the frame, inside it. A pixel's centre lies at a half.
        landmarks: (F, 5, 2) float32, x and y of the eyes, the nose and the mouth's corners (those on the left of the
            picture first); they may lie outside of the frame where the face does.
        scores: (F,) float32 in [0, 1].
    """

    frame_index: NDArray[np.int64]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.frame_index)
        if self.boxes.shape != (n, 4) or self.landmarks.shape != (n, 5, 2) or self.scores.shape != (n,):
            shapes = (self.boxes.shape, self.landmarks.shape, self.scores.shape)
            raise ValueError(f"{n} faces, but boxes, landmarks and scores of shape {shapes}")

    def __len__(self) -> int:
        return len(self.frame_index)


class Detector:
    """RetinaFace on frames of any size.

    Every frame is brought to about the same number of pixels, so a frame costs the same whatever its format, and an
    upright one is seen as sharply as a wide one. Small frames are enlarged, but at most ``enlargement`` times: twofold
    finds four times as many faces in a street reduced to 352x198, and loses some only in a badly coded 176x144.
    """

    def __init__(
        self,
        network: nn.Module,
        architecture: retinaface.Architecture,
        normalisation: InputSpec,
        device: str | torch.device = "cpu",
        score_threshold: float = SCORE_THRESHOLD,
        enlargement: float = LARGEST_ENLARGEMENT,
        model_id: str = "",
    ) -> None:
        self.model_id = model_id
        self.device = torch.device(device)
        self.score_threshold = score_threshold
        self.enlargement = enlargement
        self._architecture = architecture
        self._network = network.to(self.device)
        self._bgr = normalisation.channels == "BGR"
        self._mean = torch.tensor(normalisation.mean, device=self.device).view(1, 3, 1, 1)
        self._scale = 1 / torch.tensor(normalisation.std, device=self.device).view(1, 3, 1, 1)

    def __call__(self, pixels: NDArray[np.uint8]) -> Detections:
        """Detect the faces in ``pixels``, (N, H, W, 3) uint8 RGB; N may be 0."""
        at_once = _AT_ONCE[self.device.type]
        found = [self._detect(pixels[first : first + at_once]) for first in range(0, len(pixels), at_once)]
        if not found:
            return Detections(np.zeros(0, np.int64), *(np.zeros((0, *of), np.float32) for of in ((4,), (5, 2), ())))
        return Detections(
            np.concatenate([part.frame_index + at_once * group for group, part in enumerate(found)]),
            *(np.concatenate([getattr(part, of) for part in found]) for of in ("boxes", "landmarks", "scores")),
        )

    @torch.inference_mode()
    def _detect(self, pixels: NDArray[np.uint8]) -> Detections:
        _, height, width, _ = pixels.shape
        inputs = self.prepare(pixels)
        frame, boxes, landmarks, scores = self._find(inputs)
        to_frame = torch.tensor([width / inputs.shape[3], height / inputs.shape[2]], device=self.device)
        limits = torch.tensor([width, height], device=self.device)
        corners = (boxes.view(-1, 2, 2) * to_frame).clamp(min=torch.zeros_like(limits), max=limits)
        inside = (corners[:, 1] > corners[:, 0]).all(dim=1)
        return _on_cpu(frame[inside], corners.flatten(1)[inside], (landmarks * to_frame)[inside], scores[inside])

    def prepare(self, pixels: NDArray[np.uint8]) -> Tensor:
        """The network's input for ``pixels``, (N, 3, h, w) float32: resized with anti-aliasing and normalised."""
        _, frame_height, frame_width, _ = pixels.shape
        height, width = working_size(frame_height, frame_width, self._architecture.working_pixels, self.enlargement)
        frames = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)
        if frames.shape[2:] != (height, width):
            # On the CPU bytes are resized as bytes, several times faster; CUDA has only the floating-point way.
            frames = frames if self.device.type == "cpu" else frames.float()
            frames = F.interpolate(frames, (height, width), mode="bilinear", antialias=True)
        if self._bgr:
            frames = frames.flip(1)
        return frames.float().sub_(self._mean).mul_(self._scale).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def outputs(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The network's own outputs at P anchors: boxes (N, P, 4), logits (N, P, 2) and landmarks (N, P, 10).

        In full float32: with cuDNN's default (TF32) a GPU and a CPU would not agree to 1e-3.
        """
        precise = torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False)
        with precise if self.device.type == "cuda" else nullcontext():
            boxes, logits, landmarks = self._network(inputs)
        return boxes, logits, landmarks

    def _find(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Frame index, boxes, landmarks and scores in pixels of ``inputs``."""
        box_regression, logits, landmark_regression = self.outputs(inputs)
        all_scores = logits.softmax(dim=-1)[..., 1]
        frame, anchor = (all_scores > self.score_threshold).nonzero(as_tuple=True)
        scores = all_scores[frame, anchor]
        height, width = inputs.shape[2:]
        priors = retinaface.anchors(height, width, self._architecture.anchor_sizes, self.device)[anchor]
        boxes = retinaface.decode_boxes(box_regression[frame, anchor], priors)
        landmarks = retinaface.decode_landmarks(landmark_regression[frame, anchor], priors)
        kept = batched_nms(boxes, scores, frame, OVERLAP_THRESHOLD)  # by falling score
        kept = kept[frame[kept].argsort(stable=True)]
        agreed = _agreed(frame, boxes, landmarks, scores, kept)
        return frame[kept], boxes[kept], agreed, scores[kept]


def load(
    stored: StoredModel,
    device: str | torch.device = "cpu",
    score_threshold: float = SCORE_THRESHOLD,
    enlargement: float = LARGEST_ENLARGEMENT,
) -> Detector:
    """Make a detector of a stored model; ``enlargement`` is how many times larger a small frame may be made.

    Raises:
        UnknownModelError: the card names a network that is no face detector.
        ModelError: the weights do not fit that network.
    """
    known: Mapping[str, retinaface.Architecture] = retinaface.ARCHITECTURES
    architecture = known.get(stored.card.network)
    if architecture is None:
        raise UnknownModelError(
            f"{stored.card.id}: '{stored.card.network}' is no face detector; choose one of {', '.join(known)}"
        )
    network = retinaface.load_network(architecture, stored.weights)
    return Detector(network, architecture, stored.card.input, device, score_threshold, enlargement, stored.card.id)


def working_size(height: int, width: int, area: int, enlargement: float = LARGEST_ENLARGEMENT) -> tuple[int, int]:
    """The size a frame is resized to before detection, in multiples of 32.

    The sides are rounded each on its own, so nothing is padded; a face is stretched by a few per cent at most.
    """
    scale = min((area / (height * width)) ** 0.5, enlargement)
    return max(round(height * scale / _CELL), 1) * _CELL, max(round(width * scale / _CELL), 1) * _CELL


def _agreed(frame: Tensor, boxes: Tensor, landmarks: Tensor, scores: Tensor, kept: Tensor) -> Tensor:
    """Landmarks of the kept faces, (F, 5, 2): the mean over all anchors that found the same face, weighted by score.

    What box voting does for boxes (Gidaris & Komodakis, ICCV 2015): one anchor's points jitter, and a chip is cut by
    them. Worth a tenth of a point of accuracy on UTKFace.
    """
    same = (frame[kept, None] == frame[None]) & (box_iou(boxes[kept], boxes) >= _SAME_FACE)
    weights = same * scores
    weights = weights / weights.sum(dim=1, keepdim=True)
    mean: Tensor = weights @ landmarks.flatten(1)
    return mean.view(-1, 5, 2)


def _on_cpu(frame: Tensor, boxes: Tensor, landmarks: Tensor, scores: Tensor) -> Detections:
    floats = (tensor.to("cpu", torch.float32).numpy() for tensor in (boxes, landmarks, scores))
    return Detections(frame.to("cpu", torch.int64).numpy(), *floats)
