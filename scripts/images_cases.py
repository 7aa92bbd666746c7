"""The images and operations on which ours and OpenCV's kernels are compared.

Used by images_goldens.py (stored results) and images_compare.py (fresh ones). The pictures come from a
generator that jobs/tests/images_goldens.rs repeats: sample i of a picture is drawn from SplitMix64 at
position i + 1 of the stream that starts at the picture's seed.
"""

import cv2
import numpy as np

# Widths and heights: single pixels and lines, smaller than the blocks, just beside vector widths.
SHAPES = [
    (1, 1), (1, 7), (7, 1), (1, 64), (65, 1), (2, 2), (3, 5), (5, 3), (8, 8), (9, 17), (16, 16), (31, 33),
    (33, 31), (47, 53), (64, 63), (65, 65), (100, 37), (127, 21), (129, 50), (513, 19), (530, 12),
    (2100, 3), (40, 41), (800, 4),
]


def splitmix64(seed, count):
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def picture(seed, width, height, channels):
    """Noise, a soft ramp, two levels or a plain one, by turns of the seed."""
    noise = splitmix64(seed, width * height * channels) >> np.uint64(56)
    index = np.arange(width * height * channels, dtype=np.uint64) // np.uint64(channels)
    x, y = index % np.uint64(width), index // np.uint64(width)
    turn = seed % 4
    if turn == 1:
        noise = (x * np.uint64(2) + y * np.uint64(3) + noise // np.uint64(16)) % np.uint64(256)
    elif turn == 2:
        noise = noise // np.uint64(8) + (noise % np.uint64(2)) * np.uint64(150)
    elif turn == 3:
        noise = np.full_like(noise, seed % 251)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return noise.astype(np.uint8).reshape(shape)


def gray(image):
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image


KINDS = {
    "binary": cv2.THRESH_BINARY,
    "binary-inv": cv2.THRESH_BINARY_INV,
    "trunc": cv2.THRESH_TRUNC,
    "tozero": cv2.THRESH_TOZERO,
    "tozero-inv": cv2.THRESH_TOZERO_INV,
}
METHODS = {"mean": cv2.ADAPTIVE_THRESH_MEAN_C, "gaussian": cv2.ADAPTIVE_THRESH_GAUSSIAN_C}


def sobel(image):
    image = gray(image)
    gx, gy = (cv2.Sobel(image, cv2.CV_32F, dx, dy).astype(np.float64) for dx, dy in ((1, 0), (0, 1)))
    return np.minimum(np.rint(np.sqrt(gx * gx + gy * gy)), 255).astype(np.uint8)


def otsu(image, kind):
    level, mask = cv2.threshold(gray(image), 0, 255, KINDS[kind] | cv2.THRESH_OTSU)
    return mask, int(level)


def apply(image, step):
    """The step (a dictionary, as in a job file) by OpenCV; only otsu gives a number, too."""
    op = step["op"]
    if op == "grayscale":
        return gray(image), None
    if op == "threshold":
        return cv2.threshold(image, step["value"], step["max"], KINDS[step["type"]])[1], None
    if op == "otsu":
        return otsu(image, step["type"])
    if op == "adaptive-threshold":
        method, kind = METHODS[step["method"]], KINDS[step["type"]]
        return cv2.adaptiveThreshold(gray(image), 255, method, kind, step["block"], step["c"]), None
    if op == "blur" and step["method"] == "box":
        return cv2.blur(image, (step["size"], step["size"])), None
    if op == "blur" and step["method"] == "median":
        return cv2.medianBlur(image, step["size"]), None
    if op == "blur":
        size = step.get("size", 0)
        return cv2.GaussianBlur(image, (size, size), step.get("sigma", 0)), None
    if op == "edges" and step["method"] == "sobel":
        return sobel(image), None
    if op == "edges":
        return cv2.Canny(gray(image), step["low"], step["high"]), None
    raise ValueError(op)


def steps(thorough):
    """All steps to compare; `thorough` for fresh comparisons, fewer for stored ones."""
    yield {"op": "grayscale"}
    for kind in KINDS:
        for value in (-1.0, 0.0, 99.0, 127.5, 254.0, 255.0, 300.0) if thorough else (-1.0, 127.5, 255.0):
            yield {"op": "threshold", "type": kind, "value": value, "max": 200}
    yield {"op": "otsu", "type": "binary"}
    yield {"op": "otsu", "type": "tozero-inv"}
    blocks = range(3, 52, 2) if thorough else (3, 5, 7, 9, 11, 15, 17, 31, 51)
    for method in METHODS:
        for block in blocks:
            for c in (-3.5, 2.0):
                for kind in ("binary", "binary-inv") if thorough or c < 0 else ("binary",):
                    yield {"op": "adaptive-threshold", "method": method, "type": kind, "block": block, "c": c}
    for size in range(1, 52, 2) if thorough else (1, 3, 11, 15, 17, 51):
        yield {"op": "blur", "method": "box", "size": size}
    for size in range(1, 52, 2) if thorough else (1, 3, 5, 7, 9, 11, 31):
        yield {"op": "blur", "method": "gaussian", "size": size}
    for sigma in (0.3, 0.5, 1.0, 1.3, 2.5, 5.0, 9.7) if thorough else (0.5, 2.5):
        yield {"op": "blur", "method": "gaussian", "sigma": sigma}
    for size in (1, 3, 5, 7, 13):
        yield {"op": "blur", "method": "median", "size": size}
    yield {"op": "edges", "method": "sobel"}
    for low, high in ((50, 150), (10, 30)):
        yield {"op": "edges", "method": "canny", "low": low, "high": high}
