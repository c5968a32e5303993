"""Image encoders as transformers names their parts -> foundation/: state dict (F32), pixels, embedding, dense tokens (F64), gradients (F32).

Written from the page on foundation models (DINOv2, with registers, DINOv3, CLIP, SigLIP): tiny random models, each option at least
once. The loss of the gradients is the sum of embedding and dense tokens (and logits) times fixed draws.
"""
import json
import math
import os

import torch
from torch.nn import functional as F

from golden import HERE, Random, writeSafetensors

ACT = {
    "gelu": F.gelu,
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "gelu_pytorch_tanh": lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": F.silu,
}


class Params:
    """Parameters by transformers' names, drawn when they are first asked for."""

    def __init__(self, seed):
        self.random, self.all = Random(seed), {}

    def __call__(self, name, *shape, norm=False):
        if name not in self.all:
            self.all[name] = self.random.normal(*shape, std=0.3, mean=1.0 if norm else 0.0).requires_grad_(True)
        return self.all[name]

    def linear(self, name, x, out, bias=True):
        w = self(name + ".weight", out, x.shape[-1])
        return F.linear(x, w, self(name + ".bias", out) if bias else None)

    def norm(self, name, x, eps):
        D = x.shape[-1]
        return F.layer_norm(x, (D,), self(name + ".weight", D, norm=True), self(name + ".bias", D), eps)


def heads(x, H):
    B, N, D = x.shape
    return x.view(B, N, H, D // H).transpose(1, 2)


def attend(q, k, v):
    a = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1)
    out = (a @ v).transpose(1, 2)
    return out.reshape(out.shape[0], out.shape[1], -1)


def patches(p, name, pixels, D, P, bias=True):
    w = p(name + ".weight", D, 3, P, P)
    return F.conv2d(pixels, w, p(name + ".bias", D) if bias else None, stride=P).flatten(2).transpose(1, 2)


def resized(pos, side, antialias):
    """Position embeddings 1 x (1 + h h) x D; the first row stays."""
    grid = pos[:, 1:]
    h = math.isqrt(grid.shape[1])
    if h == side:
        return pos
    grid = grid.reshape(1, h, h, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False, antialias=antialias)
    return torch.cat([pos[:, :1], grid.permute(0, 2, 3, 1).reshape(1, side * side, -1)], 1)


def dinov2(p, c, pixels):
    b, D, R = c.get("prefix", ""), c["hidden_size"], c.get("num_register_tokens", 0)
    B = len(pixels)
    x = patches(p, b + "embeddings.patch_embeddings.projection", pixels, D, c["patch_size"])
    side = math.isqrt(x.shape[1])
    x = torch.cat([p(b + "embeddings.cls_token", 1, 1, D).expand(B, -1, -1), x], 1)
    x = x + resized(p(b + "embeddings.position_embeddings", 1, 1 + c["grid"] ** 2, D), side, R > 0)
    if R:
        x = torch.cat([x[:, :1], p(b + "embeddings.register_tokens", 1, R, D).expand(B, -1, -1), x[:, 1:]], 1)
    for i in range(c["num_hidden_layers"]):
        n = f"{b}encoder.layer.{i}."
        y = p.norm(n + "norm1", x, c["layer_norm_eps"])
        q, k, v = (heads(p.linear(f"{n}attention.attention.{t}", y, D), c["num_attention_heads"]) for t in ("query", "key", "value"))
        y = p.linear(n + "attention.output.dense", attend(q, k, v), D)
        x = x + p(n + "layer_scale1.lambda1", D) * y
        y = p.norm(n + "norm2", x, c["layer_norm_eps"])
        if c.get("use_swiglu_ffn"):
            hidden = (int(int(D * c["mlp_ratio"]) * 2 / 3) + 7) // 8 * 8
            x1, x2 = p.linear(n + "mlp.weights_in", y, 2 * hidden).chunk(2, dim=-1)
            y = p.linear(n + "mlp.weights_out", F.silu(x1) * x2, D)
        else:
            y = p.linear(n + "mlp.fc2", ACT[c["hidden_act"]](p.linear(n + "mlp.fc1", y, int(D * c["mlp_ratio"]))), D)
        x = x + p(n + "layer_scale2.lambda1", D) * y
    x = p.norm(b + "layernorm", x, c["layer_norm_eps"])
    out = {"embedding": x[:, 0], "dense": x[:, 1 + R :]}
    if "classes" in c:
        out["logits"] = p.linear("classifier", torch.cat([x[:, 0], x[:, 1 + R :].mean(1)], -1), c["classes"])
    return out


