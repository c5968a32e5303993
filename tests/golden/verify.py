"""Checks the reference itself: against torchvision's own ViT and ResNets, and the invariants of MHCA. Needs no golden file."""
import torch
import torch.nn.functional as F
import torchvision

from golden import Random
from makeModels import VIT, vitParams
from models import mhcaAttention, regnetForward, regnetShapes, resnetForward, resnetShapes, vitForward, vitShapes


def close(a, b, what, tol=1e-10):
    e = (a - b).abs().max().item()
    assert e < tol, (what, e)
    print(f"ok  {what}  {e:.1e}")


def checkVit():
    c = dict(VIT)
    w = vitParams(c, Random(0))
    from functools import partial

    m = torchvision.models.vision_transformer.VisionTransformer(16, 4, 3, 3, 12, 48, num_classes=5, norm_layer=partial(torch.nn.LayerNorm, eps=1e-6)).eval()
    s = {"class_token": w["cls_token"], "conv_proj.weight": w["patch_embed.proj.weight"], "conv_proj.bias": w["patch_embed.proj.bias"], "encoder.pos_embedding": w["pos_embed"]}
    for x in ("weight", "bias"):
        s["encoder.ln." + x], s["heads.head." + x] = w["norm." + x], w["head." + x]
        for i in range(3):
            e, b = f"encoder.layers.encoder_layer_{i}.", f"blocks.{i}."
            s[e + "ln_1." + x], s[e + "ln_2." + x] = w[b + "norm1." + x], w[b + "norm2." + x]
            s[e + "self_attention.in_proj_" + x], s[e + "self_attention.out_proj." + x] = w[b + "attn.qkv." + x], w[b + "attn.proj." + x]
            s[e + "mlp.0." + x], s[e + "mlp.3." + x] = w[b + "mlp.fc1." + x], w[b + "mlp.fc2." + x]
    m.load_state_dict(s)
    x = Random(1).normal(3, 3, 16, 16)
    close(vitForward(c, w, x)["logits"], m(x), "ViT = torchvision")
    assert {n: tuple(t.shape) for n, t in w.items()} == vitShapes(c)


def checkResnet():
    for build, block, depths in ((torchvision.models.resnet18, "basic", [2, 2, 2, 2]), (torchvision.models.resnet50, "bottleneck", [3, 4, 6, 3])):
        torch.manual_seed(0)
        m = build()
        c = dict(stem="imagenet", block=block, depths=depths, widths=[64, 128, 256, 512], classes=1000, imageSize=64)
        shapes, norms = resnetShapes(c)
        assert {n: tuple(p.shape) for n, p in m.named_parameters()} == shapes, "names and shapes"
        w = dict(m.named_parameters())
        x = Random(2).normal(2, 3, 64, 64)
        for train in (True, False):
            buffers = {n: t.clone() for n, t in m.named_buffers() if "tracked" not in n}
            m.train(train)
            close(resnetForward(c, w, buffers, x, train)["logits"], m(x), f"{block} ResNet = torchvision, train {train}", 1e-8)
            for n, t in m.named_buffers():
                assert "tracked" in n or torch.allclose(t, buffers[n], atol=1e-12), n


def torchvisionRegnetName(name):
    """timm's name of a RegNet parameter -> torchvision's."""
    parts = name.split(".")
    inner = {"conv": "0", "bn": "1"}
    if parts[0] == "stem":
        return f"stem.{inner[parts[1]]}.{parts[2]}"
    if parts[0] == "head":
        return f"fc.{parts[2]}"
    s, b = int(parts[0][1:]), int(parts[1][1:])
    front = f"trunk_output.block{s}.block{s}-{b - 1}."
    if parts[2] == "se":
        return front + "f.se." + ".".join(parts[3:])
    unit = {"conv1": "f.a", "conv2": "f.b", "conv3": "f.c", "downsample": "proj"}[parts[2]]
    return f"{front}{unit}.{inner[parts[3]]}.{parts[4]}"


def checkRegnet():
    from torchvision.models.regnet import BlockParams, RegNet

    c = dict(stemWidth=8, depths=[1, 2, 1, 3], widths=[8, 16, 16, 24], groupWidth=8, seRatio=0.25, classes=5, imageSize=64)
    torch.manual_seed(0)
    m = RegNet(BlockParams(c["depths"], c["widths"], [8] * 4, [1.0] * 4, [2] * 4, 0.25), num_classes=5, stem_width=8)
    shapes, norms = regnetShapes(c)
    theirs = dict(m.named_parameters())
    assert {torchvisionRegnetName(n): s for n, s in shapes.items()} == {n: tuple(p.shape) for n, p in theirs.items()}
    w = {n: theirs[torchvisionRegnetName(n)] for n in shapes}
    x = Random(2).normal(2, 3, 64, 64)
    for train in (True, False):
        own = dict(m.named_buffers())
        buffers = {f"{n}.{k}": own[torchvisionRegnetName(f"{n}.{k}")].clone() for n in norms for k in ("running_mean", "running_var")}
        m.train(train)
        close(regnetForward(c, w, buffers, x, train)["logits"], m(x), f"RegNetY = torchvision, train {train}", 1e-8)
        for n, t in buffers.items():
            assert torch.allclose(own[torchvisionRegnetName(n)], t, atol=1e-12), n


def checkMhca():
    r = Random(3)
    B, H, side, prefix = 2, 3, 4, 2
    T, Np = side * side + prefix, side * side
    logits, v, gate = r.normal(B, H, T, T), r.normal(H, 3), r.normal(H)
    zero = torch.zeros(B, H, Np, Np)
    plain = logits.softmax(-1)
    for combine in ("sum", "gated", "logits"):
        for p in (0.25, 1):
            close(mhcaAttention(logits, v, dict(combine=combine, dropout=p), prefix, side, zero, gate), plain, f"{combine}: mask 0 is plain attention, p {p}")
        one = mhcaAttention(logits, v, dict(combine=combine, dropout=0), prefix, side, zero + 1, gate)
        ev = mhcaAttention(logits, v, dict(combine=combine, dropout=0.25), prefix, side, None, gate)
        close(one, ev, f"{combine}: evaluation = training without dropping")
        close(ev.sum(-1), torch.ones(B, H, T), f"{combine}: rows sum to 1")
        close(ev[:, :, :prefix], plain[:, :, :prefix], f"{combine}: class rows are pure content")
        # q = k = 0: an interior query looks at its head's centre (dy, dx)
        centres = [(0, 1), (-1, 0), (1, -1)]
        vc = torch.tensor([[-1.0, 2 * dy, 2 * dx] for dy, dx in centres])
        a = mhcaAttention(torch.zeros_like(logits), vc, dict(combine=combine, dropout=0), prefix, side, None, gate)
        for h, (dy, dx) in enumerate(centres):
            for y in (1, 2):
                for x in (1, 2):
                    assert a[0, h, prefix + y * side + x].argmax() == prefix + (y + dy) * side + x + dx


if __name__ == "__main__":
    with torch.no_grad():
        checkVit()
        checkResnet()
        checkRegnet()
        checkMhca()
    print("all good")
