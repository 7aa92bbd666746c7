"""Writes jobs/tests/goldens/images.txt: CRC-32 of OpenCV's results, one line a step, one number a picture.

Needs opencv-python-headless 4.14.0.94; images_compare.sh sets up an environment that has it:
    PYTHON scripts/images_goldens.py > jobs/tests/goldens/images.txt
"""

import sys
import zlib
from pathlib import Path

import cv2
import numpy as np

import images_cases as cases

# Left, top, width and height of what is taken of each photo: stored results are checked in every test run.
PART = (90, 70, 200, 150)
PHOTOS = Path(__file__).resolve().parent.parent / "jobs" / "photos"


def describe(step):
    return " ".join(f"{key}={value}" for key, value in step.items())


def main():
    if cv2.__version__ != "4.14.0":
        sys.exit(f"goldens come from OpenCV 4.14.0 (opencv-python-headless 4.14.0.94), not {cv2.__version__}")
    pictures = []
    print("# Made by scripts/images_goldens.py with OpenCV", cv2.__version__)
    for index, (width, height) in enumerate(cases.SHAPES):
        seed, channels = 1000 + index, 3 if index % 3 == 2 else 1
        print(f"picture seed={seed} width={width} height={height} channels={channels}")
        pictures.append(cases.picture(seed, width, height, channels))
    # Only formats without loss: here and there, the same pixels.
    for photo in sorted(PHOTOS.glob("*.png")):
        x, y, width, height = PART
        print(f"photo name={photo.name} x={x} y={y} width={width} height={height}")
        image = np.ascontiguousarray(cv2.imread(str(photo), cv2.IMREAD_UNCHANGED)[y : y + height, x : x + width])
        pictures.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.ndim == 3 else image)
    for step in cases.steps(thorough=False):
        results = []
        for picture in pictures:
            image, level = cases.apply(picture, step)
            suffix = "" if level is None else f":{level}"
            results.append(f"{zlib.crc32(image.tobytes()):08x}{suffix}")
        print(describe(step), "|", *results)


main()
