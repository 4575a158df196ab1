#!/usr/bin/env python3
"""Compares `bifocal weights run` with torchvision on the same weights and inputs.

usage: check_weights.py --program build/release/bifocal FILE...                  real files: safetensors, Keras SqueezeNet
       check_weights.py --program build/release/bifocal --random resnet18 ...    random weights made here
       check_weights.py --program build/release/bifocal --onnx resnet18 ...      the same, as torch exports them to ONNX

Prints the largest relative error (largest difference over largest magnitude) of every feature map and of the logits, and
fails where one is above --limit. Parameters that a file lacks stay new in both, so only what stands before them is compared.
Needs torch, torchvision, h5py and numpy; a development tool, no part of the build.
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
import torch
import torchvision

from report import write_safetensors

TYPES = {"F32": np.float32, "F64": np.float64, "F16": np.float16, "I64": np.int64}


def read_safetensors(path):
    raw = pathlib.Path(path).read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    data = memoryview(raw)[8 + size :]
    out = {}
    for name, row in header.items():
        begin, end = row["data_offsets"]
        out[name] = torch.from_numpy(np.frombuffer(data[begin:end], TYPES[row["dtype"]]).reshape(row["shape"]).copy())
    return out, metadata


def read_keras_squeezenet(path):
    """The Keras port's fire2 .. fire9 as torchvision's features.3 .. features.12, axes turned."""
    modules = dict(zip(("fire%d" % i for i in range(2, 10)), (3, 4, 6, 7, 9, 10, 11, 12)))
    out = {}
    with h5py.File(path) as f:
        for layer in f.attrs["layer_names"]:
            group = f[layer]
            layer = layer.decode()
            for name in group.attrs["weight_names"]:
                value = group[name][:]
                module, _, part = layer.partition("/")
                ours = "features.0" if layer == "conv1" else "features.%d.%s" % (
                    modules[module], {"squeeze1x1": "squeeze"}.get(part, part))
                kind = "weight" if value.ndim == 4 else "bias"
                value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
                out["%s.%s" % (ours, kind)] = torch.from_numpy(value.copy())
    return out


LAST_OF_STRIDE = {"mobilenet_v2": (1, 3, 6, 13, 18), "efficientnet_b0": (1, 2, 3, 5, 8), "convnext_tiny": (1, 3, 5, 7)}
SQUEEZENET = {1: "relu1", 4: "fire3", 7: "fire5", 12: "fire9"}


def features(model, name, x):
    """The last activation at each stride, finest first, as in the backbone's table."""
    out = {}
    if name.startswith("resnet"):
        x = out["relu"] = model.relu(model.bn1(model.conv1(x)))
        x = model.maxpool(x)
        for layer in ("layer1", "layer2", "layer3", "layer4"):
            x = out[layer] = getattr(model, layer)(x)
    elif name in LAST_OF_STRIDE:
        for i, block in enumerate(model.features):
            x = block(x)
            if i in LAST_OF_STRIDE[name]:
                out[f"features.{i}"] = x
    elif name == "squeezenet1_1":
        for i, block in enumerate(model.features):
            x = block(x)
            if i in SQUEEZENET:
                out[SQUEEZENET[i]] = x
    elif name == "densenet121":
        for key, block in model.features.named_children():
            if key.startswith("transition"):
                x = out[f"{key}.relu"] = block.relu(block.norm(x))
                x = block.pool(block.conv(x))
            else:
                x = block(x)
            if key == "relu0":
                out[key] = x
        out["relu5"] = torch.relu(x)
    else:
        stage = index = 0
        for block in model.features:
            if isinstance(block, torch.nn.MaxPool2d):
                stage += 1
                if stage > 1:
                    out[f"conv{stage}_{index}"] = x
                index = 0
            index += isinstance(block, torch.nn.Conv2d)
            x = block(x)
        out["pool5"] = x
    return out


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, value in model.state_dict().items():
        if name.endswith("running_mean"):
            value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
        elif name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        elif value.dim() == 1 and value.dtype == torch.float32:
            value.add_(torch.randn(value.shape, generator=generator) * 0.1)


def compare(program, path, name, sizes, limit, folder, tensors=None):
    if tensors is None:
        tensors = read_keras_squeezenet(path) if str(path).endswith(".h5") else read_safetensors(path)[0]
    model = getattr(torchvision.models, name)()
    missing = [k for k in model.load_state_dict(tensors, strict=False).missing_keys if "num_batches" not in k]
    model.eval()
    worst = 0.0
    for n, channels, h, w in sizes:
        x = torch.from_numpy(np.random.default_rng(7).standard_normal((n, channels, h, w)).astype(np.float32))
        with h5py.File(folder / "x.h5", "w") as f:
            f["input"] = x.numpy()
        command = [program, "weights", "run", str(path), "--backbone", name, "--input", str(folder / "x.h5"), "-o", str(folder / "y.h5")]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL if missing else None)
        x = x.expand(n, 3, h, w)  # what one channel stands for
        with torch.no_grad():
            expected = features(model, name, x)
            logits = model(x)
        with h5py.File(folder / "y.h5") as f:
            found = {k: f["features"][k][:] for k in f["features"]}
            if "logits" in f:
                found["logits"] = f["logits"][:]
        expected = {k: v.numpy() for k, v in expected.items()}
        expected["logits"] = logits.numpy()
        for key in sorted(found):
            if missing and (key == "logits" or any(m.startswith(key + ".") for m in missing)):
                print(f"  {n}x{channels}x{h}x{w} {key:14} not compared: {len(missing)} parameters are missing")
                continue
            error = float(np.abs(found[key] - expected[key]).max() / np.abs(expected[key]).max())
            worst = max(worst, error)
            print(f"  {n}x{channels}x{h}x{w} {key:14} {error:.2e}" + ("" if error <= limit else "  TOO LARGE"))
    return worst


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--limit", type=float, default=1e-4)
    parser.add_argument("--random", nargs="*", default=[])
    parser.add_argument("--onnx", nargs="*", default=[])
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    worst = 0.0
    sizes = [(3, 3, 224, 224), (1, 3, 97, 131), (2, 1, 64, 96)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for file in args.files:
            shown = json.loads(subprocess.run([args.program, "weights", "show", file, "--json"], check=True, capture_output=True).stdout)
            print(f"{file}: {shown['backbone']['name']}")
            worst = max(worst, compare(args.program, file, shown["backbone"]["name"], sizes, args.limit, folder))
        for name in args.random:
            torch.manual_seed(1)
            model = getattr(torchvision.models, name)()
            randomise(model, 2)
            write_safetensors(folder / "w.safetensors", model.state_dict(), {"made_by": "check_weights.py"})
            print(f"random {name}")
            worst = max(worst, compare(args.program, folder / "w.safetensors", name, sizes, args.limit, folder))
        for name in args.onnx:
            torch.manual_seed(1)
            model = getattr(torchvision.models, name)()
            randomise(model, 2)
            for key, value in model.state_dict().items():  # equal tensors would become one in the file
                if value.dim() == 1 and value.dtype == torch.float32:
                    value.add_(torch.randn(value.shape, generator=torch.Generator().manual_seed(len(key))) * 0.01).abs_()
            torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), str(folder / "w.onnx"))
            print(f"onnx {name}")
            worst = max(worst, compare(args.program, folder / "w.onnx", name, sizes, args.limit, folder, model.state_dict()))
    print(f"largest relative error: {worst:.2e} (limit {args.limit:g})")
    return 0 if worst <= args.limit else 1


if __name__ == "__main__":
    sys.exit(main())
