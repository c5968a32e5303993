"""Reference ViT (DeiT, DeiT III, MHCA) and ResNet, float64, as plain functions of a dictionary of parameters.

Parameter names are timm's and torchvision's. Written from shared/methods/{dearkd,deit}.md; nothing here knows the TypeScript.
"""
import math

import torch
import torch.nn.functional as F

LN_EPS = 1e-6


def vitShapes(c):
    D, H, K, P = c["width"], c["heads"], c["classes"], c["patchSize"]
    N = (c["imageSize"] // P) ** 2
    prefix = int(c.get("classToken", True)) + int(c["distToken"])
    hidden = int(D * c["mlpRatio"])
    s = {"cls_token": (1, 1, D)} if c.get("classToken", True) else {}
    if c["distToken"]:
        s["dist_token"] = (1, 1, D)
    s["pos_embed"] = (1, N if c["posEmbedOnPatchesOnly"] else N + prefix, D)
    s["patch_embed.proj.weight"], s["patch_embed.proj.bias"] = (D, 3, P, P), (D,)
    for i in range(c["depth"]):
        b = f"blocks.{i}."
        s[b + "norm1.weight"] = s[b + "norm1.bias"] = (D,)
        s[b + "attn.qkv.weight"] = (3 * D, D)
        if c.get("qkvBias", True):
            s[b + "attn.qkv.bias"] = (3 * D,)
        if c["mhca"] and i < c["mhca"]["layers"]:
            s[b + "attn.pos_proj.weight"] = (H, 3)
            if c["mhca"]["combine"] == "gated":
                s[b + "attn.gating_param"] = (H,)
        s[b + "attn.proj.weight"], s[b + "attn.proj.bias"] = (D, D), (D,)
        s[b + "norm2.weight"] = s[b + "norm2.bias"] = (D,)
        s[b + "mlp.fc1.weight"], s[b + "mlp.fc1.bias"] = (hidden, D), (hidden,)
        s[b + "mlp.fc2.weight"], s[b + "mlp.fc2.bias"] = (D, hidden), (D,)
        if c["layerScale"] is not None:
            s[b + "ls1.gamma"] = s[b + "ls2.gamma"] = (D,)
    last = "fc_norm" if c.get("poolNorm") else "norm"
    s[last + ".weight"] = s[last + ".bias"] = (D,)
    if K == 0:
        return s
    for head in ["head", "head_dist"] if c["distToken"] and c.get("distHead", True) else ["head"]:
        s[head + ".weight"], s[head + ".bias"] = (K, D), (K,)
    return s


def relativePositions(side):
    """[N, N, 3]: (|delta|^2, delta_y, delta_x) with delta = position j - position i, in patches, row-major order."""
    r = torch.zeros(side * side, side * side, 3)
    for i in range(side * side):
        for j in range(side * side):
            dy, dx = j // side - i // side, j % side - i % side
            r[i, j] = torch.tensor([dy * dy + dx * dx, dy, dx], dtype=r.dtype)
    return r


def mhcaAttention(logits, v, mhca, prefix, side, mask=None, gate=None):
    """logits [B,H,T,T] = q k / sqrt d of all tokens -> A [B,H,T,T]. mask [B,H,Np,Np] of 0/1 (training) or None (evaluation)."""
    content = logits.softmax(-1)
    pos = torch.einsum("ijc,hc->hij", relativePositions(side), v)  # [H,Np,Np]
    pad = (prefix, 0, prefix, 0)  # the prefix tokens come first in rows and columns
    p = mhca["dropout"]
    if mhca["combine"] == "logits":
        joint = (logits + F.pad(pos, pad)).softmax(-1)
        m = torch.ones_like(pos).expand(logits.shape[0], -1, -1, -1) if mask is None else mask
        m = F.pad(m, pad)  # 0 outside patch -> patch: there the content attention stands
        a = m * joint + (1 - m) * content
    else:
        sp = pos.softmax(-1)  # over patches only
        if mask is not None:
            sp = torch.zeros_like(mask) * sp if p >= 1 else mask * sp / (1 - p)
        sp = F.pad(sp, pad)
        if mhca["combine"] == "sum":
            a = content + sp
        else:
            g = torch.sigmoid(gate)[:, None, None]
            a = (1 - g) * content + g * sp
    return a / a.sum(-1, keepdim=True)


def positionsAt(c, w, side):
    """The position embeddings of a grid of `side` x `side`: the patches' by bilinear interpolation, those of other tokens as they are."""
    own, pos = c["imageSize"] // c["patchSize"], w["pos_embed"]
    if side == own:
        return pos
    lead = pos.shape[1] - own * own
    grid = pos[:, lead:].reshape(1, own, own, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(side, side), mode="bilinear", align_corners=False)
    return torch.cat([pos[:, :lead], grid.permute(0, 2, 3, 1).reshape(1, side * side, -1)], 1)


def vitForward(c, w, pixels, dropPath=None, posMask=None, kept=None):
    """dropPath: {(block, 'attn'|'mlp'): [B]}; posMask: {block: [B,H,Np,Np]}; kept: [B,k], the patches that are kept, in order.

    Pixels may be smaller than c["imageSize"]. Returns the features by name.
    """
    B, D, H, P = pixels.shape[0], c["width"], c["heads"], c["patchSize"]
    side = pixels.shape[-1] // P
    pos = positionsAt(c, w, side)
    d = D // H
    prefix = int(c.get("classToken", True)) + int(c["distToken"])
    eps = c.get("normEpsilon", LN_EPS)
    x = F.conv2d(pixels, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=P).flatten(2).transpose(1, 2)
    front = ([w["cls_token"].expand(B, -1, -1)] if c.get("classToken", True) else []) + ([w["dist_token"].expand(B, -1, -1)] if c["distToken"] else [])
    if c["posEmbedOnPatchesOnly"]:
        x = torch.cat(front + [x + pos], 1)
    else:
        x = torch.cat(front + [x], 1) + pos
    if kept is not None:  # PatchDropout: the same class and distillation tokens, fewer patches
        x = torch.cat([x[:, :prefix], torch.stack([x[b, prefix:][kept[b]] for b in range(B)])], 1)
    T = x.shape[1]
    rates = torch.linspace(0, c["dropPath"], c["depth"]).tolist()
    if c.get("dropPathForm") == "constant":  # deit/models_v2.py: dpr = [drop_path_rate for i in range(depth)]
        rates = [c["dropPath"]] * c["depth"]
    out = {}

    def drop(branch, i, which):
        if dropPath is None or rates[i] == 0:
            return branch
        return branch * (dropPath[(i, which)] / (1 - rates[i]))[:, None, None]

    def scaled(branch, name):
        return branch * w[name] if c["layerScale"] is not None else branch

    for i in range(c["depth"]):
        b = f"blocks.{i}."
        h = F.layer_norm(x, (D,), w[b + "norm1.weight"], w[b + "norm1.bias"], eps)
        qkv = F.linear(h, w[b + "attn.qkv.weight"], w.get(b + "attn.qkv.bias")).reshape(B, T, 3, H, d).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        logits = q @ k.transpose(-1, -2) / math.sqrt(d)
        if c["mhca"] and i < c["mhca"]["layers"]:
            a = mhcaAttention(logits, w[b + "attn.pos_proj.weight"], c["mhca"], prefix, side, None if posMask is None else posMask[i], w.get(b + "attn.gating_param"))
        else:
            a = logits.softmax(-1)
        out[f"attention.{i}"] = a
        y = F.linear((a @ v).transpose(1, 2).reshape(B, T, D), w[b + "attn.proj.weight"], w[b + "attn.proj.bias"])
        x = x + drop(scaled(y, b + "ls1.gamma"), i, "attn")
        h = F.layer_norm(x, (D,), w[b + "norm2.weight"], w[b + "norm2.bias"], eps)
        h = F.linear(h, w[b + "mlp.fc1.weight"], w[b + "mlp.fc1.bias"])
        h = 0.5 * h * (1 + torch.erf(h / math.sqrt(2)))
        y = F.linear(h, w[b + "mlp.fc2.weight"], w[b + "mlp.fc2.bias"])
        x = x + drop(scaled(y, b + "ls2.gamma"), i, "mlp")
        out[f"tokens.{i}"] = x
    def final(t, name):
        return F.layer_norm(t, (D,), w[name + ".weight"], w[name + ".bias"], eps)

    if not c.get("poolNorm"):
        x = final(x, "norm")
    out["norm"] = x
    pooled = x[:, prefix:].mean(1) if c.get("pool") == "mean" else x[:, 0]
    out["pooled"] = pooled = final(pooled, "fc_norm") if c.get("poolNorm") else pooled
    if c["classes"] == 0:
        return out
    out["logits"] = F.linear(pooled, w["head.weight"], w["head.bias"])
    if "head_dist.weight" in w:
        out["distLogits"] = F.linear(x[:, 1], w["head_dist.weight"], w["head_dist.bias"])
    return out


def resnetBlocks(c):
    """Yields (name, stage index, input width, planes, stride) for every block."""
    width = c["widths"][0]
    for s, (depth, planes) in enumerate(zip(c["depths"], c["widths"])):
        outWidth = planes * (4 if c["block"] == "bottleneck" else 1)
        for j in range(depth):
            yield f"layer{s + 1}.{j}", s, width, planes, (2 if s > 0 and j == 0 else 1)
            width = outWidth


def resnetShapes(c):
    """(parameter shapes, BatchNorm names with their widths). The stem's width is widths[0]; bottleneck outputs are 4 * widths."""
    k = 7 if c["stem"] == "imagenet" else 3
    params, norms = {}, {}

    def bn(name, n):
        params[name + ".weight"] = params[name + ".bias"] = (n,)
        norms[name] = n

    params["conv1.weight"] = (c["widths"][0], 3, k, k)
    bn("bn1", c["widths"][0])
    width = c["widths"][0]
    for name, _, inWidth, planes, stride in resnetBlocks(c):
        if c["block"] == "basic":
            width = planes
            convs = [(planes, inWidth, 3), (planes, planes, 3)]
        else:
            width = planes * 4
            convs = [(planes, inWidth, 1), (planes, planes, 3), (width, planes, 1)]
        for n, (o, i, ks) in enumerate(convs):
            params[f"{name}.conv{n + 1}.weight"] = (o, i, ks, ks)
            bn(f"{name}.bn{n + 1}", o)
        if stride != 1 or inWidth != width:
            params[f"{name}.downsample.0.weight"] = (width, inWidth, 1, 1)
            bn(f"{name}.downsample.1", width)
    params["fc.weight"], params["fc.bias"] = (c["classes"], width), (c["classes"],)
    return params, norms


def resnetForward(c, w, buffers, pixels, train, margins=None):
    """buffers: running statistics, updated in place when train. margins, a list, collects the distance of every ReLU and max-pool decision from its edge."""
    out = {}

    def relu(x):
        if margins is not None:
            margins.append(x.abs().min().item())
        return F.relu(x)

    def conv(x, name, stride=1):
        k = w[name + ".weight"]
        return F.conv2d(x, k, stride=stride, padding=k.shape[-1] // 2)

    def bn(x, name):
        return F.batch_norm(x, buffers[name + ".running_mean"], buffers[name + ".running_var"], w[name + ".weight"], w[name + ".bias"], train, 0.1, 1e-5)

    x = relu(bn(conv(pixels, "conv1", 2 if c["stem"] == "imagenet" else 1), "bn1"))
    out["maps.stem"] = x
    if c["stem"] == "imagenet":
        if margins is not None:
            top = F.unfold(F.pad(x.detach(), (1, 1, 1, 1)), 3, stride=2).reshape(x.shape[0], x.shape[1], 9, -1).topk(2, dim=2).values
            gap = (top[:, :, 0] - top[:, :, 1])[top[:, :, 0] > 0]
            margins.append(gap.min().item())
        x = F.max_pool2d(x, 3, 2, 1)
    last = -1
    for name, s, _, _, stride in resnetBlocks(c):
        if s != last and last >= 0:
            out[f"maps.s{last + 1}"] = x
        last = s
        skip = x
        if c["block"] == "basic":
            y = relu(bn(conv(x, name + ".conv1", stride), name + ".bn1"))
            y = bn(conv(y, name + ".conv2"), name + ".bn2")
        else:
            y = relu(bn(conv(x, name + ".conv1"), name + ".bn1"))
            y = relu(bn(conv(y, name + ".conv2", stride), name + ".bn2"))
            y = bn(conv(y, name + ".conv3"), name + ".bn3")
        if name + ".downsample.0.weight" in w:
            skip = bn(conv(x, name + ".downsample.0", stride), name + ".downsample.1")
        x = relu(y + skip)
    out[f"maps.s{last + 1}"] = x
    out["pooled"] = x.mean((2, 3))
    out["logits"] = F.linear(out["pooled"], w["fc.weight"], w["fc.bias"])
    return out


def regnetBlocks(c):
    """Yields (name, stage index, input width, width, stride) for every block; each stage begins with stride 2."""
    width = c["stemWidth"]
    for s, (depth, out) in enumerate(zip(c["depths"], c["widths"])):
        for j in range(depth):
            yield f"s{s + 1}.b{j + 1}", s, width, out, (2 if j == 0 else 1)
            width = out


def regnetShapes(c):
    """(parameter shapes under timm's names, BatchNorm names with their widths)."""
    params, norms = {}, {}

    def unit(name, out, into, k):
        params[name + ".conv.weight"] = (out, into, k, k)
        params[name + ".bn.weight"] = params[name + ".bn.bias"] = (out,)
        norms[name + ".bn"] = out

    unit("stem", c["stemWidth"], 3, 3)
    for name, _, into, out, stride in regnetBlocks(c):
        unit(name + ".conv1", out, into, 1)
        unit(name + ".conv2", out, c["groupWidth"], 3)
        inner = int(round(into * c["seRatio"]))
        params[name + ".se.fc1.weight"], params[name + ".se.fc1.bias"] = (inner, out, 1, 1), (inner,)
        params[name + ".se.fc2.weight"], params[name + ".se.fc2.bias"] = (out, inner, 1, 1), (out,)
        unit(name + ".conv3", out, out, 1)
        if stride != 1 or into != out:
            unit(name + ".downsample", out, into, 1)
    params["head.fc.weight"], params["head.fc.bias"] = (c["classes"], out), (c["classes"],)
    return params, norms


def regnetForward(c, w, buffers, pixels, train, margins=None):
    """As resnetForward."""
    out = {}

    def relu(x):
        if margins is not None:
            margins.append(x.abs().min().item())
        return F.relu(x)

    def unit(x, name, stride=1):
        k = w[name + ".conv.weight"]
        y = F.conv2d(x, k, stride=stride, padding=k.shape[-1] // 2, groups=x.shape[1] // k.shape[1])
        b = name + ".bn"
        return F.batch_norm(y, buffers[b + ".running_mean"], buffers[b + ".running_var"], w[b + ".weight"], w[b + ".bias"], train, 0.1, 1e-5)

    x = out["maps.stem"] = relu(unit(pixels, "stem", 2))
    for name, s, _, _, stride in regnetBlocks(c):
        y = relu(unit(x, name + ".conv1"))
        y = relu(unit(y, name + ".conv2", stride))
        e = relu(F.conv2d(y.mean((2, 3), keepdim=True), w[name + ".se.fc1.weight"], w[name + ".se.fc1.bias"]))
        y = y * torch.sigmoid(F.conv2d(e, w[name + ".se.fc2.weight"], w[name + ".se.fc2.bias"]))
        y = unit(y, name + ".conv3")
        skip = unit(x, name + ".downsample", stride) if name + ".downsample.conv.weight" in w else x
        x = out[f"maps.s{s + 1}"] = relu(y + skip)
    out["pooled"] = x.mean((2, 3))
    out["logits"] = F.linear(out["pooled"], w["head.fc.weight"], w["head.fc.bias"])
    return out
