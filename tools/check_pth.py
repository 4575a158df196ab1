#!/usr/bin/env python3
"""Compares what bifocal reads from PyTorch checkpoints with what torch wrote, bit by bit.

usage: check_pth.py --program build/release/bifocal [FILE.pth...]

Without files, checkpoints of many kinds are made here from random networks: both layouts of torch.save, several types of
numbers, views, shared tensors, optimisers, whole modules. `bifocal weights show --json` must name the same tensors with
the same shapes and types, and `bifocal weights import` must copy those of the backbone without changing a bit.
Files given are loaded by torch.load, which runs what they hold: give files that you trust.
Needs torch, torchvision and numpy; a development tool, no part of the build.
"""
import argparse
import collections
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision

TYPES = {"F32": torch.float32, "F64": torch.float64, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
         "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}
LEFT_OUT = {"optimizer", "optimizers", "optimizer_state", "optimizer_states", "optimizer_state_dict", "optim", "lr_scheduler",
            "lr_schedulers"}


def flatten(value, name=""):
    """The tensors of nested containers by dotted name, as bifocal names them."""
    def join(key):
        return f"{name}.{key}" if name else str(key)
    if isinstance(value, torch.Tensor):
        return {name or "tensor": value.detach()}
    if isinstance(value, torch.nn.Module):
        value = value.state_dict()
    out = {}
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, (str, int)) and key not in LEFT_OUT:
                out.update(flatten(item, join(key)))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            out.update(flatten(item, join(i)))
    return out


def read_safetensors(path):
    raw = pathlib.Path(path).read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    header.pop("__metadata__", None)
    data = raw[8 + size :]
    return {k: (v["dtype"], v["shape"], data[v["data_offsets"][0] : v["data_offsets"][1]]) for k, v in header.items()}


def bits(tensor):
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def run(program, *arguments):
    return subprocess.run([program, "weights", *map(str, arguments)], capture_output=True, text=True)


def compare_names(program, path, expected):
    shown = run(program, "show", path, "--json")
    if shown.returncode != 0:
        return [f"not read: {shown.stderr.strip()}"]
    faults, found = [], {t["name"]: t for t in json.loads(shown.stdout)["tensors"]}
    for name in sorted(set(expected) ^ set(found)):
        faults.append(f"{name}: {'not found by bifocal' if name in expected else 'not known to torch'}")
    for name in sorted(set(expected) & set(found)):
        shape, kind = found[name]["shape"], found[name]["dtype"]
        if list(expected[name].shape) != shape or TYPES.get(kind) != expected[name].dtype:
            faults.append(f"{name}: {kind} {shape}, torch has {expected[name].dtype} {list(expected[name].shape)}")
    return faults


def compare_values(program, path, expected, folder):
    """What import writes is float32; None where the file fits no backbone."""
    copy = folder / "copy.safetensors"
    done = run(program, "import", path, "-o", copy)
    if done.returncode != 0:
        return None, [f"not imported: {done.stderr.strip()}"]
    faults, count = [], 0
    for name, (kind, shape, data) in read_safetensors(copy).items():
        theirs = [v for k, v in expected.items() if k == name or k.endswith("." + name)]
        if not theirs:
            faults.append(f"{name}: imported, not known to torch")
        elif kind != "F32" or list(theirs[0].shape) != shape or bits(theirs[0].float()) != data:
            faults.append(f"{name}: imported with other values")
        count += 1
    return count, faults


def checkpoints():
    """name, object, whether import is tried"""
    torch.manual_seed(1)
    model = torchvision.models.resnet18()
    state = model.state_dict()
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 3, 64, 64)).sum().backward()
    optimiser.step()
    whole = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    yield "resnet18", state, True
    yield "resnet18 half", {k: v.half() if v.is_floating_point() else v for k, v in state.items()}, True
    yield "resnet18 bfloat16", {k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()}, True
    yield "resnet18 double", {k: v.double() if v.is_floating_point() else v for k, v in state.items()}, True
    yield "resnet18 channels last", model.to(memory_format=torch.channels_last).state_dict(), True
    yield "resnet18 parameters", collections.OrderedDict(model.named_parameters()), False
    yield "resnet18 module", model, True
    yield "mobilenet_v2 module", torchvision.models.mobilenet_v2(), True
    yield "checkpoint", {"epoch": 3, "state_dict": {"module." + k: v for k, v in state.items()}, "optimizer": optimiser.state_dict(),
                         "args": argparse.Namespace(lr=0.1), "best": np.float64(0.5), "rng": np.random.get_state()}, False
    yield "views", {"t": whole.permute(2, 0, 1), "part": whole[1:, ::2, 1:4], "row": whole[2, 3], "same": whole, "one": whole[0, 0, 0],
                    "empty": torch.zeros(0, 4), "wide": torch.ones(1).expand(7, 3), "scalar": torch.tensor(2.5)}, False
    yield "types", {str(t): torch.arange(5).to(t) for t in TYPES.values()}, False
    yield "nested", [{"a": (torch.ones(2), [torch.zeros(3)])}, torch.Size([3]), torch.float16, torch.device("cpu"), None, True, 1 << 70], False
    yield "tensor alone", torch.randn(3, 2), False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    failed = 0

    def check(label, path, value, imported, folder):
        expected = flatten(value)
        faults, note = compare_names(args.program, path, expected), ""
        if not faults and imported:
            count, faults = compare_values(args.program, path, expected, folder)
            note = f", {count} imported bit for bit"
        print(f"{label}: " + ("; ".join(faults[:5]) if faults else f"{len(expected)} tensors{note}"), flush=True)
        return bool(faults)

    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for file in args.files:
            failed += check(file, file, torch.load(file, map_location="cpu"), False, folder)
        for label, value, imported in checkpoints() if not args.files else ():
            for layout, options in (("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False}),
                                    ("zip, protocol 4", {"pickle_protocol": 4}), ("legacy, protocol 5", {"pickle_protocol": 5, "_use_new_zipfile_serialization": False})):
                path = folder / "x.pth"
                torch.save(value, path, **options)
                failed += check(f"{label} ({layout})", path, value, imported, folder)
    print(f"{failed} files differ" if failed else "no difference")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
