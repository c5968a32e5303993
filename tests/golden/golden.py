"""Shared by the golden makers: a safetensors writer and reader, seeded float32-exact random tensors."""
import json
import os
import struct

import numpy as np
import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
torch.use_deterministic_algorithms(True)

HERE = os.path.dirname(os.path.abspath(__file__))
CODES = {"F64": "<f8", "I64": "<i8", "F32": "<f4"}


def writeSafetensors(path, tensors, metadata):
    """tensors: name -> numpy array of f8, i8 or f4. The 8-byte types come first, so every tensor is aligned to its own size."""
    code = {v: k for k, v in CODES.items()}
    names = sorted(tensors, key=lambda n: (-tensors[n].dtype.itemsize, n))
    header, offset, blobs = {"__metadata__": metadata}, 0, []
    for name in names:
        a = np.asarray(tensors[name])
        blob = np.ascontiguousarray(a).tobytes()
        header[name] = {"dtype": code["<" + a.dtype.str[1:]], "shape": list(a.shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def readSafetensors(path):
    with open(path, "rb") as f:
        raw = f.read()
    (n,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + n])
    meta = header.pop("__metadata__", {})
    out = {}
    for name, h in header.items():
        a, b = h["data_offsets"]
        out[name] = np.frombuffer(raw[8 + n + a : 8 + n + b], dtype=CODES[h["dtype"]]).reshape(h["shape"])
    return out, meta


def save(folder, case, tensors, config, real="<f4"):
    """Writes folder/case.safetensors; real tensors as `real` ('<f4' or '<f8'), integer tensors as I64."""
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    arrays = {}
    for name, t in tensors.items():
        a = t.detach().numpy() if torch.is_tensor(t) else np.asarray(t)
        a = a.astype("<i8" if a.dtype.kind == "i" else real)
        assert np.isfinite(a).all(), (case, name)
        arrays[name] = a
    config = dict(config, case=case)
    writeSafetensors(os.path.join(HERE, folder, case + ".safetensors"), arrays, {"config": json.dumps(config)})


class Random:
    """Seeded draws whose values are exact in float32, so that an F32 file holds precisely what the float64 computation used."""

    def __init__(self, seed):
        self.g = torch.Generator().manual_seed(seed)

    def normal(self, *shape, std=1.0, mean=0.0):
        return (torch.randn(*shape, generator=self.g) * std + mean).float().double()

    def uniform(self, *shape, low=0.0, high=1.0):
        return (torch.rand(*shape, generator=self.g) * (high - low) + low).float().double()

    def labels(self, classes, *shape):
        return torch.randint(0, classes, shape, generator=self.g)

    def keep(self, *shape, drop):
        return (torch.rand(*shape, generator=self.g) >= drop).double()


def leaf(t):
    return t.clone().requires_grad_(True)
