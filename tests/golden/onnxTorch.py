"""An ONNX file as a PyTorch function of its image and its float tensors, so that autograd gives the gradient of each of them under the name that it has in the file. Written from the ONNX standard's text for the operators that torchvision's exports use."""
import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional as F


def tensorOf(proto, real):
    array = np.array(numpy_helper.to_array(proto))
    t = torch.from_numpy(array)
    return t.to(real) if t.is_floating_point() else t


def whole(t):
    return [int(n) for n in t.flatten().tolist()]


def pads2d(x, pads, value=0.0):
    top, left, bottom, right = pads
    return F.pad(x, (left, right, top, bottom), value=value) if any(pads) else x


def conv(a, x, w, b=None):
    assert a.get("auto_pad", b"NOTSET") == b"NOTSET"
    return F.conv2d(pads2d(x, a.get("pads", [0] * 4)), w, b, a.get("strides", 1), 0, a.get("dilations", 1), a.get("group", 1))


def gemm(a, x, w, c=None):
    y = a.get("alpha", 1.0) * ((x.t() if a.get("transA") else x) @ (w.t() if a.get("transB") else w))
    return y if c is None else y + a.get("beta", 1.0) * c


def sliced(a, x, starts, ends, axes=None, steps=None):
    axes = whole(axes) if axes is not None else range(len(starts))
    steps = whole(steps) if steps is not None else [1] * len(starts)
    for start, end, axis, step in zip(whole(starts), whole(ends), axes, steps):
        places = range(*slice(start, None if step < 0 and end < -x.shape[axis] else end, step).indices(x.shape[axis]))
        x = x.index_select(axis, torch.tensor(list(places), dtype=torch.long))
    return x


def padded(a, x, pads, value=None):
    assert a.get("mode", b"constant") == b"constant"
    given, n = whole(pads), x.dim()
    flat = [amount for axis in reversed(range(n)) for amount in (given[axis], given[axis + n])]
    return F.pad(x, flat, value=0.0 if value is None else float(value))


def reshaped(a, x, shape):
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(whole(shape))])


def scattered(a, data, indices, updates):
    out = data.clone()
    out[tuple(indices.long().unbind(-1))] = updates
    return out


def expanded(a, x, shape):
    shape = whole(shape)
    rank = max(len(shape), x.dim())
    own = [1] * (rank - x.dim()) + list(x.shape)
    given = [1] * (rank - len(shape)) + shape
    return x.expand([max(m, n) for m, n in zip(own, given)])


def gathered(a, x, index):
    axis = a.get("axis", 0) % x.dim()
    index = torch.where(index < 0, index + x.shape[axis], index)
    flat = x.index_select(axis, index.flatten().long())
    return flat.reshape(list(x.shape[:axis]) + list(index.shape) + list(x.shape[axis + 1 :]))


def cast(real):
    types = {1: real, 6: torch.int32, 7: torch.int64, 9: torch.bool, 11: real}
    return lambda a, x: x.to(types[a["to"]])


def axesOf(a, given):
    return whole(given) if given is not None else list(a["axes"])


