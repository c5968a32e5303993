"""Writes onnxStudent/*.safetensors: of the small files of onnx/ the cross-entropy of a batch in training (BatchNorms see the batch) and its gradient to every float tensor of the file, by PyTorch's autograd in float64 (onnxTorch.py): the gradient's norm and every so-and-so-manieth element, and running statistics after the step."""
import gzip
import math
import os

import torch
from torch.nn import functional as F

from golden import readSafetensors, save
from makeOnnx import CASES, pixelsOf
from onnxTorch import OnnxTorch

BATCH, KEPT = 4, 200
here = os.path.dirname(os.path.abspath(__file__))


def sampled(g):
    flat = g.flatten()
    return flat[:: math.ceil(flat.numel() / KEPT)]


def make(name, side):
    with gzip.open(os.path.join(here, "onnx", f"{name}.onnx.gz")) as packed:
        file = OnnxTorch(packed.read())
    pixels = pixelsOf(side)[:BATCH]
    # The interpreter against the module that was exported: its logits are those of onnx/.
    golden, _ = readSafetensors(os.path.join(here, "onnx", f"{name}.safetensors"))
    assert (file(pixels) - torch.from_numpy(golden["logits"].copy())[:BATCH]).abs().max() < 1e-4, name
    loss = F.cross_entropy(file(pixels, training=True), torch.arange(BATCH) % 5)
    names = list(file.weights)
    gradients = torch.autograd.grad(loss, [file.weights[n] for n in names], allow_unused=True)
    tensors = {"loss": loss.detach()}
    for n, g in zip(names, gradients):
        if g is not None:
            tensors[f"grad.{n}"], tensors[f"norm.{n}"] = sampled(g), g.norm()
    for n, t in file.after.items():
        tensors[f"after.{n}"] = t
    save("onnxStudent", name, tensors, dict(imageSize=side, batch=BATCH, kept=KEPT))


for name, (_, side, _, _) in CASES.items():
    make(name, side)
