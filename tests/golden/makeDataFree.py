"""Writes dataFree/*.safetensors: the terms of data-free image synthesis with their gradients, and whole trajectories (F64)."""
import math

import torch
import torch.nn.functional as F

import models
from golden import Random, leaf, save
from models import resnetForward, resnetShapes

TEACHER = dict(stem="small", block="basic", depths=[1, 1], widths=[4, 8], classes=3, imageSize=12)


class Norms:
    """Remembers what every batch normalisation is given while a model is run."""

    def __enter__(self):
        self.seen, self.plain = [], F.batch_norm

        def watched(x, mean, var, *rest):
            self.seen.append((x, mean, var))
            return self.plain(x, mean, var, *rest)

        models.F.batch_norm = watched
        return self

    def __exit__(self, *_):
        models.F.batch_norm = self.plain


def teacherOf(rnd, c=TEACHER):
    shapes, norms = resnetShapes(c)
    w = {}
    for name, shape in shapes.items():
        if name.rsplit(".", 1)[0] in norms:
            w[name] = rnd.normal(*shape, std=0.2, mean=1.0 if name.endswith("weight") else 0.1)
        elif len(shape) == 1:
            w[name] = rnd.normal(*shape, std=0.2)
        else:
            w[name] = rnd.normal(*shape, std=(2 / math.prod(shape[1:])) ** 0.5)
    buffers = {}
    for n, k in norms.items():
        buffers[n + ".running_mean"], buffers[n + ".running_var"] = rnd.normal(k, std=0.3), rnd.uniform(k, low=0.5, high=2.0)
    return w, buffers


def normPrior(seen, first):
    total = 0.0
    for i, (x, mean, var) in enumerate(seen):
        rows = x.transpose(0, 1).flatten(1)
        gap = torch.linalg.vector_norm(rows.var(1, unbiased=False) - var) + torch.linalg.vector_norm(rows.mean(1) - mean)
        total = total + (first if i == 0 else 1.0) * gap
    return total


def neighbours(x):
    return x[..., :, :-1] - x[..., :, 1:], x[..., :-1, :] - x[..., 1:, :], x[..., 1:, :-1] - x[..., :-1, 1:], x[..., :-1, :-1] - x[..., 1:, 1:]


def tv1(x):
    return sum(d.abs().mean() for d in neighbours(x))


def tv2(x):
    return sum(d.pow(2).sum().sqrt() for d in neighbours(x))


def length(x):
    return torch.stack([torch.linalg.vector_norm(image) for image in x]).mean()


def adaptive(student, teacher):
    p, q = (student / 3).softmax(1), (teacher / 3).softmax(1)
    m = ((p + q) / 2).clamp(0.01, 0.99)
    p, q = p.clamp(0.01, 0.99), q.clamp(0.01, 0.99)
    js = sum(0.5 * F.kl_div(r.log(), m, reduction="batchmean") for r in (p, q))
    return 1 - js.clamp(0, 1)


def boundary(features, labels, margin, variant):
    """Image by image, with loops, as the page has it."""
    z = features / features.pow(2).sum(1, keepdim=True).sqrt()
    total = 0.0
    for i in range(len(z)):
        def far(j):
            return (z[i] - z[j]).pow(2).sum().sqrt()

        same = [j for j in range(len(z)) if j != i and labels[j] == labels[i]]
        other = [j for j in range(len(z)) if labels[j] != labels[i]]
        if not same or (variant == "expand" and not other):
            continue
        easy = min(same, key=lambda j: far(j).item())
        limits = [far(j).detach() for j in ([max(same, key=lambda j: far(j).item())] if variant == "fill" else [])]
        if other:
            limits.append(min(far(j).detach() for j in other) - margin)
        bound = min(limits)
        if bound > far(easy):
            total = total + bound - far(easy)
    return total / len(z)


def case(name, inputs, of, config):
    leaves = {n: leaf(t) if t.is_floating_point() else t for n, t in inputs.items()}
    loss = of(**leaves)
    wrt = [n for n, t in leaves.items() if t.requires_grad]
    grads = torch.autograd.grad(loss, [leaves[n] for n in wrt], allow_unused=True) if torch.is_tensor(loss) and loss.requires_grad else [None] * len(wrt)
    t = {"input." + n: x for n, x in leaves.items()}
    t["loss"] = torch.as_tensor(loss)
    t.update({"grad." + n: torch.zeros_like(leaves[n]) if g is None else g for n, g in zip(wrt, grads)})
    save("dataFree", name, t, config, "<f8")


def makeTerms():
    rnd = Random(700)
    image = rnd.normal(3, 3, 6, 5)
    case("tv1", {"images": image}, lambda images: tv1(images), dict(term="tv1"))
    case("tv2", {"images": image}, lambda images: tv2(images), dict(term="tv2"))
    case("length", {"images": image}, lambda images: length(images), dict(term="length"))
    for name, std in (("adaptive", 2.0), ("adaptiveHuge", 60.0), ("adaptiveNear", 0.1)):
        case(name, {"student": rnd.normal(4, 6, std=std), "teacher": rnd.normal(4, 6, std=std)}, adaptive, dict(term="adaptive"))
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])
    centres = rnd.normal(3, 7)
    features = (centres[labels] + rnd.normal(12, 7, std=0.6)).float().double()
    alone, twos = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 3]), torch.arange(12) // 2
    for variant in ("fill", "expand"):
        for kind, of, margin in (("", labels, 0.1), ("Lonely", alone, 0.1), ("OneClass", labels * 0, 0.1), ("Pairs", twos, 0.0)):
            config = dict(term="boundary", variant=variant, margin=margin)
            case("boundary" + variant.title() + kind, {"features": features, "labels": of}, lambda features, labels: boundary(features, labels, margin, variant), config)


