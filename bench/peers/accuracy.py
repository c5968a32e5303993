"""Trains a timm-style ViT on class folders with PyTorch until a target is reached: the recipe of `bench -- accuracy`, in plain PyTorch.

Shifted and mirrored images in memory, Muon for the blocks' matrices and AdamW for all else (no decay of biases, norms and embeddings),
warm-up and half a cosine. Prints one JSON object: the curve of top-1 over processor and wall seconds, evaluations left out.

Usage: python3 accuracy.py --dir DIR --image 28 --patch 7 --width 64 --heads 4 --depth 4 --mlp 2 --batch 50 --epochs 4 --images 15000
"""
import json
import pathlib
import resource
import time

from arguments import arguments

args = arguments(
    dict(image=28, patch=7, width=64, heads=4, depth=4, mlp=2, classes=10, batch=50, epochs=4, images=0, padding=3, flip=0, seed=0, threads=1),
    texts=dict(dir="", lr="0.0035", decay="0.05", std="0.02", target="1"),
)

import numpy as np  # noqa: E402  the environment must be set before it is loaded
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch import nn  # noqa: E402
from vit import Vit  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(args.seed)
S, LR, TARGET = args.image, float(args.lr), float(args.target)
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def read(part, limit):
    """Images as bytes [N,3,S,S] and their labels; of `limit` as many of each class."""
    root = pathlib.Path(args.dir) / part
    images, labels = [], []
    for label, folder in enumerate(sorted(p for p in root.iterdir() if p.is_dir())):
        files = sorted(folder.iterdir())
        files = files[: limit // args.classes] if limit else files
        for file in files:
            picture = Image.open(file).convert("RGB")
            if picture.size != (S, S):
                picture = picture.resize((S, S), Image.BICUBIC)
            images.append(np.asarray(picture).transpose(2, 0, 1))
            labels.append(label)
    return torch.from_numpy(np.stack(images)), torch.tensor(labels)


def prepared(pixels):
    return (pixels.float() / 255 - MEAN) / STD


def augmented(pixels):
    """Each image shifted by up to `padding` pixels over black, and mirrored where `flip` says so."""
    P, B = args.padding, len(pixels)
    padded = nn.functional.pad(pixels, (P, P, P, P))
    y, x = torch.randint(0, 2 * P + 1, (2, B, 1))
    rows, columns = y + torch.arange(S), x + torch.arange(S)
    if args.flip:
        columns = torch.where(torch.rand(B, 1) < 0.5, columns.flip(1), columns)
    b = torch.arange(B).view(B, 1, 1)
    return padded[b, :, rows.view(B, S, 1), columns.view(B, 1, S)].permute(0, 3, 1, 2)


def began(module):
    """Weights of linear layers: of deviation `std`, or, where that is 0, of 1 / sqrt(inputs); positions are then sines and cosines."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=float(args.std) or module.in_features**-0.5)
        nn.init.zeros_(module.bias)


def waves(side, width):
    """Positions as sines and cosines of column and row (MoCo v3), [side side, width]."""
    omega = 10000 ** -(torch.arange(width // 4) / (width // 4))
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    x, y = (torch.outer(at.flatten().float(), omega) for at in (column, row))
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], 1)


model = Vit(args)
model.apply(began)
if not float(args.std):
    with torch.no_grad():
        model.pos.copy_(torch.cat([torch.zeros(1, args.width), waves(args.image // args.patch, args.width)])[None])


class Muon(torch.optim.Optimizer):
    """torch.optim.Muon of PyTorch 2.9 with match_rms_adamw, for older releases too; query, key and value are three matrices."""

    def __init__(self, params, decay):
        super().__init__(params, dict(lr=0.0, decay=decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.lerp_(p.grad, 0.05)
                update = p.grad.lerp(buffer, 0.95)
                parts = update.chunk(3) if update.shape[0] == 3 * update.shape[1] else [update]
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(torch.cat([self.evened(part) for part in parts]), alpha=-group["lr"])

    @staticmethod
    def evened(update):
        tall = update.shape[0] > update.shape[1]
        x = update.T if tall else update
        x = x / x.norm().clamp(min=1e-7)
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x + (2.0315 * gram @ gram - 4.7750 * gram) @ x
        return 0.2 * max(update.shape) ** 0.5 * (x.T if tall else x)


hidden = [p for n, p in model.named_parameters() if p.ndim == 2 and n.startswith("blocks")]
decayed = [p for n, p in model.named_parameters() if p.ndim > 1 and n not in ("cls", "pos") and not any(p is h for h in hidden)]
others = [p for n, p in model.named_parameters() if p.ndim <= 1 or n in ("cls", "pos")]
optimisers = [Muon(hidden, float(args.decay))]
optimisers += [torch.optim.AdamW([dict(params=decayed, weight_decay=float(args.decay)), dict(params=others, weight_decay=0)], lr=LR)]
images, labels = read("train", args.images)
test = truth = None
per_epoch = len(images) // args.batch
total, warm = args.epochs * per_epoch, round(min(5, args.epochs / 10) * per_epoch)
curve, aside, step = [], [0.0, 0.0], 0
start = time.perf_counter() - time.process_time()


def now():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return [used.ru_utime + used.ru_stime, time.perf_counter() - start]


for epoch in range(args.epochs):
    model.train()
    order = torch.randperm(len(images))
    for i in range(per_epoch):
        chosen = order[i * args.batch : (i + 1) * args.batch]
        lr = LR * step / warm if step < warm else LR * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * (step - warm) / (total - warm))))
        for group in (group for optimiser in optimisers for group in optimiser.param_groups):
            group["lr"] = lr
        loss = nn.functional.cross_entropy(model(prepared(augmented(images[chosen]))), labels[chosen])
        model.zero_grad(set_to_none=True)
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        step += 1
    before = now()
    model.eval()
    if test is None:
        test, truth = read("test", 0)
    with torch.no_grad():
        right = sum((model(prepared(test[i : i + 500])).argmax(1) == truth[i : i + 500]).sum().item() for i in range(0, len(test), 500))
    top1 = right / len(test)
    curve.append(dict(epoch=epoch + 1, top1=top1, cpuSeconds=before[0] - aside[0], wallSeconds=before[1] - aside[1]))
    after = now()
    aside = [aside[k] + after[k] - before[k] for k in range(2)]
    if top1 >= TARGET:
        break
print(json.dumps(dict(curve=curve, torch=torch.__version__)))
