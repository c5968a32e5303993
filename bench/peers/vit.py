"""A timm-style DeiT, as small as it can be written."""
import torch
from torch import nn


def attend(q, k, v):
    """Attention written out, in the place of which a script may put PyTorch 2's kernel."""
    return (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1) @ v


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        return self.proj(attend(q, k, v).transpose(1, 2).reshape(b, n, d))


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


def random_batch(args):
    """Images and labels of the size that is asked for."""
    images = torch.randn(args.batch, 3, args.image, args.image)
    return images, torch.randint(0, args.classes, (args.batch,))
