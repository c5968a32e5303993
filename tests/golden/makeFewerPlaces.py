"""Writes models/vit{PatchDropout,Smaller}*.safetensors: a ViT that sees some of its patches (PatchDropout) or a smaller image."""
import torch
import torch.nn.functional as F

from golden import Random, leaf
from makeModels import VIT, finish, vitParams
from models import vitForward


def case(name, seed, keep=None, size=None, batch=3, **changes):
    """`keep`: so many patches of each image; `size`: side of the pixels, other than the model's own."""
    c = dict(VIT, **changes)
    rnd = Random(seed)
    w = {n: leaf(t) for n, t in vitParams(c, rnd).items()}
    size = size or c["imageSize"]
    pixels, labels = rnd.normal(batch, 3, size, size), rnd.labels(c["classes"], batch)
    tensors = {"input.pixels": pixels, "input.labels": labels}
    kept = None
    if keep:
        patches = (size // c["patchSize"]) ** 2
        kept = rnd.normal(batch, patches).argsort(1)[:, :keep].sort(1).values
        tensors["input.patchMask"] = torch.zeros(batch, patches, dtype=torch.float64).scatter_(1, kept, 1.0)
    out = vitForward(c, w, pixels, kept=kept)
    loss = F.cross_entropy(out["logits"], labels)
    if "distLogits" in out:
        loss = loss + 0.5 * F.cross_entropy(out["distLogits"], (labels + 1) % c["classes"])
    finish(name, tensors, w, out, loss, dict(c, model="vit", train=True))


def main():
    case("vitPatchDropout", 41, keep=8, patchDropout=0.5)
    case("vitPatchDropoutDist", 42, keep=4, patchDropout=0.75, distToken=True, layerScale=1e-4)
    case("vitPatchDropoutMean", 43, keep=11, patchDropout=0.3, classToken=False, pool="mean")
    case("vitSmaller", 44, size=12)
    case("vitSmallerThinned", 45, size=8, keep=2, patchDropout=0.5, posEmbedOnPatchesOnly=True)


if __name__ == "__main__":
    main()
