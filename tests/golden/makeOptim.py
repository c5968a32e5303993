"""Writes optim/*.safetensors (F64, torch's own optimisers) and optim/cosine.json."""
import json
import math
import os
import re

import torch

from golden import HERE, Random, save
from makeModels import VIT
from models import regnetShapes, resnetShapes, vitShapes

STEPS = 10
LR = [0.01 * (k + 1) / 4 for k in range(4)] + [0.005 * (1 + math.cos(math.pi * k / 6)) for k in range(6)]


def run(case, seed, build, config, moments):
    rnd = Random(seed)
    p = torch.nn.Parameter(rnd.normal(7))
    grads = rnd.normal(STEPS, 7)
    grads[:, 6] = 0.0  # one entry that never gets a gradient: only the decay moves it
    grads[3] *= 100
    t = {"input.param": p.detach().clone(), "input.grads": grads, "input.lr": torch.tensor(LR)}
    opt = build([p])
    seen = {"param": [], **{m: [] for m in moments.values()}}
    for k in range(STEPS):
        for g in opt.param_groups:
            g["lr"] = LR[k]
        p.grad = grads[k].clone()
        opt.step()
        seen["param"].append(p.detach().clone())
        for theirs, ours in moments.items():
            seen[ours].append(opt.state[p][theirs].clone())
    t.update({"output." + n: torch.stack(v) for n, v in seen.items()})
    save("optim", case, t, dict(config, steps=STEPS), "<f8")


def lamb(case, decay, wd=0.05):
    """You et al., arXiv 1904.00962, algorithm 2, spelled out in numpy on parts of one vector; the middle part starts at 0. timm's and
    apex' rule: a group whose weight decay is 0 has no trust ratio."""
    parts, b1, b2, eps = [4, 2, 5], 0.9, 0.999, 1e-6
    decay = decay and wd != 0
    rnd = Random(404)
    p = rnd.normal(sum(parts)).numpy()
    p[4:6] = 0.0
    grads = rnd.normal(STEPS, sum(parts))
    grads[3] *= 100
    grads[:, 10] = 0.0  # only its decay moves it
    grads[:2, 6:] = 0.0  # a part whose first updates are its decay alone
    t = {"input.param": torch.tensor(p.copy()), "input.grads": grads, "input.lr": torch.tensor(LR)}
    m, v, seen = p * 0, p * 0, {"param": [], "m": [], "v": []}
    for k in range(STEPS):
        g = grads[k].numpy()
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        r = (m / (1 - b1 ** (k + 1))) / ((v / (1 - b2 ** (k + 1))) ** 0.5 + eps)
        start = 0
        for n in parts:
            s = slice(start, start + n)
            u = r[s] + (wd * p[s] if decay else 0)
            pn, un = math.sqrt((p[s] ** 2).sum()), math.sqrt((u**2).sum())
            trust = pn / un if decay and pn > 0 and un > 0 else 1.0
            p[s] = p[s] - LR[k] * trust * u
            start += n
        for name, value in (("param", p), ("m", m), ("v", v)):
            seen[name].append(torch.tensor(value.copy()))
    t.update({"output." + n: torch.stack(x) for n, x in seen.items()})
    save("optim", case, t, dict(optimizer="lamb", beta1=b1, beta2=b2, eps=eps, weightDecay=wd, steps=STEPS, parts=parts, decay=decay), "<f8")


def muon():
    """torch.optim.Muon (PyTorch 2.9) in float64: lerped momentum, Nesterov, five steps of Newton and Schulz, match_rms_adamw. Query, key and
    value are three matrices; what is no hidden matrix is torch.optim.AdamW's."""
    shapes = {
        "blocks.0.attn.qkv.weight": (12, 4),
        "blocks.0.attn.proj.weight": (4, 4),
        "blocks.0.mlp.fc1.weight": (6, 4),
        "blocks.0.mlp.fc2.weight": (4, 6),
        "patch_embed.proj.weight": (3, 1, 2, 2),
        "blocks.1.norm1.weight": (4,),
        "head.weight": (3, 4),
    }
    rnd = Random(406)
    start = {n: rnd.normal(*s) for n, s in shapes.items()}
    grads = {n: rnd.normal(STEPS, *s) for n, s in shapes.items()}
    grads["blocks.0.attn.proj.weight"][:, 1:] = 0.0  # of rank 1
    grads["blocks.0.mlp.fc1.weight"][:2] = 0.0  # moved by its decay alone at first
    grads["blocks.0.mlp.fc2.weight"][3] *= 100
    wd = 0.05
    ps = {n: torch.nn.Parameter(x.clone()) for n, x in start.items()}
    hidden = list(shapes)[:4]
    adam = torch.optim.AdamW([ps[n] for n in shapes if n not in hidden], lr=1, betas=(0.9, 0.999), eps=1e-8, weight_decay=wd)
    buffers = {n: torch.zeros_like(ps[n]) for n in hidden}
    seen = []

    def orthogonalised(update):
        x = update.T if update.shape[0] > update.shape[1] else update
        x = x / x.norm().clamp(min=1e-7)
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        return x.T if update.shape[0] > update.shape[1] else x

    for k in range(STEPS):
        for group in adam.param_groups:
            group["lr"] = LR[k]
        for n, p in ps.items():
            p.grad = grads[n][k].clone()
        adam.step()
        for n in hidden:
            buffers[n].lerp_(ps[n].grad, 1 - 0.95)
            update = ps[n].grad.lerp(buffers[n], 0.95)
            turned = torch.cat([orthogonalised(u) * 0.2 * max(u.shape) ** 0.5 for u in update.chunk(3 if "qkv" in n else 1)])
            with torch.no_grad():
                ps[n].mul_(1 - LR[k] * wd).add_(turned, alpha=-LR[k])
        seen.append(torch.cat([p.detach().flatten().clone() for p in ps.values()]))
    flat = torch.stack([torch.cat([grads[n][k].flatten() for n in shapes]) for k in range(STEPS)])
    t = {"input.param": torch.cat([x.flatten() for x in start.values()]), "input.grads": flat, "input.lr": torch.tensor(LR), "output.param": torch.stack(seen)}
    config = dict(optimizer="muon", beta1=0.9, beta2=0.999, eps=1e-8, weightDecay=wd, steps=STEPS)
    save("optim", "muon", t, dict(config, apart=4, names=list(shapes), parts=[math.prod(s) for s in shapes.values()], shapes=[list(s) for s in shapes.values()]), "<f8")


