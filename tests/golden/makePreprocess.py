"""Evaluation's preprocessing as transformers (its classes for Pillow and NumPy), timm and torchvision (of pictures) compute it -> preprocess.json.

The arithmetic of sizes, offsets and padding is that of their published code, with its int(), floor(), round() and //:
transformers/image_transforms.py (get_resize_output_image_size, resize, center_crop, rescale, normalize) and
models/*/image_processing_*.py; timm/data/transforms_factory.py (transforms_imagenet_eval) and transforms.py (ResizeKeepRatio,
CenterCropOrPad); torchvision/transforms/functional.py (resize, center_crop) and _presets.py (ImageClassification). Bytes are Pillow's.
The classes ending in Fast resize tensors instead, whose fixed point rounds otherwise: they are not what this file has.
"""
import hashlib
import json
import math
import os
import re

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = [(500, 375), (375, 500), (333, 331), (227, 300), (61, 47), (640, 97), (224, 224)]
IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
HALF = dict(image_mean=[0.5, 0.5, 0.5], image_std=[0.5, 0.5, 0.5])
OPENAI = dict(image_mean=[0.48145466, 0.4578275, 0.40821073], image_std=[0.26862954, 0.26130258, 0.27577711])


def pattern(width, height):
    """Bytes of a congruential generator over a slope, so that both edges and flat parts are there."""
    state, out = 1, bytearray()
    for at in range(width * height * 3):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append(min(255, (state >> 25) + at % (3 * width) * 160 // (3 * width)))
    return np.frombuffer(bytes(out), np.uint8).reshape(height, width, 3)


# transformers ---------------------------------------------------------------------------------------------------------


def get_resize_output_image_size(image, size):
    height, width = image.shape[:2]
    short, long = (width, height) if width <= height else (height, width)
    new_short, new_long = size, int(size * long / short)
    return (new_long, new_short) if width <= height else (new_short, new_long)


def resize(image, size, resample):
    return np.array(Image.fromarray(image).resize((size[1], size[0]), resample=resample))


def center_crop(image, size):
    orig_height, orig_width = image.shape[:2]
    crop_height, crop_width = size
    top = (orig_height - crop_height) // 2
    bottom = top + crop_height
    left = (orig_width - crop_width) // 2
    right = left + crop_width
    if top >= 0 and bottom <= orig_height and left >= 0 and right <= orig_width:
        return image[top:bottom, left:right]
    new_height, new_width = max(crop_height, orig_height), max(crop_width, orig_width)
    new_image = np.zeros((new_height, new_width, 3), image.dtype)
    top_pad = math.ceil((new_height - orig_height) / 2)
    left_pad = math.ceil((new_width - orig_width) / 2)
    new_image[top_pad:top_pad + orig_height, left_pad:left_pad + orig_width] = image
    top, bottom, left, right = top + top_pad, bottom + top_pad, left + left_pad, right + left_pad
    return new_image[max(0, top):min(new_height, bottom), max(0, left):min(new_width, right)]


def normalize(image, mean, std):
    if not np.issubdtype(image.dtype, np.floating):
        image = image.astype(np.float32)
    return (image - np.array(mean, image.dtype)) / np.array(std, image.dtype)


def size_of(size, square):
    if isinstance(size, int):
        return dict(height=size, width=size) if square else dict(shortest_edge=size)
    return size


def usual_resize(image, size, resample):
    if "shortest_edge" in size:
        return resize(image, get_resize_output_image_size(image, size["shortest_edge"]), resample)
    return resize(image, (size["height"], size["width"]), resample)


def values_of(image, c):
    """Bytes of the square -> what the network is fed."""
    if c.get("do_rescale", True):
        image = (image.astype(np.float64) * c.get("rescale_factor", 1 / 255)).astype(np.float32)
        if c.get("rescale_offset"):
            image = image - 1
    if c.get("do_normalize", True):
        image = normalize(image, c["image_mean"], c["image_std"])
    return image


def plain(c, image, square):
    """ViT, Siglip, PVT, Segformer, EfficientFormer, BEiT, DeiT, CLIP, BiT (DINOv2), MobileNet: they differ in their values alone."""
    if c.get("do_resize", True):
        image = usual_resize(image, size_of(c["size"], square), c["resample"])
    if c.get("do_center_crop"):
        crop = size_of(c["crop_size"], True)
        image = center_crop(image, (crop["height"], crop["width"]))
    return image, values_of(image, c)


def convnext(c, image):
    shortest_edge = size_of(c["size"], False)["shortest_edge"]
    crop_pct = c["crop_pct"] if c.get("crop_pct") is not None else 224 / 256
    if shortest_edge < 384:
        size = get_resize_output_image_size(image, int(shortest_edge / crop_pct))
        image = center_crop(resize(image, size, c["resample"]), (shortest_edge, shortest_edge))
    else:
        image = resize(image, (shortest_edge, shortest_edge), c["resample"])
    return image, values_of(image, c)


def levit(c, image):
    shortest_edge = int((256 / 224) * c["size"]["shortest_edge"])
    image = resize(image, get_resize_output_image_size(image, shortest_edge), c["resample"])
    image = center_crop(image, (c["crop_size"]["height"], c["crop_size"]["width"]))
    return image, values_of(image, c)


def poolformer(c, image):
    size, crop_pct = size_of(c["size"], False), c["crop_pct"]
    if crop_pct is not None:
        side = size["shortest_edge"] if "shortest_edge" in size else size["height"]
        image = resize(image, get_resize_output_image_size(image, int(side / crop_pct)), c["resample"])
    else:
        image = usual_resize(image, size, c["resample"])
    image = center_crop(image, (c["crop_size"]["height"], c["crop_size"]["width"]))
    return image, values_of(image, c)


def efficientnet(c, image):
    image, values = plain(c, image, True)
    if c.get("include_top", True):
        values = normalize(values, [0, 0, 0], c["image_std"])
    return image, values


def mobilevit(c, image):
    image = usual_resize(image, size_of(c["size"], False), c["resample"])
    crop = size_of(c["crop_size"], True)
    image = center_crop(image, (crop["height"], crop["width"]))
    values = (image.astype(np.float64) * c["rescale_factor"]).astype(np.float32)
    return image, values[..., ::-1] if c["do_flip_channel_order"] else values


# torchvision and timm -------------------------------------------------------------------------------------------------

FILTERS = dict(nearest=0, lanczos=1, bilinear=2, bicubic=3, box=4, hamming=5)


def tv_resize(image, size, filter):
    width, height = image.size
    if isinstance(size, int):
        short, long = (width, height) if width <= height else (height, width)
        new_short, new_long = size, int(size * long / short)
        new_w, new_h = (new_short, new_long) if width <= height else (new_long, new_short)
        return image if (width, height) == (new_w, new_h) else image.resize((new_w, new_h), FILTERS[filter])
    return image.resize((size[1], size[0]), FILTERS[filter])


def tv_center_crop(image, crop, fill=0):
    width, height = image.size
    if crop > width or crop > height:
        left = (crop - width) // 2 if crop > width else 0
        top = (crop - height) // 2 if crop > height else 0
        right = (crop - width + 1) // 2 if crop > width else 0
        bottom = (crop - height + 1) // 2 if crop > height else 0
        padded = Image.new("RGB", (width + left + right, height + top + bottom), tuple(fill) if fill else (0, 0, 0))
        padded.paste(image, (left, top))
        image, (width, height) = padded, padded.size
    top, left = int(round((height - crop) / 2.0)), int(round((width - crop) / 2.0))
    return image.crop((left, top, left + crop, top + crop))


def to_values(image, mean, std):
    pixels = np.array(image)
    return pixels, (pixels.astype(np.float32) / np.float32(255) - np.float32(mean)) / np.float32(std)


def timm(c, pixels):
    size, pct = c["input_size"][1], c["crop_pct"]
    scale = math.floor(size / pct)
    image = Image.fromarray(pixels)
    mode = c.get("crop_mode", "center")
    if mode == "squash":
        image = tv_center_crop(tv_resize(image, (scale, scale), c["interpolation"]), size)
    elif mode == "border":
        ratio = max(image.height / scale, image.width / scale)
        new = [round(x / ratio) for x in (image.height, image.width)]
        image = tv_center_crop(tv_resize(image, new, c["interpolation"]), size, [round(255 * v) for v in c["mean"]])
    else:
        image = tv_center_crop(tv_resize(image, scale, c["interpolation"]), size)
    return to_values(image, c["mean"], c["std"])


def torchvision(c, pixels):
    image = tv_resize(Image.fromarray(pixels), c["resize_size"], c["interpolation"])
    return to_values(tv_center_crop(image, c["crop_size"]), c["mean"], c["std"])


def card(size, pct, filter, **more):
    return dict(input_size=[3, size, size], crop_pct=pct, interpolation=filter, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], **more)


def box(side):
    return dict(height=side, width=side)


def named(name, **keys):
    return dict(image_processor_type=name + "ImageProcessor", **keys)


def square(c, image):
    return plain(c, image, True)


def short(c, image):
    return plain(c, image, False)


RESCALE = dict(do_rescale=True, rescale_factor=1 / 255)
CASES = [
    ("ViT", square, named("ViT", size=box(224), resample=2, **HALF, **RESCALE)),
    ("ViT, as its older files are", square, dict(feature_extractor_type="ViTFeatureExtractor", size=224, resample=2, **HALF)),
    ("ViT without rescaling or normalising", square, named("ViT", size=box(32), resample=2, do_rescale=False, do_normalize=False)),
    ("DeiT", square, named("DeiT", size=box(256), resample=3, do_center_crop=True, crop_size=box(224), **IMAGENET, **RESCALE)),
    ("DeiT without resizing", square, named("DeiT", do_resize=False, size=box(256), resample=3, do_center_crop=True, crop_size=box(224), **IMAGENET)),
    ("CLIP", short, named("CLIP", size=dict(shortest_edge=224), resample=3, do_center_crop=True, crop_size=box(224), **OPENAI, **RESCALE)),
    ("CLIP with a side as a number", short, named("CLIP", size=227, resample=3, do_center_crop=True, crop_size=224, **OPENAI)),
    ("ConvNext below 384", convnext, named("ConvNext", size=dict(shortest_edge=224), crop_pct=0.95, resample=3, **IMAGENET, **RESCALE)),
    ("ConvNext without crop_pct", convnext, named("ConvNext", size=dict(shortest_edge=160), crop_pct=None, resample=3, **IMAGENET)),
    ("ConvNext from 384 on", convnext, named("ConvNext", size=dict(shortest_edge=384), crop_pct=1.0, resample=3, **IMAGENET, **RESCALE)),
    ("BiT (DINOv2)", short, named("Bit", size=dict(shortest_edge=257), resample=3, do_center_crop=True, crop_size=box(224), **IMAGENET, **RESCALE)),
    ("LeViT", levit, named("Levit", size=dict(shortest_edge=224), resample=3, do_center_crop=True, crop_size=box(224), **IMAGENET, **RESCALE)),
    ("EfficientNet", efficientnet, named("EfficientNet", size=box(346), resample=0, do_center_crop=True, crop_size=box(289), include_top=True, rescale_offset=False, **RESCALE, image_mean=[0.485, 0.456, 0.406], image_std=[0.478, 0.473, 0.474])),
    ("EfficientNet of ALIGN", efficientnet, named("EfficientNet", size=box(289), resample=2, do_center_crop=False, include_top=False, rescale_offset=True, do_rescale=True, rescale_factor=1 / 127.5, do_normalize=False, **HALF)),
    ("MobileNetV1", short, named("MobileNetV1", size=dict(shortest_edge=256), resample=2, do_center_crop=True, crop_size=box(224), **HALF, **RESCALE)),
    ("MobileNetV2", short, named("MobileNetV2", size=dict(shortest_edge=259), resample=2, do_center_crop=True, crop_size=box(224), **HALF, **RESCALE)),
    ("MobileViT", mobilevit, named("MobileViT", size=dict(shortest_edge=288), resample=3, do_center_crop=True, crop_size=box(256), do_flip_channel_order=True, **RESCALE)),
    ("Siglip", square, named("Siglip", size=box(224), resample=3, **HALF, **RESCALE)),
    ("EfficientFormer", square, named("EfficientFormer", size=box(224), resample=3, do_center_crop=True, crop_size=box(224), **IMAGENET, **RESCALE)),
    ("PoolFormer", poolformer, named("PoolFormer", size=dict(shortest_edge=224), crop_pct=0.9, resample=3, do_center_crop=True, crop_size=box(224), **IMAGENET, **RESCALE)),
    ("PoolFormer of a square", poolformer, named("PoolFormer", size=box(224), crop_pct=0.95, resample=3, do_center_crop=True, crop_size=box(224), **IMAGENET, **RESCALE)),
    ("PVT", square, named("Pvt", size=box(224), resample=2, **IMAGENET, **RESCALE)),
    ("BEiT", square, named("Beit", size=box(256), resample=3, do_center_crop=True, crop_size=box(224), do_reduce_labels=False, **HALF, **RESCALE)),
    ("BEiT without a crop", square, named("Beit", size=box(224), resample=2, do_center_crop=False, crop_size=box(224), **HALF)),
    ("timm, center .875", timm, card(224, 0.875, "bilinear")),
    ("timm, center .9", timm, card(224, 0.9, "bicubic")),
    ("timm, center .95 of 160", timm, card(160, 0.95, "bicubic", crop_mode="center")),
    ("timm, center 1.15", timm, card(96, 1.15, "bicubic")),
    ("timm, squash", timm, card(224, 1.0, "bicubic", crop_mode="squash")),
    ("timm, squash .9", timm, card(224, 0.9, "lanczos", crop_mode="squash")),
    ("timm, border", timm, card(96, 1.0, "bicubic", crop_mode="border")),
    ("timm, border .9", timm, card(96, 0.9, "bilinear", crop_mode="border")),
    ("torchvision, ImageClassification", torchvision, dict(crop_size=224, resize_size=256, interpolation="bilinear", mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])),
    ("torchvision, 232 bicubic", torchvision, dict(crop_size=224, resize_size=235, interpolation="bicubic", mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])),
]

