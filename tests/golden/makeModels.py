"""Writes models/*.safetensors: forward, features, loss and gradients of the reference ViT and ResNet."""
import torch
import torch.nn.functional as F

from golden import Random, leaf, save
from models import regnetForward, regnetShapes, resnetForward, resnetShapes, vitForward, vitShapes

VIT = dict(imageSize=16, patchSize=4, width=12, depth=3, heads=3, mlpRatio=4, classes=5, distToken=False, layerScale=None, dropPath=0, posEmbedOnPatchesOnly=False, mhca=None)


def vitParams(c, rnd):
    w = {}
    for name, shape in vitShapes(c).items():
        if name.endswith("pos_proj.weight"):  # a ConViT-like start with another centre for each head, plus noise
            centres = torch.tensor([[-1.0, 2.0 * ((h % 3) - 1), 2.0 * ((h + 1) % 3 - 1)] for h in range(shape[0])])
            w[name] = (0.5 * c["mhca"]["locality"] * centres + rnd.normal(*shape, std=0.2)).float().double()
        elif name.endswith("gating_param"):
            w[name] = rnd.normal(*shape, std=0.5, mean=1.0)
        elif ".norm" in name or name.startswith(("norm.", "fc_norm.")):
            w[name] = rnd.normal(*shape, std=0.2, mean=1.0 if name.endswith("weight") else 0.0)
        elif name.endswith("gamma"):
            w[name] = rnd.normal(*shape, std=0.5, mean=0.5)
        elif name.endswith("bias"):
            w[name] = rnd.normal(*shape, std=0.2)
        elif name.endswith("weight"):
            fan = 1
            for n in shape[1:]:
                fan *= n
            w[name] = rnd.normal(*shape, std=1.5 * fan**-0.5)
        else:  # tokens and position embeddings
            w[name] = rnd.normal(*shape, std=0.5)
    return w


