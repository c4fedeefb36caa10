"""Tiny pictures and sets of faces, written by hand."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from gfpipe.training.data.datasets import Dataset, LabelledImage
from gfpipe.training.data.splits import Faces, distinct


def jpeg(seed: int) -> bytes:
    """A picture of 8 × 8 pixels, another for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    with BytesIO() as file:
        Image.fromarray(pixels).save(file, "JPEG")
        return file.getvalue()


def write(path: Path, seed: int) -> Path:
    """Put a picture there, with the folders that it takes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(seed))
    return path


def dataset(name: str, *images: LabelledImage) -> Dataset:
    """A data set as an adapter would have read it."""
    return Dataset(name, "csv", images, ())


def some_faces(folder: Path, sizes: dict[tuple[str, str | None], int], name: str = "set") -> Faces:
    """So many faces of each perceived gender and ethnicity, of all ages."""
    images, seed = [], sum(map(ord, name)) * 10_000
    for (gender, ethnicity), size in sizes.items():
        for number in range(size):
            path = folder / name / f"{seed}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"picture {seed}".encode())  # nothing here looks into one
            images.append(LabelledImage(path, gender, float(number % 30), ethnicity))
            seed += 1
    return distinct([dataset(name, *images)])


def together(*sets: Faces) -> Faces:
    """The faces of several data sets."""
    by_name = [Dataset(str(faces.dataset[0]), "csv", faces.images, ()) for faces in sets]
    return distinct(by_name)


def renamed(faces: Faces, folder: Path, name: str = "set") -> Faces:
    """The same pictures under other names, in another order."""
    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for number, image in enumerate(reversed(faces.images)):
        path = folder / f"{number:06}.jpg"
        path.write_bytes(image.read())
        images.append(replace(image, path=path))
    return distinct([dataset(name, *images)])
