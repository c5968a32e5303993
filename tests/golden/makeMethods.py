"""Writes methods/*.safetensors (F64): cross entropy, softKd, hardKd, DearKD stage I."""
import torch
import torch.nn.functional as F

from golden import Random, leaf, save
from losses import adaptivePool, crossEntropy, dearkdStageOne, logitTerm, softKd, upFactor


def finish(case, inputs, params, terms, config, features=None, extra=None):
    """inputs: name -> tensor (those that require grad get grad.<name>); params: name -> leaf."""
    named = {**{n: t for n, t in inputs.items() if t.requires_grad}, **params}
    grads = torch.autograd.grad(terms["loss"], list(named.values()), allow_unused=True)
    tensors = {"input." + n: t for n, t in inputs.items()}
    tensors.update({"param." + n: t for n, t in params.items()})
    tensors.update({"term." + n: t for n, t in terms.items() if n != "loss"})
    tensors["loss"] = terms["loss"]
    tensors.update({"grad." + n: torch.zeros_like(t) if g is None else g for (n, t), g in zip(named.items(), grads)})
    tensors.update({"feature." + n: t for n, t in (features or {}).items()})
    tensors.update(extra or {})
    save("methods", case, tensors, config, "<f8")


def mixedRows(rnd, B, K):
    """Rows as mixup makes them: two distinct classes with weights lambda > 1 - lambda, both above 0."""
    rows = torch.zeros(B, K)
    for b in range(B):
        i, j = torch.randperm(K, generator=rnd.g)[:2].tolist()
        lam = rnd.uniform(1, low=0.55, high=0.95).item()
        rows[b, i], rows[b, j] = lam, 1 - lam
    return rows


def target(rnd, kind, B, K):
    """{'labels': I64 [B]} or {'target': rows [B,K]}."""
    return {"labels": rnd.labels(K, B)} if kind == "labels" else {"target": mixedRows(rnd, B, K)}


def logits(rnd, B, K, huge, shift=0):
    z = rnd.normal(B, K, std=2)
    if huge:  # entries of 1e4 and -1e4 next to ordinary ones; another pattern for another shift
        for b in range(B):
            z[b, (b + shift) % K] = 1e4
            z[b, (b + 2 + shift) % K] = -1e4
    return z


def makeCrossEntropy():
    seed = 100
    for kind in ("labels", "mixed"):
        for name, B, huge, smoothing in (("", 4, False, 0.1), ("NoSmoothing", 4, False, 0.0), ("Huge", 4, True, 0.1), ("Batch1", 1, False, 0.1)):
            seed += 1
            rnd = Random(seed)
            x = {"logits": leaf(logits(rnd, B, 6, huge)), **target(rnd, kind, B, 6)}
            y = x.get("labels", x.get("target"))
            loss = crossEntropy(x["logits"], y, smoothing)
            assert torch.allclose(loss, F.cross_entropy(x["logits"], y, label_smoothing=smoothing), rtol=1e-13)
            finish(f"crossEntropy{kind.capitalize()}{name}", x, {}, {"loss": loss}, dict(method="crossEntropy", labelSmoothing=smoothing))


def makeBce():
    """DeiT III: every class above 0 in the mixed row is a yes; torch's own loss, mean over batch and classes."""
    seed = 140
    for kind in ("labels", "mixed"):
        for name, B, huge, smoothing in (("", 4, False, 0.0), ("Smoothing", 4, False, 0.1), ("Huge", 4, True, 0.0), ("Batch1", 1, False, 0.0)):
            seed += 1
            rnd = Random(seed)
            x = {"logits": leaf(logits(rnd, B, 6, huge)), **target(rnd, kind, B, 6)}
            rows = F.one_hot(x["labels"], 6).double() if kind == "labels" else x["target"]
            yes = rows.gt(0.0).double() * (1 - smoothing) + smoothing / 6
            loss = torch.nn.BCEWithLogitsLoss()(x["logits"], yes)
            finish(f"bce{kind.capitalize()}{name}", x, {}, {"loss": loss}, dict(method="supervised", loss="bce", labelSmoothing=smoothing))


