"""Writes weights/*.safetensors: state dicts as PyTorch saves them under the names of timm, torchvision and transformers, with logits.

The transformers modules are written from the documented structure of modeling_vit.py, modeling_deit.py, modeling_resnet.py and
modeling_regnet.py (names of submodules and order of operations); torchvision's are torchvision's own.
"""
import json
from functools import partial

import torch
import torchvision
from torch import nn

from golden import Random, save
from makeModels import VIT, vitParams
from models import vitForward

LABELS = ["ant", "bee", "cat", "dog", "eel"]


class Named(nn.Module):
    """A module with these children, called by the functions below."""

    def __init__(self, **children):
        super().__init__()
        for name, child in children.items():
            setattr(self, name, child)


def conv(i, o, k, stride=1, groups=1):
    return Named(convolution=nn.Conv2d(i, o, k, stride, k // 2, groups=groups, bias=False), normalization=nn.BatchNorm2d(o))


def run(unit, x):
    return unit.normalization(unit.convolution(x))


class HfVit(nn.Module):
    def __init__(self, base, D, depth, heads, hidden, P, S, eps, classes, dist=False, pooler=False):
        super().__init__()
        N = (S // P) ** 2 + 1 + dist
        layer = lambda: Named(  # noqa: E731
            attention=Named(
                attention=Named(query=nn.Linear(D, D), key=nn.Linear(D, D), value=nn.Linear(D, D)),
                output=Named(dense=nn.Linear(D, D)),
            ),
            intermediate=Named(dense=nn.Linear(D, hidden)),
            output=Named(dense=nn.Linear(hidden, D)),
            layernorm_before=nn.LayerNorm(D, eps=eps),
            layernorm_after=nn.LayerNorm(D, eps=eps),
        )
        embeddings = Named(
            cls_token=nn.Parameter(torch.randn(1, 1, D)),
            position_embeddings=nn.Parameter(torch.randn(1, N, D)),
            patch_embeddings=Named(projection=nn.Conv2d(3, D, P, P)),
        )
        if dist:
            embeddings.distillation_token = nn.Parameter(torch.randn(1, 1, D))
        body = Named(embeddings=embeddings, encoder=Named(layer=nn.ModuleList(layer() for _ in range(depth))), layernorm=nn.LayerNorm(D, eps=eps))
        if pooler:
            body.pooler = Named(dense=nn.Linear(D, D))
        setattr(self, base, body)
        self.body, self.heads = (body,), heads  # a tuple, so that the body has one name alone
        for name, n in classes.items():
            setattr(self, name, nn.Linear(D, n))
        self.headNames = list(classes)

    def forward(self, x):
        (m,) = self.body
        e = m.embeddings
        x = e.patch_embeddings.projection(x).flatten(2).transpose(1, 2)
        front = [e.cls_token] + ([e.distillation_token] if hasattr(e, "distillation_token") else [])
        x = torch.cat([t.expand(len(x), -1, -1) for t in front] + [x], 1) + e.position_embeddings
        for l in m.encoder.layer:
            h = l.layernorm_before(x)
            q, k, v = (getattr(l.attention.attention, n)(h).unflatten(-1, (self.heads, -1)).transpose(1, 2) for n in ("query", "key", "value"))
            a = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
            x = l.attention.output.dense((a @ v).transpose(1, 2).flatten(2)) + x
            x = l.output.dense(nn.functional.gelu(l.intermediate.dense(l.layernorm_after(x)))) + x
        x = m.layernorm(x)
        if not self.headNames:
            return x[:, 0]
        outs = [getattr(self, n)(x[:, i]) for i, n in enumerate(self.headNames)]
        return sum(outs) / len(outs)


class HfCnn(nn.Module):
    """ResNet (basic or bottleneck, stride on the 3x3) and RegNetY of transformers."""

    def __init__(self, base, stem, widths, depths, block, groupWidth=0, classes=5):
        super().__init__()
        self.kind = base
        stages, before = [], stem
        for s, (out, depth) in enumerate(zip(widths, depths)):
            layers = []
            for j in range(depth):
                stride = 2 if j == 0 and (s > 0 or base == "regnet") else 1
                layers.append(self.block(before, out, stride, block, groupWidth))
                before = out
            stages.append(Named(layers=nn.Sequential(*layers)))
        embedder = conv(3, stem, 3, 2) if base == "regnet" else conv(3, stem, 7, 2)
        body = Named(embedder=Named(embedder=embedder), encoder=Named(stages=nn.ModuleList(stages)))
        setattr(self, base, body)
        self.body = (body,)
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(before, classes))

    @staticmethod
    def block(i, o, stride, kind, groupWidth):
        if kind == "basic":
            layer = [conv(i, o, 3, stride), conv(o, o, 3)]
        elif kind == "bottleneck":
            layer = [conv(i, o // 4, 1), conv(o // 4, o // 4, 3, stride), conv(o // 4, o, 1)]
        else:
            inner = round(i / 4)
            se = Named(attention=nn.Sequential(nn.Conv2d(o, inner, 1), nn.ReLU(), nn.Conv2d(inner, o, 1), nn.Sigmoid()))
            layer = [conv(i, o, 1), conv(o, o, 3, stride, o // groupWidth), se, conv(o, o, 1)]
        m = Named(layer=nn.Sequential(*layer))
        if stride != 1 or i != o:
            m.shortcut = conv(i, o, 1, stride)
        return m

    def forward(self, x):
        (m,) = self.body
        x = run(m.embedder.embedder, x).relu()
        if self.kind == "resnet":
            x = nn.functional.max_pool2d(x, 3, 2, 1)
        for stage in m.encoder.stages:
            for b in stage.layers:
                y = x
                for n, unit in enumerate(b.layer):
                    if hasattr(unit, "attention"):
                        y = y * unit.attention(y.mean((2, 3), keepdim=True))
                    else:
                        y = run(unit, y)
                        y = y.relu() if n + 1 < len(b.layer) else y
                x = (y + (run(b.shortcut, x) if hasattr(b, "shortcut") else x)).relu()
        return self.classifier(x.mean((2, 3), keepdim=True))


def case(name, seed, model, S, config=None, preprocessor=None, what="logits"):
    r = Random(seed)
    with torch.no_grad():
        for n, t in list(model.named_parameters()) + list(model.named_buffers()):
            if t.dtype.is_floating_point:
                one = n.endswith("running_var") or (t.dim() == 1 and n.endswith("weight"))
                fan = t[0].numel() if t.dim() > 1 else 1
                t.copy_(r.uniform(*t.shape, low=0.5, high=1.5) if one else r.normal(*t.shape, std=0.2 if t.dim() < 2 else 1.2 * fan**-0.5))
        x = r.normal(3, 3, S, S)
        state = {"state." + n: t for n, t in model.state_dict().items()}
        store(name, state, x, {what: model.eval()(x)}, config, preprocessor)


def store(name, state, x, outputs, config, preprocessor=None):
    save("weights", name, {**state, "input.pixels": x, **{"output." + n: t for n, t in outputs.items()}}, dict(config=config, preprocessor=preprocessor))


def timmCase(name, seed, outputs=("logits",), **changes):
    c = dict(VIT, **changes)
    r = Random(seed)
    w, x = vitParams(c, r), r.normal(3, 3, c["imageSize"], c["imageSize"])
    out = vitForward(c, w, x)
    if "distLogits" in out:
        out["logits"] = (out["logits"] + out["distLogits"]) / 2
    card = {"input_size": [3, c["imageSize"], c["imageSize"]], "crop_pct": 0.9, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"}
    config = {"architecture": "vit_made_up", "num_classes": c["classes"], "global_pool": "avg" if c.get("pool") == "mean" else "token", "pretrained_cfg": card, "model_args": {"num_heads": c["heads"]}}
    store(name, {"state." + n: t for n, t in w.items()}, x, {n: out[n] for n in outputs}, config)


def main():
    id2label = {"id2label": {str(i): n for i, n in enumerate(LABELS)}, "label2id": {n: i for i, n in enumerate(LABELS)}}
    vit = dict(hidden_size=12, num_attention_heads=3, num_hidden_layers=2, intermediate_size=24, patch_size=4, image_size=16, hidden_act="gelu", qkv_bias=True, num_channels=3)
    make = lambda base, classes, **more: HfVit(base, 12, 2, 3, 24, 4, 16, 1e-12, classes, **more)  # noqa: E731
    half = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "do_resize": True, "size": 16, "resample": 2, "do_normalize": True}
    case("hfVit", 1, make("vit", {"classifier": 5}), 16, dict(vit, model_type="vit", architectures=["ViTForImageClassification"], layer_norm_eps=1e-12, **id2label), half)
    bare = make("vit", {}, pooler=True)
    case("hfVitBody", 2, BareBody(bare), 16, dict(vit, model_type="vit", architectures=["ViTModel"]), what="pooled")
    case("hfDeitTwoHeads", 3, make("deit", {"cls_classifier": 5, "distillation_classifier": 5}, dist=True), 16, dict(vit, model_type="deit", **id2label))
    case("hfDeitOneHead", 4, make("deit", {"classifier": 5}, dist=True), 16, dict(vit, model_type="deit", **id2label))
    crop = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "size": {"shortest_edge": 64}, "crop_pct": 0.875, "resample": 3, "image_processor_type": "ConvNextImageProcessor"}
    resnet = dict(model_type="resnet", hidden_act="relu", num_channels=3, downsample_in_first_stage=False, **id2label)
    case("hfResnetBottleneck", 5, HfCnn("resnet", 4, [16, 16, 32], [1, 2, 1], "bottleneck"), 64, dict(resnet, layer_type="bottleneck", hidden_sizes=[16, 16, 32], depths=[1, 2, 1]), crop)
    case("hfResnetBasic", 6, HfCnn("resnet", 6, [6, 8], [2, 1], "basic"), 64, dict(resnet, layer_type="basic"), crop)
    regnet = dict(model_type="regnet", layer_type="y", hidden_act="relu", num_channels=3, groups_width=4, **id2label)
    case("hfRegnet", 7, HfCnn("regnet", 8, [8, 16, 16], [1, 2, 1], "y", 4), 64, regnet, crop)
    from torchvision.models.regnet import BlockParams, RegNet

    tv = RegNet(BlockParams([1, 2, 1], [8, 16, 24], [8] * 3, [1.0] * 3, [2] * 3, 0.25), num_classes=5, stem_width=8)
    case("tvRegnet", 8, tv, 64)
    V = torchvision.models.vision_transformer.VisionTransformer
    case("tvVit", 9, V(16, 8, 1, 4, 64, 64, num_classes=5, norm_layer=partial(nn.LayerNorm, eps=1e-6)), 16)
    timmCase("timmVit", 10)
    timmCase("timmMeanPool", 11, classToken=False, pool="mean", poolNorm=True)
    timmCase("timmDistilled", 12, distToken=True)
    timmCase("timmDeit3", 13, posEmbedOnPatchesOnly=True, layerScale=1e-4)
    timmCase("timmDino", 14, outputs=("pooled",), classes=0, patchSize=8)
    positions()


def positions():
    """Position embeddings resized as timm's resample_abs_pos_embed does: bicubic, antialias, the first `prefix` rows untouched."""
    r = Random(15)
    tensors = {}
    for key, (prefix, a, b) in {"up": (1, 4, 7), "down": (2, 6, 3), "odd": (0, 5, 4)}.items():
        t = r.normal(1, prefix + a * a, 3)
        grid = t[:, prefix:].reshape(1, a, a, 3).permute(0, 3, 1, 2).float()
        out = nn.functional.interpolate(grid, (b, b), mode="bicubic", antialias=True, align_corners=False)
        out = torch.cat([t[:, :prefix], out.double().permute(0, 2, 3, 1).reshape(1, b * b, 3)], 1)
        tensors["input." + key], tensors["output." + key] = t, out
    save("weights", "positions", tensors, {"cases": {"up": [1, 4, 7], "down": [2, 6, 3], "odd": [0, 5, 4]}})


class BareBody(nn.Module):
    """ViTModel as it is saved by itself: names without `vit.`."""

    def __init__(self, model):
        super().__init__()
        for name, child in model.vit.named_children():
            setattr(self, name, child)
        self.whole = (model,)

    def forward(self, x):
        return self.whole[0](x)


if __name__ == "__main__":
    main()
