"""PyTorch's training step of a timm-style DeiT: forward, cross entropy, backward, AdamW. Prints one JSON object.

Usage: python3 step.py --width 192 --heads 3 --depth 12 --image 224 --patch 16 --batch 16 --steps 5 --threads 2
"""
import argparse
import json
import os
import resource
import time

parser = argparse.ArgumentParser()
for name, default in dict(width=192, heads=3, depth=12, image=224, patch=16, batch=16, steps=5, threads=2, classes=1000, mlp=4).items():
    parser.add_argument(f"--{name}", type=int, default=default)
parser.add_argument("--bf16", action="store_true")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch  # noqa: E402  the environment must be set before it is loaded
from torch import nn  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(0)


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads, self.scale = heads, (d // heads) ** -0.5
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        a = (q @ k.transpose(-2, -1) * self.scale).softmax(-1)
        return self.proj((a @ v).transpose(1, 2).reshape(b, n, d))


class Block(nn.Module):
    def __init__(self, d, heads, mlp):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d, eps=1e-6), nn.LayerNorm(d, eps=1e-6)
        self.attn = Attention(d, heads)
        self.mlp = nn.Sequential(nn.Linear(d, mlp * d), nn.GELU(), nn.Linear(mlp * d, d))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    def __init__(self, a):
        super().__init__()
        tokens = (a.image // a.patch) ** 2
        self.embed = nn.Conv2d(3, a.width, a.patch, a.patch)
        self.cls = nn.Parameter(torch.randn(1, 1, a.width) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, tokens + 1, a.width) * 0.02)
        self.blocks = nn.Sequential(*[Block(a.width, a.heads, a.mlp) for _ in range(a.depth)])
        self.norm, self.head = nn.LayerNorm(a.width, eps=1e-6), nn.Linear(a.width, a.classes)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.pos
        return self.head(self.norm(self.blocks(x))[:, 0])


model = Vit(args)
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.05)
images = torch.randn(args.batch, 3, args.image, args.image)
labels = torch.randint(0, args.classes, (args.batch,))
seconds = []
for _ in range(args.steps + 1):
    start = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16):
        loss = nn.functional.cross_entropy(model(images), labels)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    seconds.append(time.perf_counter() - start)
seconds = sorted(seconds[1:])
print(json.dumps({
    "imagesPerSec": args.batch / seconds[len(seconds) // 2],
    "seconds": seconds,
    "peakRssMB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "torch": torch.__version__,
}))