# What the classes take where a file says their names alone (their __init__).
CROP = dict(do_center_crop=True, crop_size=box(224))
ALONE = [
    ("ViT", square, dict(size=box(224), resample=2, **HALF)),
    ("DeiT", square, dict(size=box(256), resample=3, **CROP, **HALF)),
    ("Beit", square, dict(size=box(256), resample=3, **CROP, **HALF)),
    ("CLIP", short, dict(size=dict(shortest_edge=224), resample=3, **CROP, **OPENAI)),
    ("Bit", short, dict(size=dict(shortest_edge=224), resample=3, **CROP, **OPENAI)),
    ("ConvNext", convnext, dict(size=dict(shortest_edge=384), resample=3, **HALF)),
    ("Levit", levit, dict(size=dict(shortest_edge=224), resample=3, **CROP, **IMAGENET)),
    ("PoolFormer", poolformer, dict(size=dict(shortest_edge=224), crop_pct=0.9, resample=3, **CROP, **IMAGENET)),
    ("EfficientNet", efficientnet, dict(size=box(346), resample=0, **HALF)),
    ("EfficientFormer", square, dict(size=box(224), resample=3, **CROP, **IMAGENET)),
    ("MobileNetV1", short, dict(size=dict(shortest_edge=256), resample=2, **CROP, **HALF)),
    ("MobileNetV2", short, dict(size=dict(shortest_edge=256), resample=2, **CROP, **HALF)),
    ("MobileViT", mobilevit, dict(size=dict(shortest_edge=224), resample=2, crop_size=box(256), rescale_factor=1 / 255, do_flip_channel_order=True)),
    ("Siglip", square, dict(size=box(224), resample=3, **HALF)),
    ("Pvt", square, dict(size=box(224), resample=2, **IMAGENET)),
    ("Segformer", square, dict(size=box(512), resample=2, **IMAGENET)),
]
CASES = [(name, compute, config, config, SHAPES) for name, compute, config in CASES]
CASES += [(f"{name}, by its name alone", compute, config, named(name), SHAPES[:2]) for name, compute, config in ALONE]
images = {shape: pattern(*shape) for shape in SHAPES}
out = []
for name, compute, config, said, shapes in CASES:
    answers = []
    for shape in shapes:
        pixels, values = compute(config, images[shape])
        at = [i * values.size // 7 for i in range(7)]
        planes = np.ascontiguousarray(np.transpose(values, (2, 0, 1))).reshape(-1)
        digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()[:24]
        answers.append(dict(side=pixels.shape[0], digest=digest, values=[float(f"{planes[i]:.7g}") for i in at]))
        assert pixels.shape[0] == pixels.shape[1], (name, pixels.shape)
    out.append(dict(name=name, timm=compute is timm, config=said, answers=answers))
# The layout of the project's formatter: two spaces, short lists on one line.
text = json.dumps(dict(shapes=SHAPES, cases=out), indent=2)
text = re.sub(r"\[\s+([^][{}]*?)\s+\]", lambda found: "[" + re.sub(r",\s+", ", ", found[1]) + "]", text)
text = re.sub(r"\[\s+((?:\[\d+, \d+\](?:,\s+)?)+)\s+\]", lambda found: "[" + re.sub(r",\s+", ", ", found[1]) + "]", text)
with open(os.path.join(HERE, "preprocess.json"), "w") as f:
    f.write(text + "\n")