def rope(H, W, hd, theta):
    inv = theta ** (-torch.arange(hd // 4).double() / (hd // 4))
    y = 2 * (torch.arange(H).double() + 0.5) / H - 1
    x = 2 * (torch.arange(W).double() + 0.5) / W - 1
    y, x = y[:, None].expand(H, W).reshape(-1), x[None].expand(H, W).reshape(-1)
    angle = 2 * math.pi * torch.cat([y[:, None] * inv, x[:, None] * inv], 1)
    return torch.cat([angle, angle], 1)  # H W x hd


def turned(q, angle, prefix):
    part = q[:, :, prefix:]
    half = q.shape[-1] // 2
    rotated = torch.cat([-part[..., half:], part[..., :half]], -1)
    return torch.cat([q[:, :, :prefix], part * angle.cos() + rotated * angle.sin()], 2)


def dinov3(p, c, pixels):
    b, D, R, H = c.get("prefix", ""), c["hidden_size"], c.get("num_register_tokens", 0), c["num_attention_heads"]
    B = len(pixels)
    x = patches(p, "embeddings.patch_embeddings", pixels, D, c["patch_size"])
    side = math.isqrt(x.shape[1])
    angle = rope(side, side, D // H, c["rope_theta"])
    first = [p("embeddings.cls_token", 1, 1, D)] + ([p("embeddings.register_tokens", 1, R, D)] if R else [])
    x = torch.cat([t.expand(B, -1, -1) for t in first] + [x], 1)
    for i in range(c["num_hidden_layers"]):
        n = f"{b}layer.{i}."
        y = p.norm(n + "norm1", x, c["layer_norm_eps"])
        q = p.linear(n + "attention.q_proj", y, D, c.get("query_bias", True))
        k = p.linear(n + "attention.k_proj", y, D, False)
        v = p.linear(n + "attention.v_proj", y, D, c.get("value_bias", True))
        q, k, v = (heads(t, H) for t in (q, k, v))
        y = p.linear(n + "attention.o_proj", attend(turned(q, angle, 1 + R), turned(k, angle, 1 + R), v), D)
        x = x + p(n + "layer_scale1.lambda1", D) * y
        y = p.norm(n + "norm2", x, c["layer_norm_eps"])
        up, act = p.linear(n + "mlp.up_proj", y, c["intermediate_size"]), ACT[c["hidden_act"]]
        h = act(p.linear(n + "mlp.gate_proj", y, c["intermediate_size"])) * up if c.get("use_gated_mlp") else act(up)
        x = x + p(n + "layer_scale2.lambda1", D) * p.linear(n + "mlp.down_proj", h, D)
    x = p.norm("norm", x, c["layer_norm_eps"])
    return {"embedding": x[:, 0], "dense": x[:, 1 + R :]}


def tower(p, c, x):
    """Blocks of CLIP and SigLIP."""
    D, eps = c["hidden_size"], c["layer_norm_eps"]
    for i in range(c["num_hidden_layers"]):
        n = f"vision_model.encoder.layers.{i}."
        y = p.norm(n + "layer_norm1", x, eps)
        q, k, v = (heads(p.linear(f"{n}self_attn.{t}_proj", y, D), c["num_attention_heads"]) for t in "qkv")
        x = x + p.linear(n + "self_attn.out_proj", attend(q, k, v), D)
        y = p.norm(n + "layer_norm2", x, eps)
        x = x + p.linear(n + "mlp.fc2", ACT[c["hidden_act"]](p.linear(n + "mlp.fc1", y, c["intermediate_size"])), D)
    return x


def clip(p, c, pixels):
    D, eps = c["hidden_size"], c["layer_norm_eps"]
    x = patches(p, "vision_model.embeddings.patch_embedding", pixels, D, c["patch_size"], bias=False)
    x = torch.cat([p("vision_model.embeddings.class_embedding", D).expand(len(x), 1, -1), x], 1)
    x = x + p("vision_model.embeddings.position_embedding.weight", x.shape[1], D)
    x = tower(p, c, p.norm("vision_model.pre_layrnorm", x, eps))
    cls = p.norm("vision_model.post_layernorm", x[:, 0], eps)
    if "projection_dim" in c:
        cls = p.linear("visual_projection", cls, c["projection_dim"], bias=False)
    out = {"embedding": cls, "dense": x[:, 1:]}
    if "classes" in c:
        out["logits"] = p.linear("classifier", x[:, 1:].mean(1), c["classes"])
    return out


def siglip(p, c, pixels):
    D, eps, H, act = c["hidden_size"], c["layer_norm_eps"], c["num_attention_heads"], ACT[c["hidden_act"]]
    x = patches(p, "vision_model.embeddings.patch_embedding", pixels, D, c["patch_size"])
    x = tower(p, c, x + p("vision_model.embeddings.position_embedding.weight", x.shape[1], D))
    x = p.norm("vision_model.post_layernorm", x, eps)
    if c.get("vision_use_head", True):
        n = "vision_model.head."
        probe = p(n + "probe", 1, 1, D).expand(len(x), -1, -1)
        w, bias = p(n + "attention.in_proj_weight", 3 * D, D), p(n + "attention.in_proj_bias", 3 * D)
        q, k, v = (heads(F.linear(t, w[i * D : (i + 1) * D], bias[i * D : (i + 1) * D]), H) for i, t in enumerate((probe, x, x)))
        a = p.linear(n + "attention.out_proj", attend(q, k, v), D)
        y = p.norm(n + "layernorm", a, eps)
        a = a + p.linear(n + "mlp.fc2", act(p.linear(n + "mlp.fc1", y, c["intermediate_size"])), D)
        out = {"embedding": a[:, 0], "dense": x}
    else:
        out = {"embedding": x.mean(1), "dense": x}
    if "classes" in c:
        out["logits"] = p.linear("classifier", x.mean(1), c["classes"])
    return out


# The text tower's tensors are passed over; only their names matter.
TEXT = {"text_model.encoder.layers.0.mlp.fc1.weight": (8, 4), "text_model.final_layer_norm.bias": (4,), "logit_scale": ()}
IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])


def prepared(kind, side):
    size = dict(height=side, width=side)
    if kind.startswith("dinov2"):
        return dict(image_processor_type="BitImageProcessor", size=dict(shortest_edge=side + 4), crop_size=size, resample=3, **IMAGENET)
    if kind == "dinov3_vit":
        return dict(image_processor_type="DINOv3ViTImageProcessorFast", size=size, resample=2, **IMAGENET)
    if kind.startswith("clip"):
        return dict(image_processor_type="CLIPImageProcessor", size=dict(shortest_edge=side), crop_size=size)
    return dict(image_processor_type="SiglipImageProcessor", size=size, resample=3, image_mean=[0.5] * 3, image_std=[0.5] * 3)


BASE = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, patch_size=4, hidden_act="gelu", layer_norm_eps=1e-6)
V2, V3 = dict(BASE, mlp_ratio=2, grid=4), dict(BASE, intermediate_size=24, layer_norm_eps=1e-5, rope_theta=100.0)
CLIP = dict(BASE, intermediate_size=24, layer_norm_eps=1e-5, hidden_act="quick_gelu")
SIG = dict(BASE, intermediate_size=24, hidden_act="gelu_pytorch_tanh")

