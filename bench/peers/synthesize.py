"""PyTorch's iteration of image synthesis on a small-stem ResNet: cross entropy, total variation, length, BatchNorm statistics, Adam.

Prints one JSON object. Usage: python3 synthesize.py --depths 3,3,3 --widths 16,32,64 --image 32 --batch 64 --steps 8 --threads 2
"""
import json
import resource
import time

from arguments import arguments

args = arguments(dict(image=32, batch=64, steps=8, threads=2, classes=10), texts=dict(depths="3,3,3", widths="16,32,64"))

import torch  # noqa: E402  the environment must be set before it is loaded
from torch import nn  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, c, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.down = nn.Identity() if c == width and stride == 1 else nn.Sequential(nn.Conv2d(c, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.down(x))


class Resnet(nn.Module):
    def __init__(self, depths, widths, classes):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0])
        blocks, c = [], widths[0]
        for s, (depth, width) in enumerate(zip(depths, widths)):
            for i in range(depth):
                blocks.append(Block(c, width, 2 if s > 0 and i == 0 else 1))
                c = width
        self.blocks, self.fc = nn.Sequential(*blocks), nn.Linear(c, classes)

    def forward(self, x):
        return self.fc(self.blocks(torch.relu(self.bn(self.conv(x)))).mean((2, 3)))


model = Resnet([int(n) for n in args.depths.split(",")], [int(n) for n in args.widths.split(",")], args.classes).eval()
for p in model.parameters():
    p.requires_grad_(False)
gaps = []


def watch(module, inputs, _):
    x = inputs[0]
    mean, var = x.mean((0, 2, 3)), x.transpose(0, 1).flatten(1).var(1, unbiased=False)
    gaps.append((var - module.running_var).norm() + (mean - module.running_mean).norm())


for module in model.modules():
    if isinstance(module, nn.BatchNorm2d):
        module.register_forward_hook(watch)
mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
low, high = (0 - mean) / std, (1 - mean) / std
images = torch.randn(args.batch, 3, args.image, args.image, requires_grad=True)
labels = torch.arange(args.batch) % args.classes
optimiser = torch.optim.Adam([images], lr=0.05, betas=(0.5, 0.9), eps=1e-8)
seconds = []
for step in range(args.steps + 2):
    start = time.perf_counter()
    x = torch.roll(images, (step % 3, -1), (2, 3))
    x = x.flip(3) if step % 2 == 0 else x
    gaps.clear()
    loss = nn.functional.cross_entropy(model(x), labels) + sum(gaps)
    neighbours = x[..., :-1] - x[..., 1:], x[..., :-1, :] - x[..., 1:, :], x[..., 1:, :-1] - x[..., :-1, 1:], x[..., :-1, :-1] - x[..., 1:, 1:]
    loss = loss + 2.5e-5 * sum(d.norm() for d in neighbours) + 1e-5 * x.flatten(1).norm(dim=1).mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    with torch.no_grad():
        images.copy_(torch.minimum(torch.maximum(images, low), high))
    loss.item()
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": seconds[2:], "buildSeconds": 0, "peakRssMB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "torch": torch.__version__}))
