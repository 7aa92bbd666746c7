"""Compares the images kind with OpenCV afresh: images_compare.sh builds what this needs and calls it.

    images_compare.py PROGRAM FOLDER...

PROGRAM is jobs/examples/run_in_process.rs, built; FOLDERs hold photos. All photos and 200 pictures of odd sizes
go through every step, by a job file, and the files that come out are compared with OpenCV's results on the same
pixels: photos are first decoded by PROGRAM, since JPEG decoders differ.

Everything must be equal but adaptive Gaussian thresholds in the last columns of a row, where OpenCV does not fuse
multiply and add: there, less than one pixel in ten thousand may differ.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

import images_cases as cases

PICTURES = 200
# Columns that OpenCV's widest vectors may leave to its scalar code.
TAIL = 16
ALLOWED = 1e-4


def write_pictures(folder):
    sizes = cases.splitmix64(1, 2 * PICTURES)
    for index in range(PICTURES):
        if index < len(cases.SHAPES):
            width, height = cases.SHAPES[index]
        else:
            width, height = (1 + int(sizes[2 * index + side] % np.uint64(140)) for side in (0, 1))
        image = cases.picture(5000 + index, width, height, 3 if index % 3 == 2 else 1)
        write(folder / f"random{index:03}.pnm", image)


def write(path, image):
    header = f"P{6 if image.ndim == 3 else 5} {image.shape[1]} {image.shape[0]} 255\n"
    path.write_bytes(header.encode() + image.tobytes())


def read(path):
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.ndim == 3 else image


def run(program, folder, key, inputs, steps, out):
    """Runs a job and returns its values."""
    lines = ['kind = "images"', "[input]", f"{key} = {json.dumps(inputs)}"]
    for step in steps:
        lines += ["[[params.step]]"] + [f"{key} = {json.dumps(value)}" for key, value in step.items()]
    lines += ["[output]", f'dir = "{out}"', 'format = "pnm"']
    job = folder / "job.toml"
    job.write_text("\n".join(lines))
    done = subprocess.run([program, job], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{job.read_text()}\nfailed:\n{done.stderr}{done.stdout[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(step, ours, theirs):
    """How many pixels differ, and how many of those may not."""
    if ours.shape != theirs.shape:
        return ours.size, ours.size
    differs = ours != theirs
    wrong = differs.copy()
    if step.get("method") == "gaussian" and step["op"] == "adaptive-threshold":
        wrong[:, max(0, ours.shape[1] - TAIL) :] = False
    return int(differs.sum()), int(wrong.sum())


def main():
    program, photos = str(Path(sys.argv[1]).resolve()), [Path(name).resolve() for name in sys.argv[2:]]
    print("OpenCV", cv2.__version__)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "in").mkdir()
        # A photo may be in several folders.
        files = {path.name: str(path) for photo in photos for path in photo.iterdir() if path.suffix in (".jpg", ".png")}
        run(program, folder, "files", sorted(files.values()), [], "in")
        write_pictures(folder / "in")
        images = {path.stem: read(path) for path in sorted((folder / "in").iterdir())}
        pixels = sum(image.shape[0] * image.shape[1] for image in images.values())
        print(len(images), "images,", pixels, "pixels")
        for step in cases.steps(thorough=True):
            values = run(program, folder, "glob", ["in/*.pnm"], [step], "out")
            differing, wrong = 0, []
            for value in values:
                name = Path(value["output"]).stem
                theirs, level = cases.apply(images[name], step)
                some, bad = compare(step, read(folder / value["output"]), theirs)
                differing += some
                if bad or (level is not None and value["otsu"] != [level]):
                    wrong.append(name)
            good = not wrong and differing <= ALLOWED * pixels
            failed |= not good
            print("equal" if differing == 0 else f"{differing} differ", *step.items(), *wrong[:5], flush=True)
    sys.exit("there are differences" if failed else 0)


main()
