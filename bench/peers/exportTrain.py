"""Writes a torchvision model with random weights as ONNX and what PyTorch computes of one training step with that file: DIR/NAME.onnx and DIR/NAME.golden.safetensors with pixels, the loss (cross-entropy of labels i * 37) and, in float64, the gradient to every float tensor of the file, under the name that it has there; with how far PyTorch's own float32 gradient is from it.

Usage: python3 exportTrain.py --model resnet18 --out DIR [--batch 2] [--kept 1]
With kept the BatchNorms stay in the file and see the batch. Constants are drawn as with export.py --calm 1. With --steps 0 the file alone is written.
"""
import json
import os
import sys
import warnings

from arguments import arguments

args = arguments(dict(opset=16, threads=2, batch=2, kept=0, steps=1), texts=dict(model="resnet18", out="."))

import torch  # noqa: E402  the environment must be set before it is loaded
from torch.nn import functional as F  # noqa: E402
from torchvision import models  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden"))
from golden import writeSafetensors  # noqa: E402
from onnxTorch import OnnxTorch  # noqa: E402
from settle import settle  # noqa: E402

torch.set_num_threads(args.threads)
torch.set_default_dtype(torch.float32)
torch.use_deterministic_algorithms(False)
torch.manual_seed(7)

path = os.path.join(args.out, f"{args.model}.onnx")
model = getattr(models, args.model)(weights=None)
settle(model, torch.randn(max(4, args.batch), 3, 224, 224))
model.eval()
pixels = torch.randn(args.batch, 3, 224, 224)
open_axes = {"pixels": {0: "batch"}, "logits": {0: "batch"}}
more = dict(training=torch.onnx.TrainingMode.PRESERVE) if args.kept else {}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # Traced at batch 2: at 1 the exporter could not tell the batch from other extents of 1.
    torch.onnx.export(model, torch.randn(2, 3, 224, 224), path, opset_version=args.opset, input_names=["pixels"], output_names=["logits"], dynamic_axes=open_axes, **more)
if args.steps == 0:
    sys.exit()
labels = torch.arange(args.batch) * 37


def step(real):
    file = OnnxTorch(path, real)
    loss = F.cross_entropy(file(pixels.to(real), training=True), labels)
    names = list(file.weights)
    gradients = torch.autograd.grad(loss, [file.weights[n] for n in names], allow_unused=True)
    return file, loss.detach(), {n: g for n, g in zip(names, gradients) if g is not None}


file, loss, exact = step(torch.float64)
with torch.no_grad():
    logits = file(pixels.double())
    # The interpreter of the file against the module.
    assert (logits - model.double()(pixels.double())).abs().max() < 1e-4 * logits.abs().max(), "the file is not the module"
model.float()
_, _, single = step(torch.float32)
tensors = {"pixels": pixels, "loss": loss.double()}
for n, g in exact.items():
    tensors[f"grad.{n}"] = g.float()
    tensors[f"torch.{n}"] = ((single[n].double() - g).norm() / g.norm()).double()
for n, t in file.after.items():
    tensors[f"after.{n}"] = t.float()
arrays = {n: t.detach().contiguous().numpy() for n, t in tensors.items()}
writeSafetensors(os.path.join(args.out, f"{args.model}.golden.safetensors"), arrays, {"config": json.dumps({"model": args.model})})
