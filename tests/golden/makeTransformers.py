"""ViT and DeiT written as transformers names their parts -> transformers/: state dict, pixels, logits.

The modules' attributes spell out the parameter names of ViTForImageClassification and DeiTForImageClassificationWithTeacher;
query, key and value are layers of their own, as there.
"""
import math

import torch
from torch import nn

from golden import Random, save

EPS = 1e-6


class SelfAttention(nn.Module):
    def __init__(self, D, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, D)

    def forward(self, x):
        B, N, D = x.shape
        cut = lambda t: t.view(B, N, self.heads, D // self.heads).transpose(1, 2)  # noqa: E731
        q, k, v = cut(self.query(x)), cut(self.key(x)), cut(self.value(x))
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(D // self.heads), -1)
        return (weights @ v).transpose(1, 2).reshape(B, N, D)


class Dense(nn.Module):
    def __init__(self, n, m):
        super().__init__()
        self.dense = nn.Linear(n, m)

    def forward(self, x):
        return self.dense(x)


class Attention(nn.Module):
    def __init__(self, D, heads):
        super().__init__()
        self.attention, self.output = SelfAttention(D, heads), Dense(D, D)

    def forward(self, x):
        return self.output(self.attention(x))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        D, hidden = c["width"], int(c["width"] * c["mlpRatio"])
        self.attention = Attention(D, c["heads"])
        self.intermediate, self.output = Dense(D, hidden), Dense(hidden, D)
        self.layernorm_before, self.layernorm_after = nn.LayerNorm(D, EPS), nn.LayerNorm(D, EPS)

    def forward(self, x):
        x = x + self.attention(self.layernorm_before(x))
        return x + self.output(nn.functional.gelu(self.intermediate(self.layernorm_after(x))))


class Patches(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.projection = nn.Conv2d(3, c["width"], c["patchSize"], c["patchSize"])

    def forward(self, pixels):
        return self.projection(pixels).flatten(2).transpose(1, 2)


class Embeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        D, tokens = c["width"], 2 if c["distToken"] else 1
        patches = (c["imageSize"] // c["patchSize"]) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, D))
        if c["distToken"]:
            self.distillation_token = nn.Parameter(torch.zeros(1, 1, D))
        self.position_embeddings = nn.Parameter(torch.zeros(1, tokens + patches, D))
        self.patch_embeddings = Patches(c)

    def forward(self, pixels):
        x = self.patch_embeddings(pixels)
        extra = [self.cls_token] + ([self.distillation_token] if hasattr(self, "distillation_token") else [])
        return torch.cat([t.expand(len(x), -1, -1) for t in extra] + [x], 1) + self.position_embeddings


class Encoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.layer = nn.ModuleList(Layer(c) for _ in range(c["depth"]))


class Backbone(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embeddings, self.encoder, self.layernorm = Embeddings(c), Encoder(c), nn.LayerNorm(c["width"], EPS)

    def forward(self, pixels):
        x = self.embeddings(pixels)
        for layer in self.encoder.layer:
            x = layer(x)
        return self.layernorm(x)


class ViT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.vit, self.classifier = Backbone(c), nn.Linear(c["width"], c["classes"])

    def forward(self, pixels):
        return self.classifier(self.vit(pixels)[:, 0])


class DeiT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.deit = Backbone(c)
        self.cls_classifier = nn.Linear(c["width"], c["classes"])
        self.distillation_classifier = nn.Linear(c["width"], c["classes"])

    def forward(self, pixels):
        x = self.deit(pixels)
        return (self.cls_classifier(x[:, 0]) + self.distillation_classifier(x[:, 1])) / 2


config = dict(imageSize=12, patchSize=4, width=12, depth=2, heads=3, mlpRatio=2, classes=5)
for case, kind, distToken, seed in [("vit", ViT, False, 1), ("deit", DeiT, True, 2)]:
    c, random = dict(config, distToken=distToken), Random(seed)
    model = kind(c)
    tensors = {}
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(random.normal(*p.shape, std=0.3, mean=1.0 if "norm" in name and name.endswith("weight") else 0.0))
            tensors["param." + name] = p
        pixels = random.normal(3, 3, 12, 12)
        tensors.update({"input.pixels": pixels, "logits": model(pixels)})
    save("transformers", case, tensors, c)
