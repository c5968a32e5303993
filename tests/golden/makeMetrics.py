"""Writes metrics.json: confusion, class scores, macro-F1 and ECE from NumPy, written from their definitions and not from the TypeScript."""
import json
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def case(seed, images, K, sharp):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(images, K)) * sharp
    y = rng.integers(0, K - 1, images)  # the last class has no image, but decisions
    z[np.arange(images), y] += rng.normal(size=images) * sharp
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    d, conf = p.argmax(1), p.max(1)
    C = np.zeros((K, K), int)
    np.add.at(C, (y, d), 1)
    tp, rows, cols = np.diag(C), C.sum(1), C.sum(0)
    seen = (rows + cols) > 0
    recall = np.divide(tp, rows, out=np.zeros(K), where=rows > 0)
    precision = np.divide(tp, cols, out=np.zeros(K), where=cols > 0)
    f1 = np.divide(2 * precision * recall, precision + recall, out=np.zeros(K), where=precision + recall > 0)
    edges, ece = np.linspace(0, 1, 16), 0.0
    for lo, hi in zip(edges[:-1], edges[1:]):
        m = (conf > lo) & (conf <= hi)
        if m.any():
            ece += m.mean() * abs((d[m] == y[m]).mean() - conf[m].mean())
    top5 = (np.argsort(-z, 1)[:, :5] == y[:, None]).any(1).mean()
    return dict(logits=[[float(v) for v in r] for r in np.float32(z)], labels=y.tolist(), decisions=d.tolist(), confidences=conf.tolist(), confusion=C.tolist(), recall=recall.tolist(), precision=precision.tolist(), f1=f1.tolist(), macroF1=float(f1[seen].mean()), ece=float(ece), top1=float((d == y).mean()), top5=float(top5))


if __name__ == "__main__":
    with open(os.path.join(HERE, "metrics.json"), "w") as f:
        json.dump([case(1, 60, 7, 1.5), case(2, 40, 3, 4.0)], f)
