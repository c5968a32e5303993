"""Writes models/variants.json: the parameter shapes of torchvision's own models, counted, to hold the table of variants to them, and
models/regnets.json: depths, widths and parameters of RegNetY by timm's and pycls' numpy formula."""
import json
import os
from collections import Counter

import numpy as np
import torch
import torchvision.models as tv

from golden import HERE
from models import regnetShapes

# Not regnet_y_8gf: torchvision rounds its first width up to 224; the paper (and timm) has 168. Nor regnet_y_800mf: 144 for 128.
NAMES = {
    "resnet18": tv.resnet18, "resnet34": tv.resnet34, "resnet50": tv.resnet50, "resnet101": tv.resnet101, "resnet152": tv.resnet152,
    "regnety_004": tv.regnet_y_400mf, "regnety_016": tv.regnet_y_1_6gf,
    "regnety_032": tv.regnet_y_3_2gf, "regnety_160": tv.regnet_y_16gf,
    "vit_base_patch16_224": tv.vit_b_16, "vit_base_patch32_224": tv.vit_b_32,
}

# w0, wa, wm, depth, group width of the paper's table (arXiv 2003.13678, appendix), as in timm's and pycls' configurations.
REGNETY = {
    "002": (24, 36.44, 2.49, 13, 8), "004": (48, 27.89, 2.09, 16, 8), "006": (48, 32.54, 2.32, 15, 16), "008": (56, 38.84, 2.4, 14, 16),
    "016": (48, 20.71, 2.65, 27, 24), "032": (80, 42.63, 2.66, 21, 24), "040": (96, 31.41, 2.24, 22, 64), "064": (112, 33.22, 2.27, 25, 72),
    "080": (192, 76.82, 2.19, 17, 56), "120": (168, 73.36, 2.37, 19, 112), "160": (200, 106.23, 2.48, 18, 112),
}


def regnet(w0, wa, wm, depth, group):
    """timm's generate_regnet and adjust_widths_groups_comp; numpy and Python round halves to even."""
    continuous = np.arange(depth) * wa + w0
    exponents = np.round(np.log(continuous / w0) / np.log(wm))
    widths = np.round(w0 * np.power(wm, exponents) / 8) * 8
    stages, depths = np.unique(widths, return_counts=True)
    c = dict(stemWidth=32, depths=depths.tolist(), widths=[round(int(w) / group) * group for w in stages], groupWidth=group, seRatio=0.25, classes=1000)
    return dict(depths=c["depths"], widths=c["widths"], parameters=sum(int(np.prod(s)) for s in regnetShapes(c)[0].values()))


def main():
    with open(os.path.join(HERE, "models", "regnets.json"), "w") as f:
        rows = [f"  {json.dumps('regnety_' + n)}: {json.dumps(regnet(*numbers))}" for n, numbers in REGNETY.items()]
        f.write("{\n" + ",\n".join(rows) + "\n}\n")
    torch.nn.init.trunc_normal_ = torch.nn.init.normal_ = torch.nn.init.kaiming_normal_ = lambda t, *a, **k: t  # shapes only
    torch.set_default_dtype(torch.float32)
    found = {}
    for name, build in NAMES.items():
        shapes = Counter("x".join(map(str, p.shape)) for p in build().parameters())
        found[name] = dict(sorted(shapes.items()))
    with open(os.path.join(HERE, "models", "variants.json"), "w") as f:
        f.write("{\n" + ",\n".join(f"  {json.dumps(n)}: {json.dumps(s)}" for n, s in found.items()) + "\n}\n")
    torch.set_default_dtype(torch.float64)


if __name__ == "__main__":
    main()