def makeKd():
    seed = 200
    for name, tau, reduction, B, huge, kind, a, smoothing in (
        ("Tau1", 1, "mean", 4, False, "labels", 0.5, 0.0),
        ("Tau3", 3, "mean", 4, False, "mixed", 0.7, 0.1),
        ("ElementMean", 3, "kl/elementmean", 4, False, "labels", 0.5, 0.1),
        ("Huge", 1, "mean", 4, True, "labels", 0.5, 0.0),
        ("HugeTau3", 3, "mean", 4, True, "mixed", 0.5, 0.0),
        ("Batch1", 3, "mean", 1, False, "labels", 0.9, 0.0),
    ):
        seed += 1
        rnd = Random(seed)
        x = {"logits": leaf(logits(rnd, B, 6, huge)), "teacherLogits": logits(rnd, B, 6, huge, 1), **target(rnd, kind, B, 6)}
        ce = crossEntropy(x["logits"], x.get("labels", x.get("target")), smoothing)
        kd = softKd(x["logits"], x["teacherLogits"], tau, reduction)
        ref = F.kl_div((x["logits"] / tau).log_softmax(1), (x["teacherLogits"] / tau).log_softmax(1), log_target=True, reduction="batchmean") * tau**2
        assert torch.allclose(kd * (6 if reduction == "kl/elementmean" else 1), ref, rtol=1e-12)
        terms = {"ce": ce, "kd": kd, "loss": (1 - a) * ce + a * kd}
        finish("softKd" + name, x, {}, terms, dict(method="softKd", alpha=a, tau=tau, reduction=reduction, labelSmoothing=smoothing))
    for name, dist, B, huge, kind, smoothing in (
        ("Cls", False, 4, False, "labels", 0.0),
        ("Dist", True, 4, False, "labels", 0.1),
        ("DistMixed", True, 4, False, "mixed", 0.1),
        ("DistHuge", True, 4, True, "labels", 0.0),
        ("ClsBatch1", False, 1, False, "mixed", 0.1),
    ):
        seed += 1
        rnd = Random(seed)
        x = {"logits": leaf(logits(rnd, B, 6, huge))}
        if dist:
            x["distLogits"] = leaf(logits(rnd, B, 6, huge, 2))
        x["teacherLogits"] = logits(rnd, B, 6, huge, 1)
        x.update(target(rnd, kind, B, 6))
        ce = crossEntropy(x["logits"], x.get("labels", x.get("target")), smoothing)
        kd = logitTerm("hard", x["distLogits"] if dist else x["logits"], x["teacherLogits"], 1)
        finish("hardKd" + name, x, {}, {"ce": ce, "kd": kd, "loss": 0.5 * ce + 0.5 * kd}, dict(method="hardKd", alpha=0.5, distToken=dist, labelSmoothing=smoothing))


def makeBothHeads():
    """Two heads and no label loss: each head learns from the teacher at half weight."""
    for seed, how in ((251, "soft"), (252, "hard")):
        rnd = Random(seed)
        x = {"logits": leaf(logits(rnd, 4, 6, False)), "distLogits": leaf(logits(rnd, 4, 6, False)), "teacherLogits": logits(rnd, 4, 6, False)}
        log = lambda z: (z / 2).log_softmax(1)
        t = x["teacherLogits"]
        one = lambda z: 4 * F.kl_div(log(z), log(t), log_target=True, reduction="batchmean") if how == "soft" else F.cross_entropy(z, t.argmax(1))
        cls, dist = one(x["logits"]), one(x["distLogits"])
        finish(how + "KdBothHeads", x, {}, {"kd": cls, "kdDist": dist, "loss": (cls + dist) / 2}, dict(method=how + "Kd", alpha=1, tau=2, reduction="mean", labelSmoothing=0.0, distToken=True))


