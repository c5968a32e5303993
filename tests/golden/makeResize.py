"""Pillow's own resize and crop, by each of its filters, of patterns that the test makes again -> resize.json."""
import base64
import json
import os
import re

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))


def pattern(width, height):
    """Bytes of a congruential generator, one state a byte: sharp edges everywhere, so that clipping happens too."""
    state, out = 1, bytearray()
    for _ in range(width * height * 3):
        state = (state * 1103515245 + 12345) % 2**31
        out.append(255 if state >> 30 else state >> 16 & 255)
    return np.frombuffer(bytes(out), np.uint8).reshape(height, width, 3)


FILTERS = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]  # in the order of Pillow's numbers
SIZES = [
    (50, 37, 35, 26, (5, 1, 24, 24)),  # shrink, crop
    (17, 13, 42, 32, (5, 0, 32, 32)),  # grow
    (300, 11, 24, 24, (0, 0, 24, 24)),  # shrink one axis 12 times, grow the other
    (20, 64, 20, 31, (2, 3, 16, 24)),  # columns stay
    (64, 20, 31, 20, (3, 2, 24, 16)),  # rows stay
    (30, 30, 30, 30, (7, 7, 16, 16)),  # crop alone
    (1, 1, 8, 8, (0, 0, 8, 8)),
]
cases = []
for number, name in enumerate(FILTERS):
    # The first three of the others: whether an axis changes at all does not depend on the filter.
    for width, height, newWidth, newHeight, box in SIZES if name == "bicubic" else SIZES[:3]:
        left, top, w, h = box
        image = Image.fromarray(pattern(width, height)).resize((newWidth, newHeight), number)
        out = image.crop((left, top, left + w, top + h)).tobytes()
        cases.append(dict(filter=name, width=width, height=height, newWidth=newWidth, newHeight=newHeight, box=box, out=base64.b64encode(out).decode()))
# The layout of the project's formatter: two spaces, short lists on one line.
text = re.sub(r"\[\s+(\d+),\s+(\d+),\s+(\d+),\s+(\d+)\s+\]", r"[\1, \2, \3, \4]", json.dumps(cases, indent=2))
with open(os.path.join(HERE, "resize.json"), "w") as f:
    f.write(text + "\n")
