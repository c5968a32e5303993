"""Writes methods/embed*.safetensors (F64): distillation of embeddings and dense features, a term and gradient each, and a queue in use.

Written from shared/methods/foundation.md, part 1, with torch's own normalize, interpolate, smooth L1, cosine similarity and KL.
"""
import torch
import torch.nn.functional as F

from golden import Random, leaf
from makeMethods import finish


def headParams(rnd, kind, Ds, Dt, hidden, at):
    dense = lambda name, a, b: {f"{at}.{name}.weight": rnd.normal(b, a, std=0.5), f"{at}.{name}.bias": rnd.normal(b, std=0.3)}
    if kind == "mlp":
        return {**dense("fc1", Ds, hidden), **dense("fc2", hidden, Dt)}
    norm = {f"{at}.norm.weight": rnd.normal(Ds, std=0.3, mean=1), f"{at}.norm.bias": rnd.normal(Ds, std=0.3)}
    return {**(norm if kind == "lnLinear" else {}), **dense("linear", Ds, Dt)}


def head(x, w, kind, at):
    get = lambda name: (w[f"{at}.{name}.weight"], w[f"{at}.{name}.bias"])
    if kind == "mlp":
        return F.linear(F.gelu(F.linear(x, *get("fc1"))), *get("fc2"))
    if kind == "lnLinear":
        x = F.layer_norm(x, x.shape[-1:], *get("norm"), eps=1e-6)
    return F.linear(x, *get("linear"))


def onGrid(x, grid, other):
    B, N, D = x.shape
    maps = x.transpose(1, 2).reshape(B, D, *grid)
    return F.interpolate(maps, size=other, mode="bilinear", align_corners=False).flatten(2).transpose(1, 2)


def cosineSmoothL1(x, y):
    return 0.9 * (1 - F.cosine_similarity(x, y, dim=-1)).mean() + 0.1 * F.smooth_l1_loss(x, y, beta=1.0)


def gram(x, clamp):
    x = F.normalize(x, dim=-1)
    g = x @ x.transpose(1, 2)
    return g.clamp(min=0) if clamp else g


def queueKl(s, t, queue, filled, Ts, Tt):
    """Only the filled slots are there at all."""
    keys = torch.cat([t, queue[:filled]])
    return F.kl_div((s @ keys.T / Ts).log_softmax(1), (t @ keys.T / Tt).log_softmax(1), reduction="batchmean", log_target=True)


def case(name, seed, B=4, Ds=5, Dt=7, Dds=6, Ddt=3, own=(2, 3), theirs=(4, 3), M=6, filled=4, **changes):
    c = {"global": "queue", "globalWeight": 1, "denseWeight": "auto", "relationWeight": 0, "clampNegative": False, "head": "lnLinear", "hidden": 8, "standardise": "perChannel", "queueSize": M, "temperature": 0.07, "teacherTemperature": 0.07}
    c.update(changes)
    rnd = Random(seed)
    x = {"embedding": leaf(rnd.normal(B, Ds, std=2)), "tokens": leaf(rnd.normal(B, own[0] * own[1], Dds, std=2))}
    x["teacherEmbedding"], x["teacherTokens"] = rnd.normal(B, Dt, std=2, mean=0.5), rnd.normal(B, theirs[0] * theirs[1], Ddt, std=2, mean=-0.5)
    w, held, terms = {}, {}, {}
    if c["global"] != "none":
        w.update(headParams(rnd, c["head"], Ds, Dt, c["hidden"], "global"))
    dense = 1 if c["denseWeight"] == "auto" else c["denseWeight"]
    if dense > 0:
        w.update(headParams(rnd, c["head"], Dds, Ddt, c["hidden"], "dense"))
    w = {n: leaf(t) for n, t in w.items()}

    def standard(y, at):
        if c["standardise"] == "none":
            return y
        D = y.shape[-1]
        held[f"param.{at}.mean"] = rnd.normal(D, std=0.5)
        held[f"param.{at}.deviation"] = rnd.uniform(1 if c["standardise"] == "scalar" else D, low=0.5, high=2)
        return (y - held[f"param.{at}.mean"]) / (held[f"param.{at}.deviation"] + 1e-6)

    if c["global"] == "queue":
        queue = torch.zeros(M, Dt)
        queue[:filled] = F.normalize(rnd.normal(filled, Dt), dim=1).float().double()
        held["param.queue"], held["param.filled"] = queue, torch.tensor([float(filled)])
        s, t = F.normalize(head(x["embedding"], w, c["head"], "global"), dim=1), F.normalize(x["teacherEmbedding"], dim=1)
        terms["queue"] = queueKl(s, t, queue, filled, c["temperature"], c["teacherTemperature"])
        held["bufferAfter.queue"] = torch.cat([t, queue])[:M]
        held["bufferAfter.filled"] = torch.tensor([float(min(filled + B, M))])
    elif c["global"] == "cosine":
        terms["global"] = cosineSmoothL1(head(x["embedding"], w, c["head"], "global"), standard(x["teacherEmbedding"], "embedding"))
    if dense > 0:
        terms["dense"] = cosineSmoothL1(onGrid(head(x["tokens"], w, c["head"], "dense"), own, theirs), standard(x["teacherTokens"], "tokens"))
    if c["relationWeight"] > 0:
        terms["relation"] = (gram(onGrid(x["tokens"], own, theirs), c["clampNegative"]) - gram(x["teacherTokens"], c["clampNegative"])).square().mean()
    weights = {"queue": c["globalWeight"], "global": c["globalWeight"], "dense": dense, "relation": c["relationWeight"]}
    terms["loss"] = sum(weights[n] * t for n, t in terms.items())
    finish(name, x, w, terms, dict(c, method="embed", own=own, theirs=theirs), extra=held)


def make():
    case("embed", 901)
    case("embedEmpty", 902, filled=0)
    case("embedWraps", 903, B=4, M=6, filled=6)
    case("embedBatchAboveQueue", 904, B=5, M=3, filled=3)
    case("embedTemperatures", 905, temperature=0.2, teacherTemperature=0.05, globalWeight=0.5)
    case("embedCosine", 906, **{"global": "cosine"})
    case("embedScalar", 907, standardise="scalar", **{"global": "cosine"})
    case("embedPlain", 908, standardise="none", head="linear", **{"global": "cosine"})
    case("embedMlp", 909, head="mlp", denseWeight=2)
    case("embedRelation", 910, relationWeight=3, theirs=(3, 2))
    case("embedClamped", 911, relationWeight=3, clampNegative=True, denseWeight=0, **{"global": "none"})
    case("embedDense", 912, theirs=(2, 3), **{"global": "none"})
    case("embedShrinks", 913, own=(5, 4), theirs=(2, 2), **{"global": "none"})
    case("embedBatch1", 914, B=1, M=2, filled=1)


if __name__ == "__main__":
    make()
