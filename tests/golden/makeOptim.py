"""Writes optim/*.safetensors (F64, torch's own optimisers) and optim/cosine.json."""
import json
import math
import os

import torch

from golden import HERE, Random, save

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


def main():
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