def vitCase(case, seed, train, batch=3, **changes):
    c = dict(VIT, **changes)
    rnd = Random(seed)
    w = {n: leaf(t) for n, t in vitParams(c, rnd).items()}
    B, K, H, Np = batch, max(1, c["classes"]), c["heads"], (c["imageSize"] // c["patchSize"]) ** 2
    pixels, labels = rnd.normal(B, 3, c["imageSize"], c["imageSize"]), rnd.labels(K, B)
    tensors = {"input.pixels": pixels, "input.labels": labels}
    dropPath = posMask = None
    if train and c["dropPath"] > 0:
        dropPath = {}
        for i in range(c["depth"]):
            for which in ("attn", "mlp"):
                m = torch.ones(B)
                first = i == 0 and c.get("dropPathForm") != "constant"  # its rate is 0; the others drop some samples, not all
                while not first and (m.sum() in (0, B)):
                    m = rnd.keep(B, drop=0.4)
                dropPath[(i, which)] = tensors[f"input.dropPath.{i}.{which}"] = m
    if train and c["mhca"]:
        posMask = {}
        for i in range(c["mhca"]["layers"]):
            posMask[i] = tensors[f"input.posMask.{i}"] = rnd.keep(B, H, Np, Np, drop=c["mhca"]["dropout"])
            posMask[i][0, 0, 0] = 0  # one row with nothing left of the positional part
    out = vitForward(c, w, pixels, dropPath, posMask)
    # Without a classifier: the pooled features as if they were logits, as the tests do too.
    loss = F.cross_entropy(out["logits"] if c["classes"] else out["pooled"], labels)
    if "distLogits" in out:
        loss = loss + 0.5 * F.cross_entropy(out["distLogits"], (labels + 1) % K)
    finish(case, tensors, w, out, loss, dict(c, model="vit", train=train))


def finish(case, tensors, w, out, loss, config):
    grads = torch.autograd.grad(loss, list(w.values()))
    tensors.update({"param." + n: t for n, t in w.items()})
    tensors.update({"feature." + n: t for n, t in out.items()})
    tensors["loss"] = loss
    tensors.update({"grad." + n: g for n, g in zip(w, grads)})
    save("models", case, tensors, config)


def convCase(case, seed, train, batch, model, **c):
    shapesOf, forward = (resnetShapes, resnetForward) if model == "resnet" else (regnetShapes, regnetForward)
    for attempt in range(200):  # a seed whose ReLU and max-pool decisions are all clear, so float32 takes the same ones
        rnd = Random(seed + 1000 * attempt)
        shapes, norms = shapesOf(c)
        w = {}
        for name, shape in shapes.items():
            stem = name.rsplit(".", 1)[0]
            if stem in norms:
                w[name] = leaf(rnd.normal(*shape, std=0.2, mean=1.0 if name.endswith("weight") else 0.1))
            elif len(shape) == 1:
                w[name] = leaf(rnd.normal(*shape, std=0.2))
            else:
                fan = 1
                for n in shape[1:]:
                    fan *= n
                w[name] = leaf(rnd.normal(*shape, std=(2 / fan) ** 0.5))
        buffers = {}
        for n, k in norms.items():
            buffers[n + ".running_mean"] = rnd.normal(k, std=0.3)
            buffers[n + ".running_var"] = rnd.uniform(k, low=0.5, high=2.0)
        pixels, labels = rnd.normal(batch, 3, c["imageSize"], c["imageSize"]), rnd.labels(c["classes"], batch)
        tensors = {"input.pixels": pixels, "input.labels": labels}
        tensors.update({"buffer." + n: t.clone() for n, t in buffers.items()})
        margins = []
        out = forward(c, w, buffers, pixels, train, margins)
        if min(margins) > 2e-5:
            break
    else:
        raise SystemExit("no clear seed for " + case)
    if train:
        tensors.update({"bufferAfter." + n: t for n, t in buffers.items()})
    loss = F.cross_entropy(out["logits"], labels)
    finish(case, tensors, w, out, loss, dict(c, model=model, train=train))


def main():
    def mhca(combine):
        return dict(layers=2, combine=combine, dropout=0.25, locality=1)

    vitCase("vitPlain", 1, False)
    vitCase("vitDistilled", 2, True, distToken=True, layerScale=1e-4, dropPath=0.3)
    vitCase("vitDeit3", 3, False, posEmbedOnPatchesOnly=True, layerScale=1e-4)
    vitCase("vitDeit3Train", 15, True, posEmbedOnPatchesOnly=True, layerScale=1e-4, dropPath=0.3, dropPathForm="constant")
    vitCase("vitMhcaSum", 4, True, mhca=mhca("sum"))
    vitCase("vitMhcaLogits", 5, True, mhca=mhca("logits"))
    vitCase("vitMhcaGated", 6, True, mhca=mhca("gated"))
    vitCase("vitMhcaSumEval", 7, False, mhca=mhca("sum"))
    vitCase("vitMhcaLogitsEval", 8, False, batch=2, mhca=mhca("logits"))
    vitCase("vitMhcaGatedEval", 9, False, batch=2, mhca=mhca("gated"))
    vitCase("vitMhcaSumDist", 10, True, batch=2, distToken=True, layerScale=1e-4, dropPath=0.3, mhca=mhca("sum"))
    vitCase("vitMeanPool", 11, False, classToken=False, pool="mean", normEpsilon=1e-3)
    vitCase("vitPoolNorm", 12, True, batch=2, pool="mean", poolNorm=True, qkvBias=False, layerScale=1e-4)
    vitCase("vitNoHead", 13, False, batch=2, classes=0, distToken=True)
    vitCase("vitOneHead", 14, False, batch=2, distToken=True, distHead=False, patchSize=8)
    small = dict(stem="small", block="basic", depths=[1, 1, 1], widths=[4, 8, 12], classes=5, imageSize=12)
    convCase("resnetSmallTrain", 20, True, 4, "resnet", **small)
    convCase("resnetSmallEval", 21, False, 4, "resnet", **small)
    convCase("resnetBottleneckTrain", 22, True, 2, "resnet", stem="imagenet", block="bottleneck", depths=[1, 2, 1, 1], widths=[4, 4, 8, 8], classes=5, imageSize=64)
    tiny = dict(stemWidth=6, depths=[1, 2, 1, 1], widths=[6, 8, 12, 12], groupWidth=2, seRatio=0.25, classes=5)
    convCase("regnetTrain", 23, True, 2, "regnet", imageSize=48, **tiny)
    convCase("regnetEval", 24, False, 2, "regnet", imageSize=32, **tiny)


if __name__ == "__main__":
    main()
