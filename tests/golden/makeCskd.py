"""Writes methods/cskd*.safetensors (F64): CSKD's loss on the answers of a teacher at its places and of a student at its patches.

Written from shared/methods/features.md, part B, with torch's own adaptive_avg_pool2d, cross entropy and KL divergence, channels first.
"""
import math

import torch.nn.functional as F

from golden import Random, leaf
from makeMethods import finish, logits, target

FADE = {
    "linear": lambda x: 1 - x,
    "quadratic": lambda x: (1 - x) ** 2,
    "cosine": lambda x: math.cos(math.pi * x / 2),
    "none": lambda x: 1.0,
    "globalOnly": lambda x: 0.0,
}


def patchLoss(c, x):
    r = FADE[c["fuse"]](c["epoch"] / c["epochs"])
    p = x["placeLogits"].permute(0, 3, 1, 2)
    aim = r * p + (1 - r) * x["teacherLogits"][:, :, None, None]
    q = F.adaptive_avg_pool2d(x["patchDistLogits"].permute(0, 3, 1, 2), p.shape[2:])
    if c["kind"] == "hard":
        return F.cross_entropy(q, aim.argmax(1))
    whole = c["tau"] ** 2 * F.kl_div((q / c["tau"]).log_softmax(1), (aim / c["tau"]).softmax(1), reduction="sum")
    return whole / len(q) / (1 if c["reduce"] == "reference" else p.shape[2] * p.shape[3])


def case(name, seed, B=3, K=5, patches=(4, 4), places=(2, 2), kind="mixed", of="hard", **changes):
    c = dict(method="cskd", kind=of, tau=1, reduce="place", fuse="linear", epoch=3, epochs=10, weight=1, alpha=0.5, labelSmoothing=0.1)
    c.update(changes)
    rnd = Random(seed)
    x = {"logits": leaf(logits(rnd, B, K, False)), "distLogits": leaf(logits(rnd, B, K, False))}
    x["patchDistLogits"] = leaf(rnd.normal(B, *patches, K, std=2.0))
    x["placeLogits"] = rnd.normal(B, *places, K, std=3.0)
    # As a linear classifier behind an average pooling has it, up to the rounding to float32.
    x["teacherLogits"] = x["placeLogits"].mean((1, 2)).float().double()
    x.update(target(rnd, kind, B, K))
    terms = {"patches": patchLoss(c, x), "kd": F.cross_entropy(x["distLogits"], x["teacherLogits"].argmax(1))}
    terms["ce"] = F.cross_entropy(x["logits"], x.get("labels", x.get("target")), label_smoothing=c["labelSmoothing"])
    terms["loss"] = (1 - c["alpha"]) * terms["ce"] + c["alpha"] * terms["kd"] + c["weight"] * terms["patches"]
    finish(name, x, {}, terms, c)


if __name__ == "__main__":
    case("cskd", 901)
    case("cskdUneven", 902, kind="labels", patches=(5, 7), places=(2, 3), alpha=0.3, weight=2)
    case("cskdSoft", 903, of="soft", fuse="quadratic", tau=2, patches=(6, 6), places=(3, 3))
    case("cskdReference", 904, of="soft", fuse="cosine", reduce="reference", epoch=7)
    case("cskdNone", 905, fuse="none", patches=(3, 3), places=(3, 3))
    case("cskdGlobal", 906, of="soft", fuse="globalOnly", patches=(3, 4), places=(1, 2))
    case("cskdFirst", 907, of="soft", epoch=0)
    case("cskdLast", 908, of="soft", epoch=9)
    case("cskdBatch1", 909, B=1)
