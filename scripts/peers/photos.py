"""Makes the pictures that the images kind is timed on, unless they are there.

Usage: photos.py crops|photos FOLDER-WITH-PHOTOS NEW-FOLDER
"""

import sys
from pathlib import Path

import cv2


def read(folder):
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
    return [cv2.imread(str(path)) for path in paths]


def large(photo):
    return cv2.resize(photo, (4000, 3000), interpolation=cv2.INTER_CUBIC)


def crops(sources, folder):
    """One photo in 20 × 20 pieces."""
    photo = large(sources[-1])
    for row in range(20):
        for column in range(20):
            crop = photo[row * 150:(row + 1) * 150, column * 200:(column + 1) * 200]
            cv2.imwrite(str(folder / f"{row:02}-{column:02}.jpg"), crop)


def photos(sources, folder):
    """Forty of 12 MP, every second one a mirror image."""
    for index in range(40):
        photo = large(sources[index % len(sources)])
        cv2.imwrite(str(folder / f"{index:02}.jpg"), cv2.flip(photo, 1) if index % 2 else photo)


if __name__ == "__main__":
    what, sources, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if not folder.exists():
        part = folder.with_name(folder.name + ".part")
        part.mkdir(parents=True, exist_ok=True)
        {"crops": crops, "photos": photos}[what](read(sources), part)
        part.rename(folder)
