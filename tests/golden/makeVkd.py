"""Writes methods/vkd*.safetensors and optim/orthonormal*.safetensors (F64): VkD's loss, and an orthonormal matrix under AdamW.

Written from shared/methods/features.md, part A, with torch's own smooth L1, layer_norm, KL and cross entropy; whitening by the
eigenvectors of the covariance of the channels; the nearest orthonormal matrix by the singular value decomposition.
"""
import torch
import torch.nn.functional as F

from golden import Random, leaf, save
from makeMethods import finish, logits, target


def orthonormal(rnd, rows, columns):
    """Exact in float32, so orthonormal to 1e-7."""
    q, _ = torch.linalg.qr(rnd.normal(max(rows, columns), min(rows, columns)))
    return (q if rows >= columns else q.T).float().double()


def standardised(x):
    mean = x.mean(0, keepdim=True)
    return (x - mean) / (x.var(0, keepdim=True, unbiased=False) + 1e-5).sqrt()


def whitened(x, eps):
    c = x - x.mean(0, keepdim=True)
    values, vectors = torch.linalg.eigh((1 - eps) * c.T @ c / len(x) + eps * torch.eye(x.shape[1]))
    return c @ vectors @ torch.diag(values**-0.5) @ vectors.T


def vkdLoss(c, x, w):
    z = x["norm"][:, c["prefix"] :].mean(1)
    p, t = F.linear(z, w["projector.weight"]), x["pooled"]
    if c["normalise"] == "teacherLN":
        t = F.layer_norm(t, t.shape[1:], eps=1e-5)
    elif c["normalise"] == "bothBatch":
        p, t = standardised(p * w["scale.weight"] + w["scale.bias"]), standardised(t)
    elif c["normalise"] == "whiten":
        t = whitened(t, c["whitenEpsilon"])
    return F.smooth_l1_loss(p, t, beta=1.0)


def case(name, seed, B=4, Ds=5, Dt=9, K=6, N=6, prefix=2, kind="mixed", std=2.0, **changes):
    c = dict(method="vkd", normalise="teacherLN", whitenEpsilon=0.01, projector="orthogonal", distToken=True, featureWeight=1, kdWeight=1, tau=1, labelSmoothing=0.1, prefix=prefix, grid=[2, N // 2])
    c.update(changes)
    rnd = Random(seed)
    x = {"logits": leaf(logits(rnd, B, K, False))}
    if c["distToken"]:
        x["distLogits"] = leaf(logits(rnd, B, K, False))
    x["norm"] = leaf(rnd.normal(B, prefix + N, Ds, std=2.0))
    x["teacherLogits"], x["pooled"] = logits(rnd, B, K, False), rnd.normal(B, Dt, std=std).relu()
    x.update(target(rnd, kind, B, K))
    w = {"projector.weight": orthonormal(rnd, Dt, Ds)}
    if c["normalise"] == "bothBatch":
        w["scale.weight"], w["scale.bias"] = rnd.normal(Dt, std=0.3, mean=1), rnd.normal(Dt, std=0.3)
    trained = {n: leaf(t) for n, t in w.items() if n != "projector.weight" or c["projector"] != "fixed"}
    terms = {"feature": vkdLoss(c, x, {**w, **trained})}
    head = x["distLogits"] if c["distToken"] else x["logits"]
    terms["kd"] = c["tau"] ** 2 * F.kl_div((head / c["tau"]).log_softmax(1), (x["teacherLogits"] / c["tau"]).softmax(1), reduction="batchmean")
    y = x.get("labels", x.get("target"))
    terms["ce"] = F.cross_entropy(x["logits"], y, label_smoothing=c["labelSmoothing"])
    terms["loss"] = terms["ce"] + c["kdWeight"] * terms["kd"] + c["featureWeight"] * terms["feature"]
    held = {"param." + n: t for n, t in w.items() if n not in trained}
    finish(name, x, trained, terms, c, extra=held)


def makeLosses():
    case("vkd", 801)
    case("vkdLabels", 802, kind="labels", distToken=False, prefix=1)
    case("vkdTau", 803, tau=2, kdWeight=0.5, featureWeight=4)
    case("vkdBothBatch", 804, normalise="bothBatch", featureWeight=4)
    case("vkdWhiten", 805, normalise="whiten")
    case("vkdWhitenTall", 806, normalise="whiten", B=8, Ds=3, Dt=4)  # more images than channels
    case("vkdNone", 807, normalise="none")
    case("vkdFixed", 808, projector="fixed")
    case("vkdFree", 809, projector="free")
    case("vkdWide", 810, Ds=9, Dt=5)
    case("vkdBatch1", 811, B=1)


def makeOptim():
    """torch's AdamW without decay; what it moves, less W sym(W^T U), and then the nearest orthonormal matrix: the polar factor."""
    for name, rows, columns in (("", 7, 4), ("Wide", 3, 5)):
        rnd = Random(820 + rows)
        w = orthonormal(rnd, rows, columns)
        grads, steps, lr = rnd.normal(5, rows, columns), [], 0.02
        p = w.clone().requires_grad_(True)
        opt = torch.optim.AdamW([p], lr=lr, weight_decay=0.0)
        for g in grads:
            before = p.detach().clone()
            p.grad = g.clone()
            opt.step()
            u = p.detach() - before
            tall, move = (before, u) if rows >= columns else (before.T, u.T)
            along = tall.T @ move
            left, _, right = torch.linalg.svd(tall + move - tall @ ((along + along.T) / 2), full_matrices=False)
            polar = left @ right
            with torch.no_grad():
                p.copy_(polar if rows >= columns else polar.T)
            steps.append(p.detach().clone())
        t = {"input.param": w, "input.grads": grads, "output.param": torch.stack(steps)}
        save("optim", "orthonormal" + name, t, dict(method="orthonormal", lr=lr, steps=len(steps)), "<f8")


if __name__ == "__main__":
    makeLosses()
    makeOptim()
