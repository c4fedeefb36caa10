"""Optional packages and plug-ins: a missing one is named with the extra that installs it."""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from tomllib import loads

import numpy as np
import pytest
import torch

from gfpipe.attributes import networks
from gfpipe.base import extras
from gfpipe.errors import ModelError
from gfpipe.evaluation.figures import gradcam
from gfpipe.faces import portraits
from gfpipe.studies.heads import classical
from tests.conftest import ROOT

PROJECT = loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretend that a package is not installed; forget modules that have imported it."""

    def remove(package: str, *importers: str) -> None:
        for name in list(sys.modules):
            if name == package or name.startswith(f"{package}."):
                monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setitem(sys.modules, package, None)
        for name in importers:
            monkeypatch.delitem(sys.modules, name, raising=False)

    return remove


def rus_boost() -> None:
    (head,) = classical.named(["rusboosted-trees"])
    head.make(8)


def grad_cam() -> None:
    chips = torch.zeros(1, 3, 32, 32)
    gradcam.explain(portraits.open_classifier("cydral-gender-v1", torch.device("cpu")), chips)


def masked_autoencoder() -> None:
    networks.build("masked-vit-tiny-half", 2)


def haar_cascade() -> None:
    portraits.open_detector("haar-frontalface-alt2", torch.device("cpu"))


@pytest.mark.parametrize(
    ("package", "use"),
    [
        ("imblearn", rus_boost),
        ("pytorch_grad_cam", grad_cam),
        ("timm", masked_autoencoder),
        ("cv2", haar_cascade),
    ],
)
def test_a_missing_package_is_named_with_the_extra_in_one_line(
    hide: Callable[..., None], package: str, use: Callable[[], None]
) -> None:
    hide(package, "gfpipe.studies.networks.masked_autoencoder")
    with pytest.raises(ModelError) as error:
        use()
    assert f"needs {package}: pip install 'gfpipe[research]'" in str(error.value)
    assert "\n" not in str(error.value)


def test_heads_without_the_missing_package_can_be_used(hide: Callable[..., None]) -> None:
    hide("imblearn")
    (head,) = classical.named(["naive-bayes"])
    features = np.arange(8, dtype=np.float32).reshape(4, 2)
    assert head.make(2).fit(features, [True, True, False, False]).classes_.tolist() == [False, True]


def test_an_import_error_of_gfpipe_s_own_is_not_taken_for_a_missing_extra() -> None:
    with pytest.raises(ImportError, match=r"gfpipe\.nothing"), extras.needed_for("this"):
        import_module("gfpipe.nothing")


@pytest.mark.parametrize("group", ["gfpipe.networks", "gfpipe.detectors"])
def test_every_declared_plugin_is_registered_and_loads(group: str) -> None:
    declared = PROJECT["entry-points"][group]
    assert declared.keys() <= entry_points(group=group).names
    assert all(callable(extras.plugin(group, name)) for name in declared)
    assert extras.plugin(group, "nothing") is None
