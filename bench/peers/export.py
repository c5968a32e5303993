"""Writes a torchvision model with random weights and what PyTorch computes with it: DIR/NAME.onnx or DIR/NAME.safetensors, and
DIR/NAME.golden.safetensors with pixels [7,3,224,224] and the weights of a sum of the logits; and of the first images the logits
(float64) and the gradient of that sum to the pixels in float32 and in float64.

Usage: python3 export.py --model resnet18 --out DIR [--opset 14] [--calm 1] [--judged 7]
regnet_y_16gf comes as its state dict, under torchvision's names. With calm what torchvision leaves constant (heads of 0,
ConvNeXt's scales of 1e-6, gains of 1) is drawn, and the BatchNorm statistics are those of a batch of noise, as in a trained network;
else all is as torchvision has it.
"""
import json
import os
import sys
import warnings

from arguments import arguments

args = arguments(dict(opset=14, calm=1, judged=7, threads=2, batch=7), texts=dict(model="resnet18", out="."))

import torch  # noqa: E402  the environment must be set before it is loaded
from torchvision import models  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden"))
from golden import writeSafetensors  # noqa: E402
from settle import settle  # noqa: E402

torch.set_num_threads(args.threads)
torch.set_default_dtype(torch.float32)
torch.use_deterministic_algorithms(False)
torch.manual_seed(7)

AS_WEIGHTS = ["regnet_y_16gf"]


def write(kind, tensors):
    arrays = {name: t.detach().contiguous().numpy() for name, t in tensors.items()}
    writeSafetensors(os.path.join(args.out, f"{args.model}{kind}.safetensors"), arrays, {"config": json.dumps({"model": args.model})})


def export(model, pixels):
    # Traced at batch 2: at 1 the exporter could not tell the batch from other extents of 1.
    open_axes = {"pixels": {0: "batch"}, "logits": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, pixels[:2].detach(), os.path.join(args.out, f"{args.model}.onnx"), opset_version=args.opset, input_names=["pixels"], output_names=["logits"], dynamic_axes=open_axes)


model = getattr(models, args.model)(weights=None)
pixels = torch.randn(args.batch, 3, 224, 224)
if args.calm:
    settle(model, torch.randn(args.batch, 3, 224, 224))
model.eval()
if args.model in AS_WEIGHTS:
    # Counters of batches are whole numbers, which no forward pass reads.
    write("", {name: t for name, t in model.state_dict().items() if t.is_floating_point()})
else:
    export(model, pixels)
weight = torch.randn(args.batch, 1000)


def computed(real):
    x = pixels[: args.judged].to(real).requires_grad_()
    logits = model.to(real)(x)
    (gradient,) = torch.autograd.grad((logits * weight[: args.judged].to(real)).sum(), x)
    return logits.float(), gradient.float()


_, single = computed(torch.float32)
logits, double = computed(torch.float64)
write(".golden", {"pixels": pixels, "weight": weight, "logits": logits, "gradient32": single, "gradient64": double})
