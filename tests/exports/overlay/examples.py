"""An overlay with one face of each kind."""

from gfpipe.exports.overlay.faces import Face, Overlay

OVERLAY = Overlay(
    "tv-1",
    "/tv/2001 03 04/2000_news & <more>.mp4",
    "tv · 2001-03-04 20:00 · news & <more>",
    720,
    576,
    (
        Face(0, 0, 0.5, 1.5, (0.5, 0.25, 0.75, 0.5), "female", 0.97),
        Face(0, 1, 0.5, 1.5, (0.0, 0.0, 0.1, 0.125), "male", 0.12),
        Face(1, 0, 1.5, 2.5, (0.5, 0.25, 0.75, 0.5), "female", 0.61),
        Face(1, 1, 1.5, 2.5, (0.2, 0.2, 0.3, 0.3), "undecided", 0.5),
        Face(3, 0, 3671.25, 3672.0, (0.5, 0.5, 1.0, 1.0), "not counted", 0.9),
    ),
)
