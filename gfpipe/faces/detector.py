"""Face detection in a batch of frames.

frames -> working size -> network -> boxes above the score threshold -> non-maximum suppression -> pixels of the frames

The default threshold was measured: at 0.8 and 0.9 every face in clips of one person is detected; 0.9 misses a tenth of
the smaller faces of an audience, and below 0.8 cars are detected as faces.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gfpipe.attributes.device import full_precision
from gfpipe.attributes.spec import InputSpec
from gfpipe.base.arrays import array_dataclass
from gfpipe.choices import Device
from gfpipe.counting import Counting
from gfpipe.errors import UnknownModelError
from gfpipe.faces import retinaface
from gfpipe.faces.boxes import iou, strongest
from gfpipe.faces.openvino_network import OpenVinoNetwork
from gfpipe.models.store import StoredModel
from gfpipe.video.frames import FrameBatch

OVERLAP_THRESHOLD: Final = 0.4
_SAME_FACE: Final = 0.5  # overlap from which two anchors belong to one face
MAX_UPSCALING: Final = 2.0
# Frames per forward pass. On a CPU, larger batches are not faster (activations exceed the caches) and need more memory.
_BATCH: Final = {"cpu": 4, "cuda": 32}
_MULTIPLE: Final = max(retinaface.STRIDES)


@array_dataclass
class Detections:
    """The faces of a batch of frames, ordered by frame, then by descending score.

    Attributes:
        frame_index: (F,) int64, index of the frame within the batch; ascending.
        boxes: (F, 4) float32, x1, y1, x2, y2 in pixels, clipped to the frame. Pixel centres are at 0.5.
        landmarks: (F, 5, 2) float32, x and y of the eyes, the nose and the corners of the mouth, each pair from left
            to right in the frame; may be outside the frame.
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
    """RetinaFace, with a network that takes RGB, on frames of any size.

    Frames are resized to about the same number of pixels, so that cost and sharpness do not depend on the format. Small
    frames are enlarged at most ``upscaling`` times: a factor of two detects four times as many faces in a street scene
    of 352x198 pixels, and misses some only in poorly coded 176x144.
    """

    def __init__(
        self,
        network: Callable[[Tensor], tuple[Tensor, ...]],
        architecture: retinaface.Architecture,
        normalisation: InputSpec,
        device: str | torch.device = "cpu",
        score_threshold: float = Counting.min_score,
        upscaling: float = MAX_UPSCALING,
        model_id: str = "",
    ) -> None:
        self.model_id = model_id
        self.device = torch.device(device)
        self.upscaling = upscaling
        self._architecture = architecture
        self._network = network
        order = slice(None, None, -1 if normalisation.channels == "BGR" else None)
        self._mean = torch.tensor(normalisation.mean[order], device=self.device)
        self._std = torch.tensor(normalisation.std[order], device=self.device)
        self._least_logit = float(torch.tensor(score_threshold).logit())

    def __call__(self, pixels: NDArray[np.uint8]) -> Detections:
        """Detect the faces in ``pixels``, (N, H, W, 3) uint8 RGB; N may be 0."""
        _, height, width, _ = pixels.shape
        size = _BATCH[self.device.type]
        inputs = (self.prepare(pixels[first : first + size]) for first in range(0, len(pixels), size))
        return self._joined([self._detect(each, (width, height)) for each in inputs])

    def in_frames(self, frames: FrameBatch) -> Detections:
        """Detect the faces of a recording's frames, which are decoded in the size of the network's input."""
        width, height = frames.size
        rows, columns = working_size(height, width, self._architecture.working_pixels, self.upscaling)
        size = _BATCH[self.device.type]
        batches = (frames.pictures[first : first + size] for first in range(0, len(frames), size))
        scaled = (np.stack([picture.scaled(columns, rows) for picture in batch]) for batch in batches)
        return self._joined([self._detect(self._normalised(each), frames.size) for each in scaled])

    def _joined(self, batches: Sequence[Detections]) -> Detections:
        """The detections of consecutive batches."""
        size = _BATCH[self.device.type]
        if not batches:
            shapes = ((4,), (5, 2), ())
            return Detections(np.zeros(0, np.int64), *(np.zeros((0, *shape), np.float32) for shape in shapes))
        return Detections(
            np.concatenate([batch.frame_index + size * index for index, batch in enumerate(batches)]),
            *(np.concatenate([getattr(batch, name) for batch in batches]) for name in ("boxes", "landmarks", "scores")),
        )

    @torch.inference_mode()
    def _detect(self, inputs: Tensor, size: tuple[int, int]) -> Detections:
        """The faces in a network's inputs, in pixels of frames of a size (width, height)."""
        width, height = size
        frame, boxes, landmarks, scores = self._decode(inputs)
        to_frame = np.array([width / inputs.shape[3], height / inputs.shape[2]], np.float32)
        corners = (boxes.reshape(-1, 2, 2) * to_frame).clip(0, np.array([width, height], np.float32))
        inside = (corners[:, 1] > corners[:, 0]).all(axis=1)
        return Detections(frame[inside], corners.reshape(-1, 4)[inside], (landmarks * to_frame)[inside], scores[inside])

    def prepare(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Resize with anti-aliasing and normalise ``pixels``; (N, 3, h, w) float32."""
        _, frame_height, frame_width, _ = pixels.shape
        height, width = working_size(frame_height, frame_width, self._architecture.working_pixels, self.upscaling)
        frames = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)
        if frames.shape[2:] != (height, width):
            # Resizing uint8 is several times faster, but CUDA does not support it.
            frames = frames if self.device.type == "cpu" else frames.float()
            frames = F.interpolate(frames, (height, width), mode="bilinear", antialias=True)
        return self._planes(frames)

    def _normalised(self, pixels: NDArray[np.uint8]) -> Tensor:
        """(N, h, w, 3) uint8 to (N, 3, h, w) float32."""
        return self._planes(torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2))

    def _planes(self, frames: Tensor) -> Tensor:
        """(N, 3, h, w) pixels, channels last, as the network's planes, (N, 3, h, w) float32, channels last."""
        count, _, height, width = frames.shape
        # By lines and as floats: operations on three channels at a time, or on two types, are several times slower.
        lines = frames.permute(0, 2, 3, 1).reshape(count, height, 3 * width).to(torch.float32, copy=True)
        lines.sub_(self._mean.repeat(width))
        if (self._std != 1).any():
            lines.div_(self._std.repeat(width))
        return lines.view(count, height, width, 3).permute(0, 3, 1, 2)

    @torch.inference_mode()
    def outputs(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The network's outputs at P anchors: boxes (N, P, 4), logits (N, P, 2) and landmarks (N, P, 10)."""
        with full_precision(self.device):
            boxes, logits, landmarks = self._network(inputs)
        return boxes, logits, landmarks

    def _decode(
        self, inputs: Tensor
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Frame index, boxes, landmarks and scores in pixels of ``inputs``."""
        box_regression, logits, landmark_regression = self.outputs(inputs)
        margin = logits[..., 1] - logits[..., 0]  # the softmax of two logits is the sigmoid of their difference
        frame, anchor = (margin > self._least_logit).nonzero(as_tuple=True)
        height, width = inputs.shape[2:]
        priors = retinaface.anchors(height, width, self._architecture.anchor_sizes, self.device)[anchor]
        boxes = retinaface.decode_boxes(box_regression[frame, anchor], priors)
        landmarks = retinaface.decode_landmarks(landmark_regression[frame, anchor], priors)
        scores = margin[frame, anchor].sigmoid()
        # Few anchors are left. NumPy on the CPU takes less time for them than the calls of PyTorch.
        return _suppress(frame.cpu().numpy(), *(each.float().cpu().numpy() for each in (boxes, landmarks, scores)))


def load(
    stored: StoredModel,
    device: str | torch.device = "cpu",
    score_threshold: float = Counting.min_score,
    upscaling: float = MAX_UPSCALING,
) -> Detector:
    """Build a detector from a stored model; the device ``openvino`` is the CPU, with the network in OpenVINO.

    Raises:
        UnknownModelError: the card's network is not a face detector.
        ModelError: the weights do not fit the network, or OpenVINO is not installed.
    """
    known: Mapping[str, retinaface.Architecture] = retinaface.ARCHITECTURES
    architecture = known.get(stored.card.network)
    if architecture is None:
        raise UnknownModelError(
            f"{stored.card.id}: '{stored.card.network}' is not a face detector; choose one of {', '.join(known)}"
        )
    network = retinaface.load_network(architecture, stored.weights)
    if stored.card.input.channels == "BGR":
        retinaface.exchange_channels(network)
    place = Device.CPU if device == Device.OPENVINO else device
    call = OpenVinoNetwork(network) if device == Device.OPENVINO else network.to(device)
    return Detector(call, architecture, stored.card.input, place, score_threshold, upscaling, stored.card.id)


def working_size(height: int, width: int, area: int, upscaling: float = MAX_UPSCALING) -> tuple[int, int]:
    """The size to which a frame is resized before detection, in multiples of 32.

    Both sides are rounded separately, without padding; faces are stretched by a few per cent at most.
    """
    scale = min((area / (height * width)) ** 0.5, upscaling)
    return max(round(height * scale / _MULTIPLE), 1) * _MULTIPLE, max(round(width * scale / _MULTIPLE), 1) * _MULTIPLE


def _suppress(
    frame: NDArray[np.int64], boxes: NDArray[np.float32], landmarks: NDArray[np.float32], scores: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """One box for each face, by frame and descending score, with the mean landmarks over all anchors of the face.

    Landmarks are weighted by score (Gidaris & Komodakis, ICCV 2015).
    """
    faces = strongest(frame, boxes, scores, OVERLAP_THRESHOLD)
    faces = faces[frame[faces].argsort(kind="stable")]
    # Faces from the default counting score are averaged over anchors from that score, so that their landmarks do not
    # depend on the score threshold.
    same = (frame[faces, None] == frame[None]) & (iou(boxes[faces], boxes) >= _SAME_FACE)
    certain = (scores >= Counting.min_score)[None] | (scores[faces] < Counting.min_score)[:, None]
    weights = same * certain * scores
    weights = weights / weights.sum(axis=1, keepdims=True)
    mean = np.asarray(weights @ landmarks.reshape(-1, 10), np.float32).reshape(-1, 5, 2)
    return frame[faces], boxes[faces], mean, scores[faces]
