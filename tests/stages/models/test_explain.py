"""From pictures to the panel of where models look, with the embedded models and a real face."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from gfpipe.attributes import networks
from gfpipe.attributes.networks import GRAPH
from gfpipe.attributes.spec import FEMALE, MALE, Activation, Attribute, Head, InputSpec
from gfpipe.errors import ModelError, UnknownModelError, UsageError
from gfpipe.models import store
from gfpipe.models.card import Card
from gfpipe.stages.models import explain
from gfpipe.stages.models.explain import Config, Explained
from tests.evaluation.pictures import Drawn

EMBEDDED, OURS = "cydral-gender-v1", "ours-v1"


@pytest.fixture(scope="module")
def face() -> Image.Image:
    """An astronaut's face, 200 pixels wide; she is read as a woman."""
    return Image.open(store.fetch_source("astronaut")).convert("RGB").crop((124, 0, 324, 220))


@pytest.fixture(scope="module")
def pictures(face: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Her, tilted, mirrored; a wall and a broken file."""
    folder = tmp_path_factory.mktemp("pictures")
    face.save(folder / "plain.png")
    face.rotate(20, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90)).save(folder / "tilted.png")
    ImageOps.mirror(face).save(folder / "mirrored.png")
    Image.fromarray(np.full((100, 80, 3), 90, np.uint8)).save(folder / "wall.png")
    (folder / "broken.png").write_bytes(b"\x89PNG no picture")
    return folder


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A ResNet-18 of random weights on chips of 64 pixels, with a template of its own and a mirrored view."""
    torch.manual_seed(2)
    template = ((20.0, 24.0), (44.0, 24.0), (32.0, 38.0), (23.0, 48.0), (41.0, 48.0))
    seen = InputSpec(64, (127.5,) * 3, (127.5,) * 3, template=template, flipped_view=True)
    return saved(tmp_path_factory, "resnet18", seen, networks.build("resnet18", 2).state_dict())


def saved(
    folders: pytest.TempPathFactory,
    network: str,
    seen: InputSpec,
    weights: dict[str, torch.Tensor],
    activation: Activation = Activation.SOFTMAX,
) -> str:
    """A model's folder, outside the models folder."""
    head = Head(Attribute.PERCEIVED_GENDER, (FEMALE, MALE), activation=activation)
    card = Card(OURS, "perceived-gender", network, seen, "none", "made for a test", heads=(head,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GFPIPE_MODELS", str(folders.mktemp("models")))
        return str(store.save_model(card, weights))


def run(pictures: Path, out: Path, names: tuple[str, ...], *models: str) -> Explained:
    return explain.run(Config(models or (EMBEDDED,), tuple(pictures / name for name in names), out, device="cpu"))


def test_models_stand_side_by_side_beneath_their_ids(pictures: Path, ours: str, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    images = (pictures / "plain.png", pictures / "mirrored.png")
    config = Config((EMBEDDED, ours), images, tmp_path / "new" / "panel.svg", device="cpu")
    explained = explain.run(config, lambda now: told.append((now.done, now.total)))
    drawn = Drawn.read(explained.panel)
    assert len(drawn.marks("image")) == 6
    assert {EMBEDDED, OURS, "plain.png", "mirrored.png"} <= set(drawn.words)
    assert any("perceived gender" in words for words in drawn.words)
    for answer in explained.answers:
        assert f"{answer.perceived_gender}, p_female {answer.p_female:.2f}" in drawn.words
        assert f"{100 * answer.share_inside:.0f} % inside the box" in drawn.words
    assert [(answer.image.name, answer.model_id) for answer in explained.answers] == [
        ("plain.png", EMBEDDED),
        ("plain.png", OURS),
        ("mirrored.png", EMBEDDED),
        ("mirrored.png", OURS),
    ]
    assert told[-1] == (2, 2)


def test_the_embedded_model_reads_her_by_her_face(pictures: Path, tmp_path: Path) -> None:
    """Its map lies inside the box of the face more than an even map would, upright and tilted."""
    explained = run(pictures, tmp_path / "panel.png", ("plain.png", "tilted.png"))
    for answer in explained.answers:
        assert answer.perceived_gender == "female"
        assert answer.p_female > 0.9
        assert answer.even_share < answer.share_inside <= 1
        assert 0.5 < answer.even_share < 0.95
    with Image.open(explained.panel) as panel:
        assert panel.format == "PNG"
        assert panel.height > 2 * 3 * 116


def test_the_answers_are_a_table(pictures: Path, tmp_path: Path) -> None:
    table = run(pictures, tmp_path / "panel.svg", ("plain.png",)).table
    (row,) = csv.DictReader(io.StringIO(table.csv()))
    assert (row["image"], row["model"], row["perceived_gender"]) == ("plain.png", EMBEDDED, "female")
    assert float(row["p_female"]) > 0.9
    assert 0 < float(row["share_inside"]) <= 1
    assert "plain.png" in table.text()


def test_what_cannot_be_used_is_named_and_the_rest_goes_on(pictures: Path, tmp_path: Path) -> None:
    names = ("wall.png", "broken.png", "plain.png", "absent.png", "plain.png")
    explained = run(pictures, tmp_path / "panel.svg", names)
    assert [answer.image.name for answer in explained.answers] == ["plain.png"]
    reasons = {Path(name).name: reason for name, reason in explained.skipped}
    assert list(reasons) == ["wall.png", "broken.png", "absent.png"]
    assert reasons["wall.png"] == "no face was found in it"
    assert "not a readable image" in reasons["broken.png"]
    assert len(Drawn.read(explained.panel).marks("image")) == 2


def test_nothing_but_the_panel_is_kept(pictures: Path, tmp_path: Path) -> None:
    before = set(pictures.iterdir())
    explained = run(pictures, tmp_path / "panel.svg", ("plain.png",))
    assert list(tmp_path.iterdir()) == [explained.panel]
    assert set(pictures.iterdir()) == before


def test_wrong_use_is_said_before_anything_is_done(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"wall\.png: no face was found in it; .*absent\.png: not a readable image"):
        run(pictures, tmp_path / "panel.png", ("wall.png", "absent.png"))
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        run(pictures, tmp_path / "panel.pdf", ("plain.png",))
    with pytest.raises(UsageError, match="at least one model and one picture"):
        run(pictures, tmp_path / "panel.png", ())
    with pytest.raises(UsageError, match="give 40 or fewer"):
        run(pictures, tmp_path / "panel.png", tuple(f"{number}.png" for number in range(41)))
    with pytest.raises(UnknownModelError, match="no model 'nobody'"):
        run(pictures, tmp_path / "panel.png", ("plain.png",), "nobody")
    with pytest.raises(UsageError, match="not a classifier"):
        run(pictures, tmp_path / "panel.png", ("plain.png",), "retinaface-mobilenet0.25")
    assert not list(tmp_path.iterdir())


def test_a_panel_that_cannot_be_written_is_a_clear_answer(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        run(pictures, tmp_path / "file" / "panel.svg", ("plain.png",))


def test_an_onnx_graph_is_refused_with_the_reason(
    pictures: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("onnxruntime")
    from gfpipe.models import catalog, sources

    embedded = store.open_model(EMBEDDED).card.classifier
    graph = {GRAPH: torch.frombuffer(bytearray(sources.fetch(catalog.read()[EMBEDDED].source)), dtype=torch.uint8)}
    model = saved(tmp_path_factory, "onnx", embedded.input, graph, Activation.NONE)
    with pytest.raises(ModelError, match="ONNX graph, which has no gradients"):
        run(pictures, tmp_path / "panel.png", ("plain.png",), model)


@pytest.mark.slow
def test_real_faces_of_many_people_are_explained(shared: Path, tmp_path: Path) -> None:
    """Over them all, the embedded model's evidence lies on the face."""
    images = sorted((shared / "london_faces").glob("*.jpg"))[:12]
    explained = explain.run(Config((EMBEDDED,), tuple(images), tmp_path / "panel.png", device="cpu"))
    assert not explained.skipped
    gained = [answer.share_inside - answer.even_share for answer in explained.answers]
    assert np.mean(gained) > 0.05