# timm's group_matcher(coarse=False) of its Vision Transformers (with DeiT's token), ResNets and RegNets.
MATCHERS = {
    "vit": dict(stem=r"^cls_token|pos_embed|patch_embed|dist_token", blocks=[(r"^blocks\.(\d+)", None), (r"^norm", (99999,))]),
    "resnet": dict(stem=r"^conv1|bn1|maxpool", blocks=[(r"^layer(\d+)\.(\d+)", None)]),
    "regnet": dict(stem=r"^stem", blocks=[(r"^s(\d+)\.b(\d+)", None)]),
}


def timmLayers(names, matcher):
    """timm's group_with_matcher: parameters by the tuple that their rule gives, in order; (99999,) joins the group before it."""
    rules = [(re.compile(matcher["stem"]), (0,), ())] + [(re.compile(p), (i + 1,), suffix) for i, (p, suffix) in enumerate(matcher["blocks"])]

    def key(name):
        for pattern, prefix, suffix in rules:
            if match := pattern.match(name):
                return tuple(map(float, (*prefix, *match.groups(), *(suffix or ()))))
        return (float("inf"),)

    grouped = {}
    for name in names:
        grouped.setdefault(key(name), []).append(name)
    layers, layer = {}, -1
    for k in sorted(grouped, key=lambda k: tuple(x for x in k)):
        if layer < 0 or k[-1] != 99999:
            layer += 1
        layers.update({name: layer for name in grouped[k]})
    return layers


def layerRates():
    """timm's param_groups_layer_decay: decay^(last layer - layer) for each parameter of three models."""
    cases = {
        "vit": list(vitShapes(dict(VIT, distToken=True, layerScale=1e-4, depth=12))),
        "vitPoolNorm": list(vitShapes(dict(VIT, poolNorm=True))),
        "resnet": list(resnetShapes(dict(stem="imagenet", block="basic", depths=[2, 2, 2, 2], widths=[4, 4, 8, 8], classes=5))[0]),
        "regnet": list(regnetShapes(dict(stemWidth=6, depths=[1, 3, 6, 6], widths=[6, 8, 12, 12], groupWidth=2, seRatio=0.25, classes=5))[0]),
    }
    for case, names in cases.items():
        layers = timmLayers(names, MATCHERS["vit" if case.startswith("vit") else case])
        exponents = [max(layers.values()) - layers[n] for n in names]
        save("optim", f"layerRates.{case}", {"output.exponent": torch.tensor(exponents)}, dict(names=names), "<f8")


def layerDecay():
    """torch's AdamW with a group a layer: lr x 0.65^(distance from the head), the norm with the last block."""
    names = ["patch_embed.proj.weight", "blocks.0.mlp.fc1.weight", "blocks.1.mlp.fc1.weight", "norm.weight", "head.weight"]
    rates = [0.65**3, 0.65**2, 0.65, 0.65, 1.0]
    parts = [3, 2, 4, 1, 2]
    rnd = Random(405)
    start, grads = rnd.normal(sum(parts)), rnd.normal(STEPS, sum(parts))
    ps = [torch.nn.Parameter(x.clone()) for x in start.split(parts)]
    opt = torch.optim.AdamW([{"params": [x]} for x in ps], lr=1, weight_decay=0.05)
    seen = []
    for k in range(STEPS):
        for group, rate, x, g in zip(opt.param_groups, rates, ps, grads[k].split(parts)):
            group["lr"], x.grad = LR[k] * rate, g.clone()
        opt.step()
        seen.append(torch.cat([x.detach().clone() for x in ps]))
    t = {"input.param": start, "input.grads": grads, "input.lr": torch.tensor(LR), "output.param": torch.stack(seen)}
    save("optim", "layerDecay", t, dict(optimizer="adamw", beta1=0.9, beta2=0.999, eps=1e-8, weightDecay=0.05, layerDecay=0.65, steps=STEPS, parts=parts, names=names), "<f8")


