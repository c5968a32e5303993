"""PyTorch's distillation step: a frozen DeiT teacher, a DeiT student, soft distillation and AdamW. Prints one JSON object.

Usage: python3 distill.py --student 192,3,12 --teacher 384,6,12 --batch 16 --steps 3 --threads 2 [--bf16]
"""
import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
for name, default in dict(image=224, patch=16, batch=16, steps=3, threads=2, classes=1000, mlp=4).items():
    parser.add_argument(f"--{name}", type=int, default=default)
parser.add_argument("--student", default="192,3,12", help="width, heads, depth")
parser.add_argument("--teacher", default="384,6,12")
parser.add_argument("--bf16", action="store_true")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch  # noqa: E402  the environment must be set before it is loaded
from torch.nn import functional as F  # noqa: E402
from vit import Vit  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(0)


def build(shape):
    width, heads, depth = (int(n) for n in shape.split(","))
    return Vit(argparse.Namespace(**{**vars(args), "width": width, "heads": heads, "depth": depth}))


student, teacher = build(args.student), build(args.teacher).eval()
optimiser = torch.optim.AdamW(student.parameters(), lr=1e-4, weight_decay=0.05)
images = torch.randn(args.batch, 3, args.image, args.image)
labels = torch.randint(0, args.classes, (args.batch,))
seconds = []
for _ in range(args.steps + 1):
    start = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16):
        with torch.no_grad():
            targets = teacher(images)
        logits = student(images)
        soft = F.kl_div(F.log_softmax(logits.float(), 1), F.log_softmax(targets.float(), 1), log_target=True, reduction="batchmean")
        loss = 0.5 * F.cross_entropy(logits, labels) + 0.5 * soft
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": seconds[1:], "torch": torch.__version__}))
