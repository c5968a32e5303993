"""PyTorch's training step of a timm-style DeiT: forward, cross entropy, backward, AdamW. Prints one JSON object.

Usage: python3 step.py --width 192 --heads 3 --depth 12 --image 224 --patch 16 --batch 16 --steps 5 --threads 2
PyTorch 2's other ways: --compile (torch.compile, which needs g++ and libtorch-dev), --fused (scaled_dot_product_attention)
"""
import json
import resource
import time

from arguments import arguments

args = arguments(
    dict(width=192, heads=3, depth=12, image=224, patch=16, batch=16, steps=5, threads=2, classes=1000, mlp=4),
    flags=["bf16", "compile", "fused"],
)

import torch  # noqa: E402  the environment must be set before it is loaded
from torch import nn  # noqa: E402
import vit  # noqa: E402

if (args.fused or args.compile) and int(torch.__version__.split(".")[0]) < 2:
    raise SystemExit(f"--fused and --compile: wanted PyTorch 2, got {torch.__version__}")
torch.set_num_threads(args.threads)
torch.manual_seed(0)
if args.fused:
    vit.attend = nn.functional.scaled_dot_product_attention
model = vit.Vit(args)
if args.compile:
    model = torch.compile(model)
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.05)
images, labels = vit.random_batch(args)
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