# case -> function, model_type, settings, side of the images, keys that the file leaves to the class's default, tensors that are ignored
CASES = {
    "dinov2": (dinov2, "dinov2", V2, 16, ["layer_norm_eps", "hidden_act"], {"embeddings.mask_token": (1, 16)}),
    "dinov2Swiglu": (dinov2, "dinov2", dict(V2, use_swiglu_ffn=True, mlp_ratio=4), 16, [], {}),
    "dinov2Smaller": (dinov2, "dinov2", dict(V2, grid=5), 12, [], {}),
    "dinov2Larger": (dinov2, "dinov2", dict(V2, grid=3), 20, [], {}),
    "dinov2Registers": (dinov2, "dinov2_with_registers", dict(V2, num_register_tokens=4), 16, [], {}),
    "dinov2RegistersSmaller": (dinov2, "dinov2_with_registers", dict(V2, num_register_tokens=2, grid=6), 16, [], {}),
    "dinov2Classifier": (dinov2, "dinov2", dict(V2, prefix="dinov2.", classes=3), 16, [], {"dinov2.embeddings.mask_token": (1, 16)}),
    "dinov3": (dinov3, "dinov3_vit", dict(V3, num_register_tokens=4), 16, ["layer_norm_eps", "rope_theta"], {"embeddings.mask_token": (1, 1, 16)}),
    "dinov3Gated": (dinov3, "dinov3_vit", dict(V3, use_gated_mlp=True, hidden_act="silu", prefix="model.", query_bias=False, value_bias=False, rope_theta=50.0), 12, [], {}),
    "clip": (clip, "clip", dict(CLIP, projection_dim=10), 16, ["hidden_act", "layer_norm_eps"], dict(TEXT, **{"vision_model.embeddings.position_ids": (1, 17)})),
    "clipVision": (clip, "clip_vision_model", dict(CLIP, hidden_act="gelu"), 16, [], {}),
    "clipClassifier": (clip, "clip", dict(CLIP, classes=3), 16, [], {}),
    "siglip": (siglip, "siglip", SIG, 16, ["hidden_act", "layer_norm_eps"], dict(TEXT, logit_bias=(1,))),
    "siglipNoHead": (siglip, "siglip_vision_model", dict(SIG, vision_use_head=False), 16, [], {}),
    "siglipClassifier": (siglip, "siglip", dict(SIG, classes=3), 16, [], {}),
}

