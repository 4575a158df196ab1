#!/usr/bin/python3
"""Compares what the reader of Keras's HDF5 files makes of a file with h5py's reading of it and numpy's transposition.

usage: check_keras.py [--copier build/release/tests/test_keras] FILE.h5...

Every layer of one kernel, bias or norm is compared: names, shapes, and values bit for bit. Models in models, LSTMs and
Theano's kernels are not understood here. Needs h5py and numpy; a development tool, no part of the build.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import h5py
import numpy as np

WORDS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "running_mean": "running_mean",
         "moving_variance": "running_var", "running_std": "running_var"}


def read_safetensors(path):
    raw = pathlib.Path(path).read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    header.pop("__metadata__", None)
    spans = {name: (row["shape"], *row["data_offsets"]) for name, row in header.items()}
    return {n: np.frombuffer(raw[8 + size + a : 8 + size + b], "<f4").reshape(s) for n, (s, a, b) in spans.items()}


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def expected(path):
    out = {}
    with h5py.File(path, "r") as f:
        root = f["model_weights"] if "model_weights" in f else f
        for layer in map(text, root.attrs["layer_names"]):
            for name in map(text, root[layer].attrs["weight_names"]):
                a = np.asarray(root[layer][name], "<f4")
                word = name.split("/")[-1].split(":")[0]
                ending = next((e for w, e in WORDS.items() if word == w or word.endswith("_" + w)), None)
                if ending is None:
                    ending = "weight" if a.ndim >= 2 else "bias"
                if a.ndim >= 2:
                    depthwise = word.endswith("depthwise_kernel")
                    front = (a.ndim - 2, a.ndim - 1) if depthwise else (a.ndim - 1, a.ndim - 2)
                    a = a.transpose(front + tuple(range(a.ndim - 2)))
                out[f"{layer}.{ending}"] = a
    return out


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--copier", default="build/release/tests/test_keras")
parser.add_argument("files", nargs="+")
options = parser.parse_args()
bad = 0
for file in options.files:
    with tempfile.TemporaryDirectory() as folder:
        copy = f"{folder}/copy.safetensors"
        subprocess.run([options.copier, file, copy], check=True)
        ours, theirs = read_safetensors(copy), expected(file)
    differ = [n for n in theirs if n not in ours or ours[n].shape != theirs[n].shape or not np.array_equal(ours[n], theirs[n])]
    extra = [n for n in ours if n not in theirs]
    print(f"{file}: {len(ours)} tensors, {sum(a.size for a in ours.values())} numbers, {len(differ)} differ, {len(extra)} more than expected")
    for name in (differ + extra)[:10]:
        print(f"  {name}: ours {ours[name].shape if name in ours else None}, h5py's {theirs[name].shape if name in theirs else None}")
    bad += len(differ) + len(extra)
sys.exit(1 if bad else 0)
