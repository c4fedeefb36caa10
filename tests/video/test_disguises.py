"""Nothing but the file itself is opened: no pipe or device, and no other file or address that it names."""

import os
import shutil
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from gfpipe.base import regular
from gfpipe.base.files import as_text
from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.probe import probe
from gfpipe.video.reader import open_video
from tests.pipeline.archives import programme


class Requests(BaseHTTPRequestHandler):
    """Notes the requests that a server receives."""

    received: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.received.append(self.path)
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Requests)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return programme(tmp_path_factory.mktemp("clips"), "clip.ts", 1)


LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
    "hls variants": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{}\n",
    "concat": "ffconcat version 1.0\nfile '{}'\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    "<Period><BaseURL>{}</BaseURL></Period></MPD>\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={}\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
}


@pytest.mark.parametrize("ending", ["mp4", "ts", "m3u8", "sdp", "mpd", "ffconcat"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_other_files_and_addresses_is_refused(
    clip: Path, address: str, tmp_path: Path, kind: str, ending: str
) -> None:
    shutil.copy(clip, tmp_path / "clip.ts")
    for target in (f"{address}/{kind}.ts", "clip.ts", f"file://{tmp_path}/clip.ts"):
        path = tmp_path / f"2000_news.{ending}"
        path.write_text(LISTS[kind].format(target))
        with pytest.raises(RecordingError, match=r"2000_news.*: a playlist, not a video"):
            probe(path)
    assert not Requests.received


@pytest.mark.parametrize(
    "name", ["http:127.ts", "concat:a.ts|b.ts", "-i", "20:00 %03d.ts", "pipe:0", "fd:", "subfile,,start,0,:x.ts"]
)
def test_a_name_is_never_read_as_an_address_or_a_pattern(clip: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(clip, tmp_path / name)
    assert probe(tmp_path / name).codec == "mpeg2video"


def test_a_pattern_of_pictures_is_refused(tmp_path: Path) -> None:
    for name in ("picture%03d.jpg", "picture001.jpg"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(RecordingError):
        probe(tmp_path / "picture%03d.jpg")


@pytest.mark.parametrize("sampling", Sampling)
def test_a_movie_whose_pictures_are_in_another_file_has_failed(tmp_path: Path, sampling: Sampling) -> None:
    other = programme(tmp_path, "other.mp4", 1, index_first=False)
    content = programme(tmp_path, "movie.mp4", 1, index_first=False).read_bytes()
    path = tmp_path / "reference.mov"
    path.write_bytes(_with_reference(content, str(other)))
    with pytest.raises(RecordingError, match=r"reference\.mov"):
        list(open_video(path, sampling, 1.0))


def _with_reference(content: bytes, target: str) -> bytes:
    """Turn the data reference of an MP4 into an alias of another file, as QuickTime writes them."""
    name = target.encode()
    padded = name + b"\0" * (len(name) % 2)
    alias = b"\0" * 150 + struct.pack(">HH", 2, len(name)) + padded + struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    at = content.index(b"url \0\0\0\1") - 4
    changed = bytearray(content[:at] + entry + content[at + 12 :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = changed.rindex(box, 0, at) - 4
        (size,) = struct.unpack_from(">I", changed, start)
        struct.pack_into(">I", changed, start, size + len(entry) - 12)
    return bytes(changed)


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "socket", "device"])
def test_special_files_are_refused_without_being_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "2000_news.ts"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to("pipe")
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as endpoint:
            endpoint.bind(str(path))
    with pytest.raises(RecordingError, match=r"2000_news\.ts: a named pipe, socket or device, not a file"):
        probe(path)
    assert regular.fingerprint(str(path)) is None


@pytest.mark.parametrize(("kind", "message"), [("list", "a playlist, not a video"), ("pipe", "a named pipe")])
def test_refusals_name_a_file_whose_name_is_not_utf8(tmp_path: Path, kind: str, message: str) -> None:
    path = tmp_path / os.fsdecode(b"l\xe9t\xe9.ts")
    try:
        os.mkfifo(path) if kind == "pipe" else path.write_text(LISTS["hls"].format("clip.ts"))
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    with pytest.raises(RecordingError, match=message) as refused:
        probe(as_text(str(path)))
    assert r"l\xe9t\xe9.ts" in str(refused.value).encode().decode()
