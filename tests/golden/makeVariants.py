"""Writes models/variants.json: the parameter shapes of torchvision's own models, counted, to hold the table of variants to them."""
import json
import os
from collections import Counter

import torch
import torchvision.models as tv

from golden import HERE

# Not regnet_y_8gf: torchvision rounds its first width up to 224; the paper (and timm) has 168.
NAMES = {
    "resnet18": tv.resnet18, "resnet34": tv.resnet34, "resnet50": tv.resnet50, "resnet101": tv.resnet101, "resnet152": tv.resnet152,
    "regnety_004": tv.regnet_y_400mf, "regnety_008": tv.regnet_y_800mf, "regnety_016": tv.regnet_y_1_6gf,
    "regnety_032": tv.regnet_y_3_2gf, "regnety_160": tv.regnet_y_16gf,
    "vit_base_patch16_224": tv.vit_b_16, "vit_base_patch32_224": tv.vit_b_32,
}


def main():
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
