"""Media files in the folder of an archive; whatever is left out is named or counted."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from gfpipe.base.files import as_text
from gfpipe.recording import Rejected

_ENDINGS: Final = """
264 265 3g2 3gp 3gpp amv asf avc avi divx dv dvr-ms evo f4v flv gxf h264 h265 hevc ismv ivf lxf m1v m2p m2t m2ts m2v
m4v mj2 mjpeg mjpg mkv mod mov mp2v mp4 mpe mpeg mpg mpv mts mxf nsv nut ogm ogv ogx ps pva qt rec rm rmvb tod tp trp
ts vc1 vob vro webm wmv wtv xvid y4m
"""
MEDIA: Final = frozenset(_ENDINGS.split())  # of containers and elementary streams that FFmpeg demuxes


@dataclass(frozen=True)
class Contents:
    """What a folder contains.

    Attributes:
        files: media files, sorted, as text (:func:`gfpipe.base.files.as_text`).
        problems: folders that were not read, with the reason.
        passed_over: number of other files, by ending.
    """

    files: tuple[str, ...]
    problems: tuple[Rejected, ...]
    passed_over: Counter[str]


def scan(folder: str) -> Contents:
    """List a folder and its subfolders, except hidden ones; links are followed unless they lead in a circle."""
    scan = _Scan()
    files = sorted(scan.media(folder, ()))
    return Contents(tuple(files), tuple(scan.problems), scan.passed_over)


@dataclass
class _Scan:
    problems: list[Rejected] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)

    def media(self, folder: str, above: tuple[str, ...]) -> Iterator[str]:
        """Media files of a folder that lies in the folders `above`, which are real paths."""
        real = os.path.realpath(folder)
        if real in above:
            self._reject(folder, f"a link to {real}, which contains it; its recordings are listed once")
            return
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as exc:
            self._reject(folder, f"the folder cannot be read ({exc.strerror}); grant read permission")
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if self._is_folder(entry):
                yield from self.media(entry.path, (*above, real))
            elif (ending := PurePosixPath(entry.name).suffix.lower().removeprefix(".")) in MEDIA:
                yield as_text(entry.path)
            else:
                self.passed_over[ending] += 1

    def _is_folder(self, entry: "os.DirEntry[str]") -> bool:
        try:
            return entry.is_dir()
        except OSError as exc:  # a link to itself
            self._reject(entry.path, f"cannot be followed ({exc.strerror})")
            return False

    def _reject(self, path: str, problem: str) -> None:
        self.problems.append(Rejected(as_text(path), problem))
