"""The command line of the peers: one flag a number, and the threads set before PyTorch is loaded."""
import argparse
import os


def arguments(defaults, texts=None, flags=()):
    """`defaults`: whole numbers by name, `threads` among them; `texts`: strings by name; `flags`: switches."""
    parser = argparse.ArgumentParser()
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, default in (texts or {}).items():
        parser.add_argument(f"--{name}", default=default)
    for name in flags:
        parser.add_argument(f"--{name}", action="store_true")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    return args