os.makedirs(os.path.join(HERE, "foundation"), exist_ok=True)
for seed, (case, (forward, kind, c, side, left, ignored)) in enumerate(CASES.items()):
    p, random = Params(seed), Random(1000 + seed)
    pixels = random.normal(2, 3, side, side).requires_grad_(True)
    out = forward(p, c, pixels)
    weights = {name: random.normal(*t.shape) for name, t in out.items()}
    loss = sum((t * weights[name]).sum() for name, t in out.items())
    tensors = {f"weight.{name}": t for name, t in weights.items()}
    loss.backward()
    tensors.update({f"output.{name}": t for name, t in out.items()})
    tensors.update({"grad.pixels": pixels.grad, "loss": loss})
    tensors.update({f"grad.{name}": t.grad for name, t in p.all.items()})
    arrays = {name: t.detach().numpy().astype("<f4" if name.startswith("grad") else "<f8") for name, t in tensors.items()}
    state = {**p.all, **{name: torch.full(shape, 0.5) for name, shape in ignored.items()}}
    arrays.update({f"state.{name}": t.detach().numpy().astype("<f4") for name, t in state.items()})
    arrays["input.pixels"] = pixels.detach().numpy().astype("<f4")
    ours = {"prefix", "grid", "classes"}
    vision = {key: value for key, value in c.items() if key not in ours and key not in left}
    vision["image_size"] = c["grid"] * c["patch_size"] if "grid" in c else side
    config = {"model_type": kind, "vision_config": vision} if kind in ("clip", "siglip") else {"model_type": kind, **vision}
    if "classes" in c:
        config["id2label"] = {str(i): label for i, label in enumerate(["ant", "bee", "cat"])}
    meta = {"case": case, "config": config, "preprocessor": prepared(kind, side)}
    writeSafetensors(os.path.join(HERE, "foundation", case + ".safetensors"), arrays, {"config": json.dumps(meta)})
