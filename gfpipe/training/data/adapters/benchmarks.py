"""Public face data sets, in their published layouts."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from gfpipe.attributes.spec import FEMALE, MALE
from gfpipe.errors import UsageError
from gfpipe.training.data.adapters import tables, words
from gfpipe.training.data.records import AdapterResult, LabelledImage, images_below

# Some names lack a dot near the end, or contain a space.
_UTKFACE: Final = re.compile(r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<race>[0-4])_\d{8}.*")
_UTKFACE_ETHNICITIES: Final = ("white", "black", "asian", "indian", "other")
_ALL_AGE_FACES: Final = re.compile(r"(?P<serial>\d{5})A(?P<age>\d{2})")
_LAST_FEMALE: Final = 7380  # serial numbers of All-Age-Faces: 00000 to 07380 are women and girls
_LAST_MALE: Final = 13321
_LISTED: Final = {"0": FEMALE, "1": MALE}  # its lists, unlike UTKFace's names
_LFW_NAME: Final = re.compile(r"(?P<person>.+)_\d{4}\.\w+")


def utkface(folder: Path) -> AdapterResult:
    """Read names ``[age]_[gender]_[race]_[date&time].jpg.chip.jpg`` (Zhang, Song and Qi 2017); 0 is male, 1 female.

    Images may be in subfolders, such as ``part1`` to ``part3``.

    Raises:
        UsageError: the folder does not exist.
    """
    result = AdapterResult()
    for path in images_below(_folder(folder, "UTKFace's images")):
        match = _UTKFACE.fullmatch(path.name)
        if not match:
            result.skip(path.name, "the name is not [age]_[gender]_[race]_[date].jpg.chip.jpg")
        elif (age := int(match["age"])) > words.OLDEST:
            result.skip(path.name, f"age {age} is not from 0 to {words.OLDEST}")
        else:
            gender = FEMALE if match["gender"] == "1" else MALE
            result.images.append(LabelledImage(path, gender, float(age), _UTKFACE_ETHNICITIES[int(match["race"])]))
    return result


def fairface(path: Path) -> AdapterResult:
    """Read ``fairface_label_train.csv`` and ``fairface_label_val.csv``, or one of them (Kärkkäinen and Joo 2021).

    Ages are bands, and there are seven ethnicities. Publications test on val, so it is the test split; validation is
    drawn from train.

    Raises:
        UsageError: neither table exists, or one cannot be read.
    """
    files = [path] if path.is_file() else sorted(_folder(path, "FairFace's tables").glob("fairface_label_*.csv"))
    if not files:
        raise UsageError(f"{path} has neither fairface_label_train.csv nor fairface_label_val.csv")
    result = AdapterResult()
    for file in files:
        rows = tables.labelled(file, _fairface_images(file.parent), _fairface_part(file))
        result.images.extend(rows.images)
        result.skipped.extend(rows.skipped)
    return result


def all_age_faces(folder: Path) -> AdapterResult:
    """Read All-Age-Faces (Cheng et al. 2019): serial number, ``A`` and age, such as ``00000A02.jpg``.

    Numbers to 07380 are female, the others male. Ethnicity is ``asian``, which the authors state of most faces. The
    images listed in ``image sets/val.txt`` are the test split; validation is drawn from the others.

    Raises:
        UsageError: the folder does not exist.
    """
    root = _folder(folder, "All-Age-Faces' images")
    names = ("original images", "original_images", "aglined faces", "aligned faces", "aligned_faces")
    images = next((root / name for name in names if (root / name).is_dir()), root)
    listed = _all_age_faces_lists(root)
    result = AdapterResult()
    for path in images_below(images):
        match = _ALL_AGE_FACES.fullmatch(path.stem)
        if not match or int(match["serial"]) > _LAST_MALE:
            result.skip(path.name, "the name is not a serial number to 13321, A, and the age, such as 00000A02.jpg")
            continue
        gender = FEMALE if int(match["serial"]) <= _LAST_FEMALE else MALE
        listed_gender, part = listed.get(path.stem, (gender, None))
        if listed_gender != gender:
            result.skip(path.name, f"its serial number means {gender}, but it is listed as {listed_gender}")
        else:
            result.images.append(LabelledImage(path, gender, float(match["age"]), "asian", part))
    return result


def adience(folder: Path) -> AdapterResult:
    """Read Adience (Eidinger, Enbar and Hassner 2014): ``fold_[0-4]_data.txt``, or ``fold_frontal_[0-4]_data.txt``.

    Folds share no person, so the last of all five is the test split. Images are in ``faces``, or else in ``aligned``.

    Raises:
        UsageError: there are no folds or no images, or a fold cannot be read.
    """
    root = _folder(folder, "Adience's folds")
    folds = next((files for form in ("fold_[0-4]", "fold_frontal_[0-4]") if (files := _folds(root, form))), None)
    if not folds:
        raise UsageError(f"{root} has no fold_0_data.txt … fold_4_data.txt")
    forms = {"faces": "coarse_tilt_aligned_face", "aligned": "landmark_aligned_face"}
    images = next((name for name in forms if (root / name).is_dir()), None)
    if not images:
        raise UsageError(f"{root} has neither faces nor aligned: unpack faces.tar.gz there")
    result = AdapterResult()
    for file in folds:
        part = "test" if len(folds) == 5 and file is folds[-1] else None
        _read_fold(file, root / images, forms[images], part, result)
    return result


def lfw(folder: Path) -> AdapterResult:
    """Read Labeled Faces in the Wild with ``female_names.txt`` and ``male_names.txt`` (Afifi and Abdelhamed 2019).

    A line begins with the name of an image (``Aaron_Eckhart_0001.jpg``) or of a person, whose images are all read.
    Each person has a folder, here or in ``lfw``, ``lfw_funneled`` or ``lfw-deepfunneled``.

    Raises:
        UsageError: neither list exists.
    """
    root = _folder(folder, "LFW's lists of names")
    lists = {gender: root / f"{gender}_names.txt" for gender in (FEMALE, MALE)}
    if not any(file.is_file() for file in lists.values()):
        raise UsageError(f"{root} has neither female_names.txt nor male_names.txt")
    names = ("lfw", "lfw_funneled", "lfw-funneled", "lfw-deepfunneled", "lfw_deepfunneled")
    folders = [folder for name in names for folder in (root / name / name, root / name)]
    images = next(filter(Path.is_dir, folders), root)
    result = AdapterResult()
    for gender, file in lists.items():
        for entry in _lines(file) if file.is_file() else []:
            _read_lfw_entry(entry.split("\t")[0].strip(), gender, images, result)
    return result


def _fairface_images(folder: Path) -> Path:
    """The folder that contains ``train`` or ``val``: that of the tables, or the archive's in it."""
    folders = [folder, *sorted(folder.glob("fairface-img-*"))]
    return next((root for root in folders if (root / "train").is_dir() or (root / "val").is_dir()), folder)


