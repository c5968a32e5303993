"""Writes multilabel.json: torch's losses on rows of several classes with their gradients, and mAP and F1 from NumPy.

Average precision is written from the definition in scikit-learn's manual, sum_n (R_n - R_(n-1)) P_n over the distinct scores,
as a count over all thresholds: no sorting, and nothing taken from the TypeScript.
"""
import json
import os

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))


def loss(seed, kind, B, K, scale, smoothing=0.0, tau=1.0):
    """bce: BCEWithLogitsLoss with rows of 0 and 1, or rows mixed 0.7 to 0.3; kd: tau^2 KL of the two-sided probabilities."""
    rng = np.random.default_rng(seed)
    z = torch.tensor(np.float32(rng.normal(size=(B, K)) * scale), dtype=torch.float64, requires_grad=True)
    rows = torch.tensor(np.float32(rng.random((B, K)) < 0.4), dtype=torch.float64)
    if kind == "mixed":
        rows = torch.tensor(np.float32((0.7 * rows + 0.3 * rows.flip(0)).numpy()), dtype=torch.float64)
    teacher = torch.tensor(np.float32(rng.normal(size=(B, K)) * scale), dtype=torch.float64)
    if kind == "kd":
        p = torch.distributions.Bernoulli(logits=teacher / tau)
        value = tau**2 * torch.distributions.kl_divergence(p, torch.distributions.Bernoulli(logits=z / tau)).mean()
    else:
        value = torch.nn.BCEWithLogitsLoss()(z, (1 - smoothing) * rows + smoothing / 2)
    (gradient,) = torch.autograd.grad(value, z)
    return dict(kind=kind, shape=[B, K], smoothing=smoothing, tau=tau, logits=z.flatten().tolist(), targets=rows.flatten().tolist(), teacher=teacher.flatten().tolist(), loss=value.item(), gradient=gradient.flatten().tolist())


def averagePrecision(scores, y):
    """Every distinct score is a threshold, from the highest down."""
    total, before = 0.0, 0.0
    for threshold in np.unique(scores)[::-1]:
        taken = scores >= threshold
        precision, recall = y[taken].mean(), y[taken].sum() / y.sum()
        total += (recall - before) * precision
        before = recall
    return total


def metrics(seed, images, K, levels, rare):
    """`levels` distinct scores make many ties; the last class has no image."""
    rng = np.random.default_rng(seed)
    y = (rng.random((images, K)) < np.linspace(0.6, rare, K)).astype(int)
    y[0] = 0
    y[:, K - 1] = 0
    z = np.float32(np.round((rng.normal(size=(images, K)) + 1.2 * y - 0.5) * levels) / levels)
    yes = z > 0
    tp, fp, fn = (yes & (y == 1)).sum(0), (yes & (y == 0)).sum(0), (~yes & (y == 1)).sum(0)
    f1 = np.divide(2 * tp, 2 * tp + fp + fn, out=np.zeros(K), where=2 * tp + fp + fn > 0)
    ap = [averagePrecision(z[:, k], y[:, k]) if y[:, k].any() else None for k in range(K)]
    bce = F.binary_cross_entropy_with_logits(torch.tensor(z, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)).item()
    return dict(logits=z.tolist(), labels=[np.flatnonzero(row).tolist() for row in y], ap=ap, map=float(np.mean([a for a in ap if a is not None])), f1=f1.tolist(), macroF1=float(f1[(tp + fp + fn) > 0].mean()), microF1=float(2 * tp.sum() / (2 * tp.sum() + fp.sum() + fn.sum())), loss=bce)


if __name__ == "__main__":
    losses = [loss(1, "rows", 4, 6, 2), loss(2, "mixed", 4, 6, 2), loss(3, "mixed", 4, 6, 2, smoothing=0.1), loss(4, "rows", 3, 5, 300), loss(5, "mixed", 1, 5, 2), loss(6, "kd", 4, 6, 2), loss(7, "kd", 4, 6, 3, tau=2.5), loss(8, "kd", 2, 3, 20)]
    with open(os.path.join(HERE, "multilabel.json"), "w") as f:
        json.dump(dict(losses=losses, metrics=[metrics(11, 60, 7, 1000, 0.05), metrics(12, 50, 5, 2, 0.2), metrics(13, 40, 4, 4, 0.02)]), f)
