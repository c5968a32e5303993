"""Regenerates every golden file: /usr/bin/python3 -B tests/golden/makeAll.py (about half a minute)."""
import glob
import os
import runpy
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
sys.dont_write_bytecode = True
for old in glob.glob(os.path.join(here, "*", "*.safetensors")):
    os.remove(old)
for name in ("verify", "makeModels", "makeVariants", "makeWeights", "makeFoundation", "makeMethods", "makeOptim", "makeLogit", "makeVitkd", "makeVkd", "makeWideLast", "makeFewerPlaces", "makeCskd", "makeEmbed", "makeResize", "makePreprocess", "makeTransformers", "makeAugment", "makeMetrics", "makeLogistic", "makeMultilabel", "makeDataFree", "makeOnnx", "makeOnnxStudents"):
    runpy.run_path(os.path.join(here, name + ".py"), run_name="__main__")

from golden import readSafetensors  # noqa: E402

total = 0
for path in sorted(glob.glob(os.path.join(here, "*", "*.safetensors"))):
    tensors, meta = readSafetensors(path)
    assert "config" in meta and tensors, path
    total += os.path.getsize(path)
print(f"{len(glob.glob(os.path.join(here, '*', '*.safetensors')))} files, {total} bytes")