def dearCase(case, seed, pairs, B=3, D=6, K=5, kind="labels", **changes):
    """pairs: list of (grid, (C, h, w))."""
    c = dict(method="dearkd", a=0.5, b=2.0, tau=3, logitKd="hard", standardise=True, distToken=False, labelSmoothing=0.0, **{})
    c.update(changes)
    c["pairs"] = [dict(grid=list(g), channels=m[0], mapSize=list(m[1:]), up=upFactor(g, m[1:])) for g, m in pairs]
    for attempt in range(500):  # a seed whose ReLU decisions are all clear
        rnd = Random(seed + 1000 * attempt)
        x = {"logits": leaf(logits(rnd, B, K, False))}
        if c["distToken"]:
            x["distLogits"] = leaf(logits(rnd, B, K, False))
        x["teacherLogits"] = logits(rnd, B, K, False)
        x.update(target(rnd, kind, B, K))
        w, prefix = {}, 2 if c["distToken"] else 1
        for k, (g, m) in enumerate(pairs):
            x[f"tokens.{k}"] = leaf(rnd.normal(B, prefix + g[0] * g[1], D))
            x[f"maps.{k}"] = rnd.normal(B, *m, std=1.5).relu()
            p, u = f"aligner.{k}.", upFactor(g, m[1:])
            w[p + "norm.weight"], w[p + "norm.bias"] = rnd.normal(D, std=0.2, mean=1), rnd.normal(D, std=0.2)
            if u > 1:
                w[p + "up.weight"] = rnd.normal(D, 1, u, u, std=0.7)
            w[p + "conv.weight"] = rnd.normal(m[0], D, 1, 1, std=D**-0.5)
            w[p + "bn.weight"], w[p + "bn.bias"] = rnd.normal(m[0], std=0.2, mean=1), rnd.normal(m[0], std=0.2)
        w = {n: leaf(t) for n, t in w.items()}
        buffers, margins = {}, []
        terms, feats = dearkdStageOne(c, {**x, "target": x.get("labels", x.get("target"))}, w, buffers, margins)
        if min(margins) > 1e-4:
            break
    else:
        raise SystemExit("no clear seed for " + case)
    inputs = {n: t for n, t in x.items()}
    finish(case, inputs, w, terms, c, feats, {"bufferAfter." + n: t for n, t in buffers.items()})


def makeDearkd():
    two = [((3, 3), (5, 6, 6)), ((3, 3), (4, 3, 3))]  # u = 2, u = 1
    dearCase("dearkdHard", 301, two)
    dearCase("dearkdSoft", 302, two, logitKd="soft", labelSmoothing=0.1, kind="mixed")
    dearCase("dearkdNone", 303, two, logitKd="none", standardise=False)
    dearCase("dearkdSmallerMap", 304, [((4, 4), (5, 2, 2)), ((4, 4), (3, 3, 3))])
    dearCase("dearkdNonInteger", 305, [((3, 3), (4, 5, 5)), ((3, 3), (3, 7, 7))])
    dearCase("dearkdDist", 306, two, distToken=True, labelSmoothing=0.1)
    dearCase("dearkdDistSoft", 307, [((2, 2), (3, 8, 8))], distToken=True, logitKd="soft", kind="mixed", B=2)
    dearCase("dearkdOddGrid", 308, [((2, 3), (4, 4, 6)), ((2, 3), (3, 3, 5))], B=2)


def checkPool():
    x = Random(1).normal(2, 3, 6, 7)
    for s in ((5, 5), (3, 3), (6, 4), (1, 2)):
        assert torch.allclose(adaptivePool(x, *s), F.adaptive_avg_pool2d(x, s), atol=1e-13)


if __name__ == "__main__":
    checkPool()
    makeCrossEntropy()
    makeBce()
    makeKd()
    makeDearkd()
    makeBothHeads()
