"""Writes onnx/*.onnx.gz, small torchvision models with random weights as torch.onnx.export writes them (packed, since node names repeat), and onnx/*.safetensors: pixels, logits and the gradient of a weighted sum of the logits to the pixels."""
import gzip
import io
import os
import warnings

import torch
from torch import nn
from torchvision.models import convnext, efficientnet, mobilenetv2, mobilenetv3, regnet, resnet, swin_transformer, vision_transformer

from golden import Random, save

CLASSES, BATCH = 5, 7
here = os.path.dirname(os.path.abspath(__file__))


class SmallResNet(resnet.ResNet):
    """torchvision's ResNet with narrow stages: its constructor fixes the widths."""

    def __init__(self, block, widths):
        nn.Module.__init__(self)
        self._norm_layer, self.inplanes, self.dilation, self.groups, self.base_width = nn.BatchNorm2d, widths[0], 1, 1, 64
        self.conv1 = nn.Conv2d(3, widths[0], 7, stride=2, padding=3, bias=False)
        self.bn1, self.relu, self.maxpool = nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        for i, width in enumerate(widths):
            setattr(self, f"layer{i + 1}", self._make_layer(block, width, 1 + (i == 1), stride=1 + (i > 0)))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(widths[-1] * block.expansion, CLASSES)


def mobileNetV3():
    conf = lambda *a: mobilenetv3.InvertedResidualConfig(*a, width_mult=1.0)  # noqa: E731
    blocks = [conf(8, 3, 8, 8, True, "RE", 2, 1), conf(8, 3, 16, 8, False, "RE", 1, 1), conf(8, 5, 24, 16, True, "HS", 2, 1), conf(16, 5, 32, 16, True, "HS", 1, 1)]
    return mobilenetv3.MobileNetV3(blocks, last_channel=24, num_classes=CLASSES)


def efficientNet():
    conf = efficientnet.MBConvConfig
    blocks = [conf(1, 3, 1, 8, 8, 1), conf(4, 3, 2, 8, 12, 2), conf(4, 5, 2, 12, 16, 1)]
    return efficientnet.EfficientNet(blocks, dropout=0.2, num_classes=CLASSES, last_channel=32)


def regNet():
    params = regnet.BlockParams([1, 2, 1], [8, 16, 24], [8, 8, 8], [1.0] * 3, [2] * 3, se_ratio=0.25)
    return regnet.RegNet(params, num_classes=CLASSES, stem_width=8)


def convNext():
    conf = convnext.CNBlockConfig
    return convnext.ConvNeXt([conf(8, 16, 1), conf(16, 24, 2), conf(24, None, 1)], num_classes=CLASSES, layer_scale=0.5)


def vit():
    return vision_transformer.VisionTransformer(image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=CLASSES)


def swin(*depths):
    return swin_transformer.SwinTransformer([4, 4], 8, depths, [1, 2][: len(depths)], [4, 4], num_classes=CLASSES)


def mobileNetV2():
    return mobilenetv2.MobileNetV2(num_classes=CLASSES, inverted_residual_setting=[[1, 8, 1, 1], [6, 12, 2, 2], [6, 12, 1, 2]])


# file: model, image side, opset, more settings of the exporter
CASES = {
    "resnetBasic": (lambda: SmallResNet(resnet.BasicBlock, [8, 8, 12, 16]), 64, 11, {}),
    "resnetBottleneck": (lambda: SmallResNet(resnet.Bottleneck, [4, 4, 6, 8]), 64, 13, dict(keep_initializers_as_inputs=True)),
    "regnetY": (regNet, 48, 12, dict(training=torch.onnx.TrainingMode.PRESERVE)),  # keeps the BatchNorms
    "mobilenetV2": (mobileNetV2, 32, 11, {}),
    "mobilenetV3": (mobileNetV3, 48, 14, {}),
    "efficientnet": (efficientNet, 40, 16, {}),
    "convnext": (convNext, 32, 15, {}),
    "vit": (vit, 32, 14, {}),
    "vitUnfolded": (vit, 32, 11, dict(do_constant_folding=False)),
    "vitLayerNorm": (vit, 32, 17, {}),
    "swin": (lambda: swin(2, 1), 48, 16, {}),
    "swinPadded": (lambda: swin(2), 40, 13, dict(do_constant_folding=False)),
}


def randomise(model, rnd):
    """No weight or statistic keeps a value (0, 1, 1e-6) behind which an error could hide."""
    for name, p in [*model.named_parameters(), *model.named_buffers()]:
        if not p.is_floating_point():
            continue
        fan = max(1, p[0].numel()) if p.dim() > 1 else 1
        if name.endswith("running_var"):
            value = 0.5 + rnd.normal(*p.shape).abs()
        elif p.dim() > 1:
            value = rnd.normal(*p.shape, std=1.4 * fan**-0.5 if "position_bias_table" not in name else 0.5)
        else:
            value = rnd.normal(*p.shape, std=0.2, mean=1.0 if name.endswith("weight") else 0.0)
        p.data.copy_(value)


def pixelsOf(side):
    """The same formula stands in the test, so that the images need no file."""
    i = torch.arange(BATCH * 3 * side * side)
    return (((i * 7919) % 1009).double() / 252 - 2).float().double().reshape(BATCH, 3, side, side)


def make(name, seed, build, side, opset, more):
    rnd = Random(seed)
    torch.manual_seed(seed)
    model = build().eval().double()
    randomise(model, rnd)
    pixels, weight = pixelsOf(side).requires_grad_(), rnd.normal(BATCH, CLASSES)
    logits = model(pixels)
    (gradient,) = torch.autograd.grad((logits * weight).sum(), pixels)
    # Of the gradient the first and the last image: images do not see each other.
    tensors = {"weight": weight, "logits": logits.detach(), "gradient": gradient[[0, BATCH - 1]]}
    save("onnx", name, tensors, dict(opset=opset, imageSize=side))
    # Traced at batch 2: at 1 the exporter could not tell the batch from other extents of 1.
    open_axes = {"pixels": {0: "batch"}, "logits": {0: "batch"}}
    file = io.BytesIO()
    torch.set_default_dtype(torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.float(), pixels[:2].detach().float(), file, opset_version=opset, input_names=["pixels"], output_names=["logits"], dynamic_axes=open_axes, **more)
    torch.set_default_dtype(torch.float64)
    with open(os.path.join(here, "onnx", f"{name}.onnx.gz"), "wb") as packed:
        packed.write(gzip.compress(file.getvalue(), mtime=0))
    assert packed.name and os.path.getsize(packed.name) < 200_000, name


if __name__ == "__main__":
    os.makedirs(os.path.join(here, "onnx"), exist_ok=True)
    for i, (name, case) in enumerate(CASES.items()):
        make(name, 100 + i, *case)