def _fairface_part(file: Path) -> Callable[[str], str | None]:
    of_table = "test" if file.stem.endswith("_val") else None
    return lambda picture: "test" if PurePosixPath(picture).parts[0] == "val" else of_table


def _all_age_faces_lists(root: Path) -> dict[str, tuple[str, str | None]]:
    """Perceived gender and split of each listed name; lines are ``00000A02.jpg 0``."""
    listed: dict[str, tuple[str, str | None]] = {}
    for name, part in (("train.txt", None), ("val.txt", "test")):
        for file in (root / "image sets" / name, root / "image_sets" / name):
            for line in _lines(file) if file.is_file() else []:
                picture, _, code = line.partition(" ")
                listed[PurePosixPath(picture).stem] = (_LISTED.get(code.strip(), repr(code)), part)
    return listed


def _folds(root: Path, form: str) -> list[Path]:
    return sorted((*root.glob(f"{form}_data.txt"), *root.glob(f"*/{form}_data.txt")))


def _read_fold(file: Path, images: Path, form: str, part: str | None, result: AdapterResult) -> None:
    with tables.opened(file) as table:
        columns = [table.column(name) for name in ("user_id", "original_image", "face_id", "age", "gender")]
        for refused in table.refused:
            result.skip(refused.place, refused.problem)
        for _, row in table.rows:
            person, picture, face, age, gender = (row[column] for column in columns)
            name = f"{person}/{form}.{face}.{picture}"
            perceived_gender = words.perceived_gender(gender)
            if perceived_gender is None:
                result.skip(name, f"gender is {gender!r}, not f or m")
                continue
            try:
                image = LabelledImage(images / name, perceived_gender, words.age(age), part=part)
            except ValueError as exc:
                result.skip(name, str(exc))
            else:
                result.images.append(image)


def _read_lfw_entry(entry: str, gender: str, images: Path, result: AdapterResult) -> None:
    if match := _LFW_NAME.fullmatch(entry):
        result.images.append(LabelledImage(images / match["person"] / entry, gender))
    elif (images / entry).is_dir():
        result.images.extend(LabelledImage(path, gender) for path in images_below(images / entry))
    else:
        result.skip(entry, "neither the name of an image, such as Aaron_Eckhart_0001.jpg, nor the folder of a person")


def _lines(file: Path) -> Sequence[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{file} cannot be read as text: {exc}") from exc
    return [line.strip() for line in lines if line.strip()]


def _folder(folder: Path, content: str) -> Path:
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: give the one that contains {content}")
    return folder
