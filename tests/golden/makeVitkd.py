"""Writes methods/vitkd*.safetensors (F64)."""
from golden import Random, leaf
from losses import maskFromNoise, vitkd
from makeMethods import finish


def case(name, seed, grid=(4, 4), B=2, Ds=4, Dt=6, **changes):
    c = dict(method="vitkd", shallowLayers=2, shallowHow="mimic", deepHow="generate", generator="conv", alpha=3e-5, beta=3e-6, maskRatio=0.5, scale="reference", relation=False, relationWeight=1.0)
    c.update(changes)
    c.update(grid=list(grid), studentWidth=Ds, teacherWidth=Dt)
    N = grid[0] * grid[1]
    hows = {f"shallow.{l}": c["shallowHow"] for l in range(c["shallowLayers"])}
    hows["deep"] = c["deepHow"]
    if not c["relation"]:
        hows = {n: h for n, h in hows.items() if h != "none"}
    for attempt in range(500):  # a seed whose ReLU decisions are all clear
        rnd = Random(seed + 1000 * attempt)
        x, w = {}, {}
        for n, how in hows.items():
            x[n], x["teacher." + n] = leaf(rnd.normal(B, N, Ds)), rnd.normal(B, N, Dt)
            if Ds != Dt:
                w[n + ".weight"], w[n + ".bias"] = rnd.normal(Dt, Ds, std=Ds**-0.5), rnd.normal(Dt, std=0.2)
            if how == "generate":
                x["noise." + n] = rnd.uniform(B, N)
                x["mask." + n] = maskFromNoise(x["noise." + n], c["maskRatio"])
                g = "" if n == "deep" else n + "."
                w[g + "mask_token"] = rnd.normal(1, 1, Dt, std=0.3)
                for i in (0, 2):
                    w[g + f"generator.{i}.weight"] = rnd.normal(Dt, Dt, 3, 3, std=(2 / (9 * Dt)) ** 0.5)
                    w[g + f"generator.{i}.bias"] = rnd.normal(Dt, std=0.2)
        w = {n: leaf(t) for n, t in w.items()}
        margins = []
        terms, feats = vitkd(c, x, w, margins)
        if not margins or min(margins) > 1e-4:
            break
    else:
        raise SystemExit("no clear seed for " + name)
    finish("vitkd" + name, x, w, dict(terms, loss=terms["vitkd"]), c, feats)


if __name__ == "__main__":
    case("Reference", 701)
    case("PerElement", 702, scale="per-element")
    case("OddGrid", 703, grid=(3, 5), maskRatio=0.3)
    case("OddGridPerElement", 704, grid=(3, 5), maskRatio=0.3, scale="per-element")
    case("Mask0", 705, maskRatio=0)
    case("Mask0PerElement", 706, maskRatio=0, scale="per-element")
    case("Batch1", 707, B=1, grid=(1, 3))
    case("SameWidth", 708, Ds=6)
    case("DeepMimic", 709, deepHow="mimic", scale="per-element")
    case("DeepMimicReference", 710, deepHow="mimic")
    case("DeepNone", 711, deepHow="none")
    case("ShallowNone", 712, shallowHow="none")
    case("ShallowGenerate", 713, shallowHow="generate", scale="per-element", grid=(3, 3))
    case("Relation", 714, shallowHow="none", deepHow="none", relation=True)