def cosines():
    """Learning rates at the start of each epoch: timm's CosineLRScheduler with warmup_prefix=False, as DeiT makes it, and mmcv's
    CosineAnnealing hook with a linear warm-up, as cls_KD's master branch makes it."""

    def timm(t, base, low, first, warm, total):
        if t < warm:
            return first + t * (base - first) / warm
        return low + 0.5 * (base - low) * (1 + math.cos(math.pi * t / total))

    def mmcv(t, base, low, first, warm, total):
        regular = low + 0.5 * (base - low) * (math.cos(math.pi * (t / total)) + 1)
        if t >= warm:
            return regular
        k = (1 - t / warm) * (1 - first / base)
        return regular * (1 - k)

    deit, vitkd = dict(base=1e-3, low=1e-5, first=1e-6, warm=5, total=300), dict(base=1e-3, low=1e-5, first=1e-6, warm=20, total=300)
    for name, f, c in (("cosineTimm", timm, deit), ("cosineMmcv", mmcv, vitkd)):
        save("optim", name, {"output.lr": torch.tensor([f(t, **c) for t in range(c["total"])])}, c, "<f8")


def stepSchedule():
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    schedule = torch.optim.lr_scheduler.StepLR(opt, step_size=7, gamma=0.3)
    seen = []
    for _ in range(30):
        seen.append(opt.param_groups[0]["lr"])
        opt.step()
        schedule.step()
    save("optim", "stepSchedule", {"output.lr": torch.tensor(seen)}, dict(lr=0.2, every=7, gamma=0.3), "<f8")


def main():
    lamb("lamb", True)
    lamb("lambNoDecay", False)
    lamb("lambZero", True, 0.0)
    muon()
    layerRates()
    cosines()
    layerDecay()
    stepSchedule()
    run("adamw", 400, lambda p: torch.optim.AdamW(p, lr=1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05), dict(optimizer="adamw", beta1=0.9, beta2=0.999, eps=1e-8, weightDecay=0.05), {"exp_avg": "m", "exp_avg_sq": "v"})
    for name, nesterov in (("sgdMomentum", False), ("sgdNesterov", True)):
        run(name, 401, lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, weight_decay=1e-4, nesterov=nesterov), dict(optimizer="sgd", momentum=0.9, nesterov=nesterov, weightDecay=1e-4), {"momentum_buffer": "velocity"})
    rnd = Random(402)
    for name, maxNorm in (("clipActive", 1.5), ("clipIdle", 100.0)):
        ps = [torch.nn.Parameter(torch.zeros(s)) for s in ((3, 4), (5,), (1,))]
        t = {}
        for i, p in enumerate(ps):
            p.grad = rnd.normal(*p.shape)
            t[f"input.grad.{i}"] = p.grad.clone()
        t["output.norm"] = torch.nn.utils.clip_grad_norm_(ps, maxNorm)
        t.update({f"output.grad.{i}": p.grad for i, p in enumerate(ps)})
        save("optim", name, t, dict(clip=maxNorm), "<f8")
    start, params = rnd.normal(5), rnd.normal(STEPS, 5)
    ema, seen = start.clone(), []
    for k in range(STEPS):
        ema = 0.99 * ema + (1 - 0.99) * params[k]
        seen.append(ema)
    save("optim", "ema", {"input.ema": start, "input.params": params, "output.ema": torch.stack(seen)}, dict(decay=0.99, steps=STEPS), "<f8")
    base, low, first, warm, total = 1e-3, 1e-5, 1e-6, 5, 30
    lr = [first + (base - first) * k / warm if k < warm else low + 0.5 * (base - low) * (1 + math.cos(math.pi * (k - warm) / (total - warm))) for k in range(total)]
    lines = [""]  # laid out as biome formats it
    for k, v in enumerate(lr):
        text = repr(v).replace("e-0", "e-") + ("," if k < total - 1 else "")
        if lines[-1] and 4 + len(lines[-1]) + 1 + len(text) > 120:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + text
    head = dict(baseLr=base, minLr=low, warmupStartLr=first, warmupSteps=warm, totalSteps=total)
    with open(os.path.join(HERE, "optim", "cosine.json"), "w") as f:
        f.write("{\n" + "".join(f'  "{k}": {json.dumps(v).replace("e-0", "e-")},\n' for k, v in head.items()))
        f.write('  "lr": [\n' + "".join(f"    {line}\n" for line in lines) + "  ]\n}\n")


if __name__ == "__main__":
    main()
