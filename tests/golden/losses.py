"""Reference losses, float64: cross entropy, soft and hard distillation, DearKD's stage I; NKD, DKD, USKD, ViTKD.

Written from shared/methods/{dearkd,deit,vitkd}.md. Every function returns the terms by name; 'loss' is their total.
"""
import math

import torch
import torch.nn.functional as F


def crossEntropy(logits, target, smoothing=0.0):
    """target: integer labels [B] or rows [B,K]. torch's definition: rows become (1 - s) y + s / K. Mean over the batch."""
    K = logits.shape[1]
    rows = F.one_hot(target, K).to(logits.dtype) if target.dim() == 1 else target
    rows = (1 - smoothing) * rows + smoothing / K
    return -(rows * logits.log_softmax(1)).sum(1).mean()


def kl(teacher, student, tau=1.0):
    """KL(softmax(teacher / tau) || softmax(student / tau)) for each sample."""
    t, s = (teacher / tau).log_softmax(1), (student / tau).log_softmax(1)
    return (t.exp() * (t - s)).sum(1)


def softKd(student, teacher, tau, reduction):
    v = tau**2 * kl(teacher, student, tau).mean()
    return v / student.shape[1] if reduction == "kl/elementmean" else v


def logitTerm(kind, z, teacher, tau):
    return crossEntropy(z, teacher.argmax(1)) if kind == "hard" else softKd(z, teacher, tau, "mean")


