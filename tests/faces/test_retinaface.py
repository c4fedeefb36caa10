"""RetinaFace networks: parity with the published ones, and errors of unsuitable weights."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from gfpipe.errors import ModelError
from gfpipe.faces import detector, retinaface
from gfpipe.models import catalog, sources
from gfpipe.models.converters import retinaface as converter
from gfpipe.models.converters.checkpoint import state_dict
from gfpipe.models.store import StoredModel

CUDA = pytest.param(
    "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU; there is none here")
)


@pytest.fixture(scope="module")
def graph() -> bytes:
    """The published ONNX graph, as the catalogue fetches it."""
    return sources.fetch(catalog.read()["retinaface-mobilenet0.25"].source)


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("size", [(96, 160), (352, 640), (544, 416)])
def test_outputs_equal_published_graph(
    mobilenet: StoredModel, graph: bytes, device: str, size: tuple[int, int]
) -> None:
    inputs = torch.randint(0, 256, (2, 3, *size), generator=torch.Generator().manual_seed(1)).float() - 115
    assert_parity(graph, detector.load(mobilenet, device), inputs)


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_outputs_equal_published_graph_on_photographs(
    mobilenet: StoredModel, graph: bytes, photos: list[NDArray[np.uint8]], device: str
) -> None:
    detect = detector.load(mobilenet, device)
    for photo in photos:
        assert_parity(graph, detect, detect.prepare(photo).cpu())


def assert_parity(graph: bytes, detect: detector.Detector, inputs: torch.Tensor) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the oracle of this test is the extra 'onnx'")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the published graph takes BGR, the detector RGB
    expected = onnxruntime.InferenceSession(graph, options).run(
        ["loc", "conf", "landmarks"], {"input": inputs.flip(1).numpy()}
    )
    boxes, logits, landmarks = detect.outputs(inputs.to(detect.device))
    for published, ours in zip(expected, (boxes, logits.softmax(-1), landmarks), strict=True):
        assert published.shape == ours.shape
        assert np.abs(published - ours.cpu().numpy()).max() < 1e-3


def test_folding_batch_norm_does_not_change_outputs(other_training: StoredModel) -> None:
    assert sum(value.numel() for value in other_training.weights.values()) == 433_343
    plain = retinaface.RetinaFaceMobileNet(slope=0.0).eval()
    plain.load_state_dict(dict(other_training.weights))
    architecture = retinaface.ARCHITECTURES[other_training.card.network]
    folded = retinaface.load_network(architecture, other_training.weights)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    inputs = torch.rand(1, 3, 160, 224) * 255 - 115
    with torch.inference_mode():
        for before, after in zip(plain(inputs), folded(inputs), strict=True):
            torch.testing.assert_close(before, after, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_resnet50_checkpoint(mobilenet: StoredModel) -> None:
    """With random weights and statistics, because the published weights need a download."""
    torch.manual_seed(0)
    architecture = retinaface.ARCHITECTURES["retinaface-resnet50"]
    network = architecture.build()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_mean, -0.1, 0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    file = io.BytesIO()
    torch.save({f"module.{name}": value for name, value in network.state_dict().items()}, file)

    card = catalog.read()["retinaface-resnet50"].card
    assert card is not None
    detect = detector.load(StoredModel(card, state_dict(file.getvalue())), score_threshold=0.999)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 90, 160, 3), dtype=np.uint8)
    inputs = detect.prepare(pixels)
    assert inputs.shape == (1, 3, 192, 320)
    # The package's own normalisation (albumentations): ImageNet's mean and deviation of RGB in 0..1.
    flat = np.full((1, 192, 320, 3), 255, np.uint8)
    expected = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(detect.prepare(flat)[0, :, 0, 0], expected, atol=1e-4, rtol=1e-4)
    with torch.inference_mode():
        for before, after in zip(network.eval()(inputs), detect.outputs(inputs), strict=True):
            torch.testing.assert_close(before, after, atol=1e-3, rtol=1e-3)
    assert detect(pixels).boxes.shape[1:] == (4,)


def test_anchors_equal_the_packages() -> None:
    """``retinaface.prior_box`` gives them relative to the image; ours are in pixels."""
    from retinaface.prior_box import priorbox

    height, width = 96, 160
    published = priorbox([[16, 32], [64, 128], [256, 512]], [8, 16, 32], clip=False, image_size=(height, width))
    ours = retinaface.anchors(height, width, retinaface.PUBLISHED_ANCHORS, torch.device("cpu"))
    relative = torch.stack((ours[:, 0] / width, ours[:, 1] / height, ours[:, 2] / width, ours[:, 2] / height), dim=1)
    torch.testing.assert_close(relative, published)


def test_decoding_equals_the_packages() -> None:
    from retinaface.box_utils import decode, decode_landm

    priors = retinaface.anchors(64, 64, retinaface.PUBLISHED_ANCHORS, torch.device("cpu"))
    generator = torch.Generator().manual_seed(2)
    boxes, points = torch.randn(len(priors), 4, generator=generator), torch.randn(len(priors), 10, generator=generator)
    published = torch.cat((priors, priors[:, 2:]), dim=1)
    torch.testing.assert_close(retinaface.decode_boxes(boxes, priors), decode(boxes, published, [0.1, 0.2]))
    expected = decode_landm(points, published, [0.1, 0.2]).view(-1, 5, 2)
    torch.testing.assert_close(retinaface.decode_landmarks(points, priors), expected)


def test_weights_of_another_network() -> None:
    architecture = retinaface.ARCHITECTURES["retinaface-mobilenet0.25"]
    with pytest.raises(ModelError, match=r"do not fit RetinaFaceMobileNet.*Missing key"):
        retinaface.load_network(architecture, {"fc.weight": torch.zeros(2, 2)})


def test_invalid_graph(tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("weights", b"nothing")
    with pytest.raises(ModelError, match="not an ONNX graph"):
        converter.from_onnx(archive.read_bytes())
