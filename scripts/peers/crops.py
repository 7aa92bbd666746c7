"""The textbook's program: images to black and white with OpenCV, in a pool of processes.

Usage: crops.py PROCESSES INPUT-FOLDER OUTPUT-FOLDER
"""

import multiprocessing
import sys
from pathlib import Path

import cv2

# One core a process, as the pool means it.
cv2.setNumThreads(1)


def convert(task):
    source, target = task
    gray = cv2.cvtColor(cv2.imread(source), cv2.COLOR_BGR2GRAY)
    ink = cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, 11, 2)
    if not cv2.imwrite(target, ink):
        raise OSError(target)


if __name__ == "__main__":
    processes, inputs, outputs = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    outputs.mkdir(parents=True, exist_ok=True)
    tasks = [(str(path), str(outputs / f"{path.stem}.png")) for path in sorted(inputs.iterdir())]
    with multiprocessing.Pool(processes) as pool:
        pool.map(convert, tasks)
