"""Writes methods/{nkd,dkd,uskd}*.safetensors (F64)."""
import torch

from golden import Random, leaf
from losses import crossEntropy, dkd, nkd, uskd
from makeMethods import finish, logits, target


def clear(values, gap):
    """True when no two entries of a row are closer than gap (relative): the order is the same in float32."""
    v = values.sort(1).values
    return bool(((v[:, 1:] - v[:, :-1]) > gap * v[:, 1:].abs()).all())


def makeNkd():
    seed = 500
    for name, B, huge, kind, gamma, temp in (
        ("", 4, False, "labels", 1, 1),
        ("Mixed", 4, False, "mixed", 1, 1),
        ("Cifar", 4, False, "labels", 3.5, 3),
        ("Huge", 4, True, "labels", 1.5, 1),
        ("HugeMixed", 4, True, "mixed", 1, 2),
        ("Batch1", 1, False, "mixed", 1.5, 1),
    ):
        seed += 1
        rnd = Random(seed)
        x = {"logits": leaf(logits(rnd, B, 6, huge)), "teacherLogits": logits(rnd, B, 6, huge, 1), **target(rnd, kind, B, 6)}
        terms = nkd(x["logits"], x["teacherLogits"], x.get("labels", x.get("target")), gamma, temp)
        finish("nkd" + name, x, {}, dict(terms, loss=terms["nkd"]), dict(method="nkd", gamma=gamma, temp=temp))
    for name, B, K, huge, alpha, beta, temp in (("", 4, 6, False, 1, 8, 4), ("Temp1", 4, 6, False, 0.5, 2, 1), ("Huge", 4, 6, True, 1, 1, 1), ("Batch1", 1, 6, False, 1, 8, 4), ("TwoClasses", 4, 2, False, 1, 8, 4)):
        seed += 1
        rnd = Random(seed)
        x = {"logits": leaf(logits(rnd, B, K, huge)), "teacherLogits": logits(rnd, B, K, huge, 1), **target(rnd, "labels", B, K)}
        terms = dkd(x["logits"], x["teacherLogits"], x["labels"], alpha, beta, temp)
        finish("dkd" + name, x, {}, dict(terms, loss=terms["dkd"]), dict(method="dkd", alpha=alpha, beta=beta, temp=temp))


def makeUskd():
    B0, K, D = 4, 6, 5
    for seed, (name, B, huge, kind, alpha, beta, mu) in enumerate(
        (
            ("Labels", B0, False, "labels", 1, 0.1, 0.005),
            ("Mixed", B0, False, "mixed", 1, 0.1, 0.005),
            ("Cifar", B0, False, "labels", 0.1, 0.1, 0.1),
            ("Huge", B0, True, "mixed", 1, 0.1, 0.005),
            ("Batch1", 1, False, "mixed", 1, 0.1, 0.005),
            ("LabelsBatch1", 1, False, "labels", 1, 0.1, 0.005),
        ),
        600,
    ):
        for attempt in range(500):  # a seed whose ranking is clear
            rnd = Random(seed + 1000 * attempt)
            x = {"logits": leaf(logits(rnd, B, K, huge)), "mid": leaf(rnd.normal(B, D)), **target(rnd, kind, B, K)}
            w = {"fc.weight": leaf(rnd.normal(K, D, std=0.5)), "fc.bias": leaf(rnd.normal(K, std=0.2))}
            y = x.get("labels", x.get("target"))
            terms, details = uskd(x["logits"], x["mid"], y, w["fc.weight"], w["fc.bias"], alpha, beta, mu)
            if clear(details["rankScore"], 1e-3):
                break
        else:
            raise SystemExit("no clear seed")
        ce = crossEntropy(x["logits"], y)
        finish("uskd" + name, x, w, dict(terms, ce=ce, loss=terms["uskd"] + ce), dict(method="uskd", alpha=alpha, beta=beta, mu=mu), details)


def selfCheck():
    """NKD's and DKD's plain definitions by probabilities, at mild logits."""
    rnd = Random(1)
    s, t, y = rnd.normal(4, 6), rnd.normal(4, 6), rnd.labels(6, 4)
    want = {"n": 0.0, "tckd": 0.0, "nckd": 0.0}
    for b in range(4):
        S, T, k = (s[b] / 2).softmax(0), (t[b] / 2).softmax(0), y[b].item()
        rest = [i for i in range(6) if i != k]
        sh, th = S[rest] / S[rest].sum(), T[rest] / T[rest].sum()
        want["n"] += -3 * 4 * (th * sh.log()).sum() / 4
        want["tckd"] += 4 * (T[k] * (T[k] / S[k]).log() + (1 - T[k]) * ((1 - T[k]) / (1 - S[k])).log()) / 4
        want["nckd"] += 4 * (th * (th / sh).log()).sum() / 4
    a, d = nkd(s, t, y, 3, 2), dkd(s, t, y, 1, 8, 2)
    assert abs(a["nonTarget"] - want["n"]) < 1e-12 and abs(d["tckd"] - want["tckd"]) < 1e-12 and abs(d["nckd"] - want["nckd"]) < 1e-12
    try:
        dkd(s, t, s.softmax(1), 1, 8, 2)
        raise SystemExit("DKD took mixed labels")
    except ValueError:
        pass


if __name__ == "__main__":
    selfCheck()
    makeNkd()
    makeUskd()