def adaptivePool(x, h, w):
    """torch's adaptive_avg_pool2d: output cell i averages rows floor(i H / h) .. ceil((i + 1) H / h) - 1. Spelled out on purpose."""
    H, W = x.shape[2:]
    rows = []
    for i in range(h):
        a, b = (i * H) // h, -((-(i + 1) * H) // h)
        rows.append(torch.stack([x[:, :, a:b, (j * W) // w : -((-(j + 1) * W) // w)].mean((2, 3)) for j in range(w)], -1))
    return torch.stack(rows, -2)


def standardise(x, eps=1e-5):
    mean = x.mean((0, 2, 3), keepdim=True)
    var = (x - mean).square().mean((0, 2, 3), keepdim=True)
    return (x - mean) / (var + eps).sqrt()


def align(tokens, prefix, grid, size, w, k, buffers=None, margins=None):
    """DearKD's aligner for pair k. tokens [B, prefix + h w, D], cls first; w: its parameters by full name."""
    B, _, D = tokens.shape
    p = f"aligner.{k}."
    ln = F.layer_norm(tokens, (D,), w[p + "norm.weight"], w[p + "norm.bias"], 1e-6)
    patches, cls = ln[:, prefix:], ln[:, :1]  # a dist token, second, is not used
    x = (patches + cls).transpose(1, 2).reshape(B, D, *grid)
    u = upFactor(grid, size)
    if u > 1:
        x = F.conv_transpose2d(x, w[p + "up.weight"], stride=u, groups=D)
    up = x
    if tuple(x.shape[2:]) != tuple(size):
        x = adaptivePool(x, *size)
    x = F.conv2d(x, w[p + "conv.weight"])
    if buffers is not None:
        mean = x.detach().mean((0, 2, 3))
        n = x.numel() / x.shape[1]
        buffers[p + "bn.running_mean"] = 0.9 * 0 + 0.1 * mean
        buffers[p + "bn.running_var"] = 0.9 * 1 + 0.1 * x.detach().var((0, 2, 3), unbiased=False) * n / (n - 1)
    C = x.shape[1]
    x = standardise(x) * w[p + "bn.weight"].view(1, C, 1, 1) + w[p + "bn.bias"].view(1, C, 1, 1)
    if margins is not None:
        margins.append(x.abs().min().item())
    return up, F.relu(x)


def upFactor(grid, size):
    return max(1, math.ceil(max(size[0] / grid[0], size[1] / grid[1])))


def dearkdStageOne(c, x, w, buffers=None, margins=None):
    """x: logits, distLogits?, teacherLogits, target, tokens.<k>, maps.<k>. Terms ce, logit, hidden, hidden.<k> are unweighted."""
    out, feats, hidden = {}, {}, []
    z = x["distLogits"] if c["distToken"] else x["logits"]
    prefix = 2 if c["distToken"] else 1
    for k, pair in enumerate(c["pairs"]):
        maps = x[f"maps.{k}"]
        up, f = align(x[f"tokens.{k}"], prefix, pair["grid"], maps.shape[2:], w, k, buffers, margins)
        target = standardise(maps) if c["standardise"] else maps
        out[f"hidden.{k}"] = (f - target).square().mean()
        hidden.append(out[f"hidden.{k}"])
        feats[f"upsampled.{k}"], feats[f"aligned.{k}"], feats[f"target.{k}"] = up, f, target
    out["hidden"] = sum(hidden) / len(hidden)
    out["ce"] = crossEntropy(x["logits"], x["target"], c["labelSmoothing"])
    if c["logitKd"] == "none":
        loss = out["ce"] + c["b"] * out["hidden"]
    else:
        out["logit"] = logitTerm(c["logitKd"], z, x["teacherLogits"], c["tau"])
        loss = (1 - c["a"]) * out["ce"] + c["a"] * out["logit"] + c["b"] * out["hidden"]
    out["loss"] = loss
    return out, feats


# ---- the logit methods of vitkd.md and deit.md


def targetClass(target):
    return target if target.dim() == 1 else target.argmax(1)


def logSoftmaxWithout(logits, drop):
    """log softmax over the classes where drop is False; the dropped places hold 0 and must be masked out by the caller."""
    z = logits.masked_fill(drop, -math.inf).log_softmax(1)
    return z.masked_fill(drop, 0.0)


def nkd(student, teacher, target, gamma, temp):
    t = targetClass(target)
    drop = F.one_hot(t, student.shape[1]).bool()
    s, tt = student.log_softmax(1), teacher.softmax(1)
    i = torch.arange(len(t))
    out = {"target": -(tt[i, t] * s[i, t]).mean()}
    th = logSoftmaxWithout(teacher / temp, drop).exp().masked_fill(drop, 0.0)
    out["nonTarget"] = -gamma * temp**2 * (th * logSoftmaxWithout(student / temp, drop)).sum(1).mean()
    out["nkd"] = out["target"] + out["nonTarget"]
    return out


def dkd(student, teacher, labels, alpha, beta, temp):
    """Terms tckd and nckd hold temp^2 and the batch mean, not alpha and beta."""
    if labels.dim() != 1:
        raise ValueError("DKD takes integer labels only")
    drop = F.one_hot(labels, student.shape[1]).bool()

    def binary(z):
        z = z / temp
        other = z.masked_fill(drop, -math.inf).logsumexp(1)
        return torch.stack([(z * drop).sum(1), other], 1).log_softmax(1)

    bs, bt = binary(student), binary(teacher)
    out = {"tckd": temp**2 * (bt.exp() * (bt - bs)).sum(1).mean()}
    ns, nt = logSoftmaxWithout(student / temp, drop), logSoftmaxWithout(teacher / temp, drop)
    out["nckd"] = temp**2 * (nt.exp() * (nt - ns)).masked_fill(drop, 0.0).sum(1).mean()
    out["dkd"] = alpha * out["tckd"] + beta * out["nckd"]
    return out


def uskd(z, mid, target, fcWeight, fcBias, alpha, beta, mu):
    """Integer labels: one target, v = 1. Rows: the two largest entries. Returns (terms, details)."""
    B, K = z.shape
    rows = F.one_hot(target, K).to(z.dtype) if target.dim() == 1 else target
    v, index = rows.topk(1 if target.dim() == 1 else 2, dim=1)
    s = z.softmax(1)
    st = s.gather(1, index)
    pt = torch.where(v == 0, torch.zeros_like(v), st.square() + v - st.square().mean(0, keepdim=True)).detach()
    out = {"target": -(pt * z.log_softmax(1).gather(1, index)).sum(1).mean()}
    wl = F.linear(mid, fcWeight, fcBias)
    out["weak"] = -mu * ((0.9 * rows + 0.1 / K) * wl.log_softmax(1)).sum(1).mean()
    ws = wl.softmax(1)
    r = (ws / (1 - ws.gather(1, index).sum(1, keepdim=True) + 1e-6) + s / (1 - st.sum(1, keepdim=True) + 1e-6)).detach()
    rank = torch.empty_like(r).scatter_(1, r.argsort(1, descending=True), torch.arange(1.0, K + 1).expand(B, K))
    drop = torch.zeros(B, K, dtype=torch.bool).scatter_(1, index, True)
    zipf = (1 / rank).masked_fill(drop, 0.0)
    zipf = zipf / zipf.sum(1, keepdim=True)
    out["nonTarget"] = -(zipf * logSoftmaxWithout(z, drop)).sum(1).mean()
    out["uskd"] = alpha * out["target"] + beta * out["nonTarget"] + out["weak"]
    return out, {"pt": pt, "rankScore": r, "zipf": zipf}


# ---- ViTKD


def maskFromNoise(noise, ratio):
    """[B,N] -> 1 where masked: the tokens whose noise is not among the `keep` smallest, keep = floor(N (1 - ratio))."""
    N = noise.shape[1]
    keep = math.floor(N * (1 - ratio) + 1e-9)
    order = noise.argsort(1)
    return torch.ones_like(noise).scatter_(1, order[:, :keep], 0.0)


def vitkd(c, x, w, margins=None):
    """x: shallow.<l>, deep (student patch tokens [B,N,Ds]), teacher.shallow.<l>, teacher.deep [B,N,Dt], mask.<shallow.l|deep> [B,N].

    Each feature is aligned (Linear, only where Ds != Dt), then mimicked or generated. The weight is alpha for a shallow feature, beta for the
    deep one. scale 'reference': weight / B * sum (generate: also / maskRatio, masked tokens only); 'per-element': weight * 196 * Dt * mean
    (generate: mean over the masked tokens), summed over the shallow layers. maskRatio 0: all tokens, nothing divided by it.
    """
    h, width = c["grid"]
    out, feats = {}, {}

    def aligned(name):
        f = x[name]
        return F.linear(f, w[name + ".weight"], w[name + ".bias"]) if name + ".weight" in w else f

    def pair(name, how, weight):
        f, t = aligned(name), x["teacher." + name]
        B, N, D = t.shape
        perElement = weight * 196 * D
        if how == "mimic":
            sq = (f - t).square()
            return weight / B * sq.sum() if c["scale"] == "reference" else perElement * sq.mean()
        ratio = c["maskRatio"]
        m = x["mask." + name][:, :, None]
        g = name + "." if name != "deep" else ""
        masked = f * (1 - m) + w[g + "mask_token"] * m
        y = masked.transpose(1, 2).reshape(B, D, h, width)
        y = F.conv2d(y, w[g + "generator.0.weight"], w[g + "generator.0.bias"], padding=1)
        if margins is not None:
            margins.append(y.abs().min().item())
        y = F.conv2d(F.relu(y), w[g + "generator.2.weight"], w[g + "generator.2.bias"], padding=1)
        y = y.flatten(2).transpose(1, 2)
        feats["generated." + name] = y
        sq = (y - t).square()
        if ratio > 0:
            sq = sq * m
        if c["scale"] == "reference":
            return weight / (B * (ratio if ratio > 0 else 1)) * sq.sum()
        return perElement * sq.sum() / ((m.sum() if ratio > 0 else B * N) * D)

    total = 0
    if c["shallowHow"] != "none":
        out["shallow"] = sum(pair(f"shallow.{l}", c["shallowHow"], c["alpha"]) for l in range(c["shallowLayers"]))
        total = total + out["shallow"]
    if c["deepHow"] != "none":
        out["deep"] = pair("deep", c["deepHow"], c["beta"])
        total = total + out["deep"]
    if c["relation"]:
        rel = 0
        for name in [f"shallow.{l}" for l in range(c["shallowLayers"])] + ["deep"]:
            s, t = aligned(name), x["teacher." + name]
            gram = [f @ f.transpose(1, 2) / math.sqrt(f.shape[2]) for f in (s, t)]
            rel = rel + (gram[0] - gram[1]).square().mean()
        out["relation"] = c["relationWeight"] * rel
        total = total + out["relation"]
    out["vitkd"] = total
    return out, feats
