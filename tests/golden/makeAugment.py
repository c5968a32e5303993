"""Writes augment/*.safetensors: what Pillow and torchvision make of two small images, with fixed parameters. F32, [H, W, 3], 0..255.

The formulas of the "increasing" levels are timm's (auto_augment.py), written down again here.
"""
import numpy as np
import torch
import torchvision.transforms.functional as TF
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from torchvision.transforms import InterpolationMode

from golden import save

FILL = (124, 116, 104)


def photo(seed, width, height):
    """Smooth colours with edges and some noise; the darkest and brightest values are missing in two channels."""
    g = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 5, 6, generator=g) * torch.tensor([200.0, 255.0, 140.0]).view(1, 3, 1, 1) + torch.tensor([20.0, 0.0, 60.0]).view(1, 3, 1, 1)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=True)[0]
    smooth[:, height // 3 : height // 2, width // 4 : width // 2] = torch.tensor([30.0, 250.0, 70.0]).view(3, 1, 1)
    noisy = smooth + torch.randn(3, height, width, generator=g) * 4
    return Image.fromarray(noisy.clamp(0, 255).round().byte().permute(1, 2, 0).contiguous().numpy())


def array(image):
    return np.asarray(image.convert("RGB")).astype("float64")


def pointOps(image):
    out = {
        "autoContrast": ImageOps.autocontrast(image),
        "equalize": ImageOps.equalize(image),
        "invert": ImageOps.invert(image),
        "grey": TF.to_grayscale(image, 3),
        "solarizeAdd.99": image.point([min(255, i + 99) if i < 128 else i for i in range(256)] * 3),
    }
    for bits in (0, 1, 4):
        out[f"posterize.{bits}"] = ImageOps.posterize(image, bits)
    for threshold in (26, 128, 256):
        out[f"solarize.{threshold}"] = ImageOps.solarize(image, threshold)
    for factor in (0.1, 0.37, 1.0, 1.81):
        out[f"colour.{factor}"] = ImageEnhance.Color(image).enhance(factor)
        out[f"contrast.{factor}"] = ImageEnhance.Contrast(image).enhance(factor)
        out[f"brightness.{factor}"] = ImageEnhance.Brightness(image).enhance(factor)
        out[f"sharpness.{factor}"] = ImageEnhance.Sharpness(image).enhance(factor)
    for radius in (0.1, 0.7, 1.0, 1.3, 1.4, 1.9, 2.0):  # some show that Pillow computes the box in float32
        out[f"blur.{radius}"] = image.filter(ImageFilter.GaussianBlur(radius))
    return out


def geometry(image):
    out = {}
    for name, mode in (("bicubic", Image.BICUBIC), ("bilinear", Image.BILINEAR)):
        move = lambda *matrix: image.transform(image.size, Image.AFFINE, matrix, resample=mode, fillcolor=FILL)
        for factor in (-0.27, 0.15):
            out[f"shearX.{factor}.{name}"] = move(1, factor, 0, 0, 1, 0)
            out[f"shearY.{factor}.{name}"] = move(1, 0, 0, factor, 1, 0)
            pixels = factor * image.size[0]
            out[f"translateX.{factor}.{name}"] = move(1, 0, pixels, 0, 1, 0)
            out[f"translateY.{factor}.{name}"] = move(1, 0, 0, 0, 1, factor * image.size[1])
        for degrees in (-27.0, 13.5):
            out[f"rotate.{degrees}.{name}"] = image.rotate(degrees, resample=mode, fillcolor=FILL)
    return out


def crops(image):
    out = {}
    for top, left, height, width in ((0, 0, 45, 60), (7, 11, 30, 22), (20, 3, 12, 15)):
        for name, mode in (("bicubic", InterpolationMode.BICUBIC), ("bilinear", InterpolationMode.BILINEAR)):
            cropped = TF.resized_crop(image, top, left, height, width, [24, 24], mode)
            out[f"crop.{top}.{left}.{height}.{width}.{name}"] = cropped
    return out


def main():
    small, large = photo(7, 17, 13), photo(8, 60, 45)
    for case, image, results in (("points", small, pointOps(small)), ("geometry", small, geometry(small)), ("crops", large, crops(large))):
        tensors = {"input.image": array(image), **{f"output.{name}": array(made) for name, made in results.items()}}
        save("augment", case, tensors, dict(fill=FILL))


if __name__ == "__main__":
    main()
