"""Subtitles for players: Advanced SubStation Alpha with boxes (.ass), and SubRip with text (.srt).

Positions in .ass are in the pixels of the stored frame, turned upright; players stretch them as they stretch the frame.
"""

from collections.abc import Iterator
from typing import Final

from gfpipe.exports.overlay.faces import COLOURS, Face, Overlay
from gfpipe.output.names import line

_LINES: Final = 22  # a picture has so many lines of text
_HEADER: Final = """[Script Info]
Title: {title}
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
ScaledBorderAndShadow: yes
WrapStyle: 2

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
{styles}

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
# Boxes have no fill (alpha FF) but an outline; their texts are black on the same colour.
_STYLES: Final = """\
Style: {name} box,Sans,{size},&HFFFFFFFF,&HFF000000,&H00{colour},&HFF000000,0,0,0,0,100,100,0,0,1,{line},0,7,0,0,0,1
Style: {name},Sans,{size},&H00000000,&HFF000000,&H00{colour},&H00{colour},0,0,0,0,100,100,0,0,3,{line},0,1,0,0,0,1"""


def ass(overlay: Overlay) -> str:
    """Boxes with perceived gender and probability, for players that show .ass subtitles (VLC, mpv, FFmpeg)."""
    size = max(8, round(overlay.height / _LINES))
    styles = [
        _STYLES.format(name=name, size=size, line=max(1, size // 10), colour=_reversed(colour))
        for name, colour in COLOURS.items()
    ]
    header = _HEADER.format(
        title=line(overlay.title), width=overlay.width, height=overlay.height, styles="\n".join(styles)
    )
    return header + "".join(event for face in overlay.faces for event in _events(face, overlay, size))


def _events(face: Face, overlay: Overlay, size: int) -> Iterator[str]:
    x1, x2 = (round(value * overlay.width) for value in face.box[::2])
    y1, y2 = (round(value * overlay.height) for value in face.box[1::2])
    times = f"{_ass_time(face.start_seconds)},{_ass_time(face.end_seconds)}"
    width, height = x2 - x1, y2 - y1
    box = f"{{\\an7\\pos({x1},{y1})\\p1}}m 0 0 l {width} 0 {width} {height} 0 {height}{{\\p0}}"
    yield f"Dialogue: 0,{times},{face.perceived_gender} box,,0,0,0,,{box}\n"
    place = f"\\an1\\pos({x1},{y1})" if y1 > size else f"\\an7\\pos({x1},{y1})"  # above the box, if it fits there
    yield f"Dialogue: 1,{times},{face.perceived_gender},,0,0,0,,{{{place}}}{face.text}\n"


def srt(overlay: Overlay) -> str:
    """The faces of each sample as text from left to right, for every player; SubRip has no positions."""
    cues = [
        f"{number}\n{_srt_time(start)} --> {_srt_time(end)}\n{', '.join(face.text for face in faces)}\n"
        for number, (start, end, faces) in enumerate(overlay.samples(), start=1)
    ]
    return "\n".join(cues)


def _reversed(colour: str) -> str:
    """RRGGBB as BBGGRR."""
    return colour[4:] + colour[2:4] + colour[:2]


def _ass_time(seconds: float) -> str:
    minutes, hundredths = divmod(round(100 * seconds), 6000)
    return f"{minutes // 60}:{minutes % 60:02}:{hundredths // 100:02}.{hundredths % 100:02}"


def _srt_time(seconds: float) -> str:
    minutes, thousandths = divmod(round(1000 * seconds), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{thousandths // 1000:02},{thousandths % 1000:03}"
