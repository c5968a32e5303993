"""PyTorch's distillation step: a frozen DeiT teacher, a DeiT student, soft distillation and AdamW. Prints one JSON object.

Usage: python3 distill.py --student 192,3,12 --teacher 384,6,12 --batch 16 --steps 5 --threads 2 [--bf16]
"""
import argparse
import json
import time

from arguments import arguments

# student and teacher: width, heads, depth
args = arguments(
    dict(image=224, patch=16, batch=16, steps=5, threads=2, classes=1000, mlp=4),
    texts=dict(student="192,3,12", teacher="384,6,12"),
    flags=["bf16"],
)

import torch  # noqa: E402  the environment must be set before it is loaded
from torch.nn import functional as F  # noqa: E402
from vit import Vit, random_batch  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(0)


def build(shape):
    width, heads, depth = (int(n) for n in shape.split(","))
    return Vit(argparse.Namespace(**{**vars(args), "width": width, "heads": heads, "depth": depth}))


# Steps that are not counted, as many as of ours.
WARM_UP = 2
student, teacher = build(args.student), build(args.teacher).eval()
optimiser = torch.optim.AdamW(student.parameters(), lr=1e-4, weight_decay=0.05)
images, labels = random_batch(args)
seconds = []
for _ in range(WARM_UP + args.steps):
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
print(json.dumps({"seconds": seconds[WARM_UP:], "torch": torch.__version__}))