def makeNormPrior():
    for name, seed, first in (("normPrior", 710, 1), ("normPriorFirst", 711, 10)):
        rnd = Random(seed)
        w, buffers = teacherOf(rnd)

        def of(images):
            with Norms() as norms:
                resnetForward(TEACHER, w, buffers, images, False)
            return normPrior(norms.seen, first)

        images = leaf(rnd.normal(4, 3, 12, 12))
        loss = of(images)
        t = {"param." + n: x for n, x in {**w, **buffers}.items()}
        t.update({"input.images": images, "loss": loss, "grad.images": torch.autograd.grad(loss, images)[0]})
        save("dataFree", name, t, dict(TEACHER, term="normPrior", first=first), "<f8")


def trajectory(name, seed, phases, grey=False, student=False, cifar10=False, **knobs):
    """`phases`: (shrink, iterations, jitter) one after the other, each with an Adam of its own. `cifar10`: as the authors'
    deepinversion_cifar10.py: torch's betas, a constant learning rate, no clipping, no mirror."""
    rnd = Random(seed)
    w, buffers = teacherOf(rnd)
    other = teacherOf(rnd) if student else None
    labels = torch.tensor([0, 0, 0, 0, 2, 2, 2, 2])
    mean, std = torch.tensor(knobs["mean"]).view(3, 1, 1), torch.tensor(knobs["std"]).view(3, 1, 1)
    channels = 1 if grey else 3
    own = (mean.mean(0, keepdim=True), std.mean(0, keepdim=True)) if grey else (mean, std)
    low, high = (0 - own[0]) / own[1], (1 - own[0]) / own[1]
    x = leaf(rnd.normal(8, channels, 12, 12))
    t = {"param." + n: v for n, v in {**w, **buffers}.items()}
    if student:
        t.update({"student." + n: v for n, v in {**other[0], **other[1]}.items()})
    t.update({"input.images": x.detach().clone(), "input.labels": labels})
    losses, rolls = [], []
    for shrink, iterations, jitter in phases:
        optimiser = torch.optim.Adam([x], lr=1, betas=(0.9, 0.999) if cifar10 else (0.5, 0.9), eps=1e-8)
        for k in range(iterations):
            warm = min(knobs["warmup"], iterations - 1)
            lr = knobs["lr"]
            first = lr / warm if warm else 0
            optimiser.param_groups[0]["lr"] = first + (lr - first) * k / warm if k < warm else 0.5 * lr * (1 + math.cos(math.pi * (k - warm) / max(1, iterations - warm)))
            if cifar10:
                optimiser.param_groups[0]["lr"] = lr
            dy, dx = [int(rnd.labels(2 * jitter + 1, 1)) - jitter for _ in range(2)]
            mirrored = 0 if cifar10 else int(rnd.labels(2, 1))
            rolls.append([dy, dx, mirrored])
            y = x if not grey else (x * own[1] + own[0] - mean) / std
            y = F.avg_pool2d(y, shrink) if shrink > 1 else y
            y = torch.roll(y, (dy, dx), (2, 3))
            y = y.flip(3) if mirrored else y
            with Norms() as norms:
                out = resnetForward(TEACHER, w, buffers, y, False)
            loss = F.cross_entropy(out["logits"], labels) + knobs["tv1"] * tv1(y) + knobs["tv2"] * tv2(y) + knobs["l2"] * length(y)
            loss = loss + knobs["feature"] * normPrior(norms.seen, knobs["first"])
            if knobs["bpid"]:
                loss = loss + knobs["bpid"] * boundary(out["pooled"], labels, knobs["margin"], "fill")
            if student:
                loss = loss + knobs["adi"] * adaptive(resnetForward(TEACHER, *other, y, False)["logits"], out["logits"])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if not cifar10:
                with torch.no_grad():
                    x.copy_(torch.minimum(torch.maximum(x, low), high))
            losses.append(loss.item())
    t.update({"input.rolls": torch.tensor(rolls), "output.losses": torch.tensor(losses), "output.images": x})
    save("dataFree", name, t, dict(TEACHER, phases=phases, grey=grey, cifar10=cifar10, **knobs), "<f8")


def main():
    makeTerms()
    makeNormPrior()
    knobs = dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], lr=0.1, warmup=3, tv1=0.1, tv2=1e-3, l2=1e-2, feature=0.1, first=3, bpid=0.5, margin=0.05, adi=0.2)
    trajectory("trajectory", 720, [(1, 20, 2)], **knobs)
    trajectory("trajectoryTwoSizes", 721, [(2, 10, 1), (1, 10, 2)], **knobs)
    trajectory("trajectoryGreyStudent", 722, [(1, 20, 2)], grey=True, student=True, **knobs)
    trajectory("trajectoryCifar10", 723, [(1, 20, 2)], cifar10=True, **{**knobs, "bpid": 0, "warmup": 0, "tv1": 0, "l2": 0})


if __name__ == "__main__":
    main()
