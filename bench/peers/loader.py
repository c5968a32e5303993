"""PyTorch's DataLoader with torchvision and Pillow on a folder of class folders: decode, RandomResizedCrop to 224 (bicubic), mirror, normalise.

Prints one JSON object. Usage: python3 loader.py DIR BATCH WORKERS
"""
import json
import os
import resource
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import PIL  # noqa: E402
import torch  # noqa: E402  the environment must be set before it is loaded
import torchvision  # noqa: E402
from torchvision import transforms  # noqa: E402

torch.set_num_threads(1)
torch.manual_seed(0)
path, batch, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
dataset = torchvision.datasets.ImageFolder(path, transforms.Compose([
    transforms.RandomResizedCrop(224, interpolation=transforms.InterpolationMode.BICUBIC),
    transforms.RandomHorizontalFlip(),
    transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
]))
# Rounds of the list one after the other, so that nothing is waited for between epochs.
endless = torch.utils.data.ConcatDataset([dataset] * 2)
loader = iter(torch.utils.data.DataLoader(endless, batch, shuffle=True, num_workers=workers, drop_last=True))


def cpu():
    """Seconds of the workers so far, as the system tells them of processes that still run."""
    ticks = 0
    for worker in loader._workers:
        with open(f"/proc/{worker.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    own = resource.getrusage(resource.RUSAGE_SELF)
    return ticks / os.sysconf("SC_CLK_TCK") + own.ru_utime + own.ru_stime


count = len(loader)
# Workers start and fill their queues before the clock runs; what they have ahead at its end is theirs at its start too.
ahead = 2 * workers
for _ in range(4):
    next(loader)
start, before, images = time.perf_counter(), cpu(), 0
for _ in range(count - 4 - ahead):
    images += len(next(loader)[0])
seconds, cpu_seconds = time.perf_counter() - start, cpu() - before
versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}, Pillow {PIL.__version__}"
print(json.dumps({"images": images, "seconds": seconds, "cpuSeconds": cpu_seconds, "versions": versions}))