def unsqueezed(a, x, axes=None):
    axes = axesOf(a, axes)
    for axis in sorted(axis % (x.dim() + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def divided(a, x, y):
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


def constantNode(a, real):
    value = a["value"]
    return tensorOf(value, real)


def shaped(a, shape, real):
    value = tensorOf(a["value"], real) if "value" in a else torch.zeros(1, dtype=real)
    return value.flatten()[0].expand(whole(shape)).clone()


def clipped(a, x, low=None, high=None):
    low = a.get("min") if low is None else low
    high = a.get("max") if high is None else high
    return torch.clamp(x, None if low is None else float(low), None if high is None else float(high))


def maxPool(a, x):
    return F.max_pool2d(pads2d(x, a.get("pads", [0] * 4), -torch.inf), a["kernel_shape"], a["strides"], ceil_mode=bool(a.get("ceil_mode")))


OPS = {
    "Add": lambda a, x, y: x + y,
    "Sub": lambda a, x, y: x - y,
    "Mul": lambda a, x, y: x * y,
    "Div": divided,
    "Mod": lambda a, x, y: torch.remainder(x, y),
    "Pow": lambda a, x, y: x**y,
    "Sqrt": lambda a, x: x.sqrt(),
    "Erf": lambda a, x: torch.erf(x),
    "Relu": lambda a, x: F.relu(x),
    "Sigmoid": lambda a, x: torch.sigmoid(x),
    "HardSigmoid": lambda a, x: torch.clamp(a.get("alpha", 0.2) * x + a.get("beta", 0.5), 0, 1),
    "HardSwish": lambda a, x: x * torch.clamp(x / 6 + 0.5, 0, 1),
    "Clip": clipped,
    "Identity": lambda a, x: x,
    "Dropout": lambda a, x, *rest: x,
    "Not": lambda a, x: ~x,
    "Equal": lambda a, x, y: x == y,
    "Where": lambda a, c, x, y: torch.where(c, x, y),
    "Conv": conv,
    "Gemm": gemm,
    "MatMul": lambda a, x, y: x @ y,
    "GlobalAveragePool": lambda a, x: x.mean([2, 3], keepdim=True),
    "MaxPool": maxPool,
    "Flatten": lambda a, x: x.reshape(int(np.prod(x.shape[: a.get("axis", 1)])), -1),
    "Reshape": reshaped,
    "Transpose": lambda a, x: x.permute(a.get("perm", list(reversed(range(x.dim()))))),
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "Slice": sliced,
    "Pad": padded,
    "Unsqueeze": unsqueezed,
    "Squeeze": lambda a, x, axes=None: x.squeeze(axesOf(a, axes)[0]),
    "Gather": gathered,
    "ScatterND": scattered,
    "Expand": expanded,
    "Shape": lambda a, x: torch.tensor(list(x.shape)),
    "Range": lambda a, start, limit, step: torch.arange(start.item(), limit.item(), step.item()),
    "ReduceMean": lambda a, x: x.mean(a["axes"], keepdim=bool(a.get("keepdims", 1))),
    "Softmax": lambda a, x: torch.softmax(x, a.get("axis", -1)),
    "LayerNormalization": lambda a, x, g, b=None: F.layer_norm(x, list(g.shape), g, b, a.get("epsilon", 1e-5)),
}


def attributes(node):
    found = {}
    for one in node.attribute:
        value = onnx.helper.get_attribute_value(one)
        found[one.name] = list(value) if isinstance(value, (tuple, list)) or hasattr(value, "extend") else value
    return found


class OnnxTorch:
    """`weights`: the file's float tensors by name, leaves that autograd knows. In training BatchNorms see the batch; `after` has their running statistics then."""

    def __init__(self, path, real=torch.float64):
        self.model = onnx.load_model_from_string(path) if isinstance(path, bytes) else onnx.load(path)
        self.real = real
        self.weights, self.constants, self.after = {}, {}, {}
        for proto in self.model.graph.initializer:
            t = tensorOf(proto, real)
            if t.is_floating_point():
                self.weights[proto.name] = t.requires_grad_()
            else:
                self.constants[proto.name] = t

    def __call__(self, pixels, training=False):
        graph = self.model.graph
        known = set(self.weights) | set(self.constants)
        image = next(port.name for port in graph.input if port.name not in known)
        values = {"": None, **self.weights, **self.constants, image: pixels}
        ops = {**OPS, "Cast": cast(self.real), "Constant": lambda a: constantNode(a, self.real), "ConstantOfShape": lambda a, s: shaped(a, s, self.real)}
        for node in graph.node:
            inputs = [values[name] for name in node.input]
            while inputs and inputs[-1] is None:
                inputs.pop()
            if node.op_type == "BatchNormalization":
                values[node.output[0]] = self.batchNorm(node, inputs, training)
            else:
                values[node.output[0]] = ops[node.op_type](attributes(node), *inputs)
        return values[graph.output[0].name]

    def batchNorm(self, node, inputs, training):
        a = attributes(node)
        x, gain, shift, mean, var = inputs
        mean, var = mean.detach().clone(), var.detach().clone()
        y = F.batch_norm(x, mean, var, gain, shift, training, 1 - a.get("momentum", 0.9), a.get("epsilon", 1e-5))
        if training:
            self.after[node.input[3]], self.after[node.input[4]] = mean, var
        return y
