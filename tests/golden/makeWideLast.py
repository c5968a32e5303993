"""Writes models/vit{WideLast,TwoWidths,Lift}.safetensors (F32) and methods/widelast*.safetensors (F64).

Written from shared/methods/features.md, part C: blocks made of torch's own modules, their weights under timm's names.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from golden import Random, leaf
from makeMethods import finish as finishMethod, logits, target
from makeModels import finish as finishModel


class Block(nn.Module):
    def __init__(self, D, heads, mlpRatio):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(D, eps=1e-6), nn.LayerNorm(D, eps=1e-6)
        self.attn = nn.MultiheadAttention(D, heads, batch_first=True)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(D, int(D * mlpRatio)), "fc2": nn.Linear(int(D * mlpRatio), D)})

    def forward(self, x):
        h = self.norm1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


def widen(a, b, eps):
    return nn.ModuleDict({"proj": nn.Linear(a, b, bias=False), "norm": nn.LayerNorm(b, eps=eps)})


class Vit(nn.Module):
    def __init__(self, c):
        super().__init__()
        D, P, last = c["width"], c["patchSize"], c["lastBlocks"]
        self.cls_token = nn.Parameter(torch.zeros(1, 1, D))
        if c["distToken"]:
            self.dist_token = nn.Parameter(torch.zeros(1, 1, D))
        self.prefix = 2 if c["distToken"] else 1
        self.pos_embed = nn.Parameter(torch.zeros(1, (c["imageSize"] // P) ** 2 + self.prefix, D))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, D, P, stride=P)})
        shapes = [(D, c["heads"])] * (c["depth"] - len(last)) + [(b["width"], b["heads"]) for b in last]
        self.blocks = nn.ModuleList()
        for width, heads in shapes:
            block = Block(width, heads, c["mlpRatio"])
            if width != D:
                block.widen = widen(D, width, 1e-6)
            D = width
            self.blocks.append(block)
        if c["lift"]:
            self.lift = widen(D, c["lift"], 1e-5)
            D = c["lift"]
        else:
            self.norm = nn.LayerNorm(D, eps=1e-6)
        self.head = nn.Linear(D, c["classes"])
        if c["distToken"]:
            self.head_dist = nn.Linear(D, c["classes"])

    def forward(self, pixels):
        x, out = self.patch_embed["proj"](pixels).flatten(2).mT, {}
        front = [self.cls_token] + ([self.dist_token] if self.prefix == 2 else [])
        x = torch.cat([t.expand(len(x), -1, -1) for t in front] + [x], 1) + self.pos_embed
        for i, block in enumerate(self.blocks):
            if hasattr(block, "widen"):
                x = block.widen["norm"](block.widen["proj"](x))
            out[f"tokens.{i}"] = x = block(x)
        if hasattr(self, "lift"):  # the head on the mean of the lifted patch tokens
            pooled = self.lift["norm"](self.lift["proj"](x[:, self.prefix :])).mean(1)
        else:
            out["norm"] = x = self.norm(x)
            pooled = x[:, 0]
        out["pooled"], out["logits"] = pooled, self.head(pooled)
        if self.prefix == 2:
            out["distLogits"] = self.head_dist(x[:, 1])
        return out


def modelCase(case, seed, **changes):
    c = dict(imageSize=8, patchSize=4, width=12, depth=3, heads=2, mlpRatio=2, classes=5, distToken=False, lastBlocks=[], lift=None, pool="token")
    c.update(changes)
    rnd, model = Random(seed), Vit(c)
    for name, p in model.named_parameters():
        gain = name.endswith("weight") and p.dim() == 1
        p.data = rnd.normal(*p.shape, std=0.3 if p.dim() == 1 else 0.35, mean=1.0 if gain else 0.0)
    pixels, labels = rnd.normal(3, 3, 8, 8), rnd.labels(5, 3)
    out = model(pixels)
    loss = F.cross_entropy(out["logits"], labels)
    if c["distToken"]:
        loss = loss + 0.5 * F.cross_entropy(out["distLogits"], (labels + 1) % 5)
    timm = lambda n: n.replace("attn.in_proj_", "attn.qkv.").replace("attn.out_proj", "attn.proj")
    w = {timm(n): p for n, p in model.named_parameters()}
    finishModel(case, {"input.pixels": pixels, "input.labels": labels}, w, out, loss, dict(c, model="vit", train=True))


def methodCase(name, seed, B=3, D=7, N=6, prefixes=(1, 2), kind="labels", **changes):
    c = dict(method="widelast", alpha=0.9, tau=1, featureWeight=0.2, labelSmoothing=0.1, grid=[2, 3], prefixes=list(prefixes))
    c.update(changes)
    rnd = Random(seed)
    x = {"logits": leaf(logits(rnd, B, 5, False)), "tokens": leaf(rnd.normal(B, prefixes[0] + N, D, std=2))}
    x["teacherLogits"], x["teacherTokens"] = logits(rnd, B, 5, False), rnd.normal(B, prefixes[1] + N, D, std=2)
    x.update(target(rnd, kind, B, 5))
    a, T = c["alpha"], c["tau"]
    s, t = x["tokens"][:, prefixes[0] :], x["teacherTokens"][:, prefixes[1] :]
    terms = {"feature": F.mse_loss(s, t)}
    if c.get("loss") == "spectral":  # SpectralKD's: channels last, the grid in the middle
        f = lambda z: torch.fft.rfft2(z.reshape(B, 2, 3, D), dim=(1, 2), norm="ortho")
        terms["feature"] = F.mse_loss(torch.stack([f(s).real, f(s).imag]), torch.stack([f(t).real, f(t).imag]))
    terms["ce"] = F.cross_entropy(x["logits"], x.get("labels", x.get("target")), label_smoothing=c["labelSmoothing"])
    terms["kd"] = T**2 * F.kl_div((x["logits"] / T).log_softmax(1), (x["teacherLogits"] / T).softmax(1), reduction="batchmean")
    terms["loss"] = (1 - a) * terms["ce"] + a * terms["kd"] + c["featureWeight"] * terms["feature"]
    finishMethod("widelast" + name, x, {}, terms, c)


if __name__ == "__main__":
    modelCase("vitWideLast", 901, lastBlocks=[dict(width=18, heads=3)])
    modelCase("vitTwoWidths", 902, lastBlocks=[dict(width=16, heads=4), dict(width=16, heads=2)], distToken=True)
    modelCase("vitLift", 903, lift=18, pool="mean")
    methodCase("", 911)
    methodCase("Mixed", 912, kind="mixed", alpha=0.5, tau=2, featureWeight=1)
    methodCase("Spectral", 913, loss="spectral")
