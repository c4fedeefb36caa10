"""The two trainings of RetinaFace that the tests compare, and footage to compare them on."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gfpipe.models import store
from gfpipe.models.converters.checkpoint import state_dict
from gfpipe.models.store import StoredModel


@pytest.fixture(scope="session")
def mobilenet() -> StoredModel:
    return store.open_model("retinaface-mobilenet0.25")


@pytest.fixture(scope="session")
def other_training(mobilenet: StoredModel, shared: Path) -> StoredModel:
    """The checkpoint with batch norm: trained with plain ReLU and smaller anchors, on the same input."""
    weights = state_dict((shared / "oracle" / "retinaface_mobilenet0.25.pth").read_bytes())
    return StoredModel(replace(mobilenet.card, id="oracle", network="retinaface-mobilenet0.25-relu"), weights)


@pytest.fixture(scope="session")
def photos(shared: Path) -> list[NDArray[np.uint8]]:
    """Each (1, H, W, 3)."""
    paths = sorted((shared / "photos").glob("*.jpg"))
    assert paths
    return [np.array(Image.open(path).convert("RGB"))[None] for path in paths]


def clip(path: Path, every: int) -> NDArray[np.uint8]:
    """Every so many frames of a video, (N, H, W, 3)."""
    with av.open(str(path)) as container:
        frames = [f.to_ndarray(format="rgb24") for i, f in enumerate(container.decode(video=0)) if i % every == 0]
    return np.stack(frames).astype(np.uint8)
