"""OpenCV's processor time for what jobs/benches/images.rs measures, on one thread, in nanoseconds a pixel.

    opencv_kernels.py FOLDER

FOLDER is where that benchmark has left its files.
"""

import sys
import time
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT, ROUNDS = 4000, 3000, 9


def picture(channels):
    index = np.arange(WIDTH * HEIGHT * channels, dtype=np.uint64)
    x, y = index // channels % WIDTH, index // channels // WIDTH
    noise = (index * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(60)
    image = (x // 23 + y // 31 + noise).astype(np.uint8)
    return image.reshape((HEIGHT, WIDTH, channels) if channels > 1 else (HEIGHT, WIDTH))


def files(folder):
    jpeg = np.frombuffer((folder / "photo.jpg").read_bytes(), np.uint8)
    gray = cv2.imread(str(folder / "gray.pnm"), cv2.IMREAD_UNCHANGED)
    mask = cv2.threshold(gray, 0, 255, cv2.THRESH_OTSU)[1]
    return {
        "JPEG decode": lambda: cv2.imdecode(jpeg, cv2.IMREAD_COLOR),
        "JPEG decode, luma": lambda: cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE),
        "PNG encode, gray": lambda: cv2.imencode(".png", gray),
        "PNG encode, mask": lambda: cv2.imencode(".png", mask),
        "JPEG encode, gray": lambda: cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, 90]),
    }


def main():
    cv2.setNumThreads(1)
    colours, gray = picture(3), picture(1)
    out = np.empty_like(gray)
    kernels = {
        "gray": lambda: cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY, dst=out),
        "threshold": lambda: cv2.threshold(gray, 99, 255, cv2.THRESH_BINARY, dst=out),
        "otsu": lambda: cv2.threshold(gray, 0, 255, cv2.THRESH_OTSU, dst=out),
        "copy": lambda: np.copyto(out, gray),
        "box blur 11": lambda: cv2.blur(gray, (11, 11), dst=out),
        "gaussian blur 11": lambda: cv2.GaussianBlur(gray, (11, 11), 0, dst=out),
        "median 3": lambda: cv2.medianBlur(gray, 3, dst=out),
        "median 5": lambda: cv2.medianBlur(gray, 5, dst=out),
    }
    for name, method in (("mean", cv2.ADAPTIVE_THRESH_MEAN_C), ("gaussian", cv2.ADAPTIVE_THRESH_GAUSSIAN_C)):
        for block in (11, 31):
            kernels[f"adaptive {name} {block}"] = lambda method=method, block=block: cv2.adaptiveThreshold(
                gray, 255, method, cv2.THRESH_BINARY, block, 2, dst=out
            )
    # As ours, shrinking by areas takes every pixel into account; the bilinear one skips most.
    for name, method in (("", cv2.INTER_AREA), (", bilinear", cv2.INTER_LINEAR)):
        for size in ((1200, 900), (640, 480)):
            kernels[f"resize to {size[0]} × {size[1]}{name}"] = lambda method=method, size=size: cv2.resize(
                gray, size, interpolation=method
            )
    kernels |= files(Path(sys.argv[1]))
    for name, kernel in kernels.items():
        kernel()
        rounds = []
        for _ in range(ROUNDS):
            start = time.process_time()
            kernel()
            rounds.append((time.process_time() - start) * 1e9 / (WIDTH * HEIGHT))
        rounds.sort()
        print(f"{name:24} {rounds[0]:6.3f} fastest {rounds[ROUNDS // 2]:6.3f} median")


main()
