#!/bin/sh
# Compares the images kind with OpenCV, pixel for pixel, on all photos and on 200 pictures of odd sizes; with
# --goldens it writes jobs/tests/goldens/images.txt again. Their speed is told by scripts/bench.sh kernels.
#
#     scripts/images_compare.sh [--goldens] [FOLDER WITH PHOTOS]...
#
# Python packages go into target/images-venv; the photos of jobs/photos are always among the compared.
set -eu
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1

venv=target/images-venv
if ! "$venv/bin/python" -c 'import cv2; assert cv2.__version__ == "4.14.0"' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet opencv-python-headless==4.14.0.94
fi

case "${1-}" in
--goldens)
    "$venv/bin/python" scripts/images_goldens.py >target/images-goldens.txt
    mv target/images-goldens.txt jobs/tests/goldens/images.txt
    ;;
*)
    cargo build --quiet --release --package unhurt-jobs --example run_in_process
    "$venv/bin/python" scripts/images_compare.py target/release/examples/run_in_process jobs/photos "$@"
    ;;
esac
