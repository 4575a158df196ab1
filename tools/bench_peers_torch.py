#!/usr/bin/env python3
"""PyTorch's side of tools/bench_peers.py.

usage: bench_peers_torch.py export BACKBONE FILE.onnx                 the network with random weights
       bench_peers_torch.py prepare FOLDER                            resnet18.pt, resnet18.safetensors, x.h5
       bench_peers_torch.py start STATE.pt THREADS                    a resnet18 from its file, one image, one answer
       bench_peers_torch.py infer|train BACKBONE BATCH FORMAT THREADS a process that runs as often as it is told

infer and train: a line "SECONDS" a round on stdin; "ready VERSION" on stdout, then a JSON list of milliseconds an image for
each round, and the peak memory in MiB when stdin ends.
"""
import sys

import torch
import torchvision

from report import write_safetensors

SIDE, LEAST, CLASSES = 224, 5, 1000


def network(name):
    return getattr(torchvision.models, name)(weights=None)


def export(name, path):
    axes = {"image": {0: "n"}, "logits": {0: "n"}}
    names = {"input_names": ["image"], "output_names": ["logits"], "dynamic_axes": axes}
    torch.onnx.export(network(name).eval(), torch.randn(1, 3, SIDE, SIDE), path, opset_version=13, **names)


def prepare(folder):
    import h5py

    state = network("resnet18").state_dict()
    torch.save(state, f"{folder}/resnet18.pt")
    write_safetensors(f"{folder}/resnet18.safetensors", state)
    with h5py.File(f"{folder}/x.h5", "w") as f:
        f["input"] = torch.randn(1, 3, SIDE, SIDE).numpy()


def start(path, threads):
    torch.set_num_threads(int(threads))
    model = network("resnet18")
    model.load_state_dict(torch.load(path))
    model.eval()
    with torch.no_grad():
        print(int(model(torch.randn(1, 3, SIDE, SIDE)).argmax()))


def inference(model, x):
    def run():
        with torch.no_grad():
            model(x)

    model.eval()
    return run


def training(model, x):
    """The step of `bifocal bench --train`: cross-entropy over the classes, SGD with momentum and weight decay."""
    classes = torch.arange(len(x)) % CLASSES
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)

    def run():
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(x), classes).backward()
        optimiser.step()

    model.train()
    return run


def rounds(run, batch):
    """Obeys stdin until it ends."""
    import json
    import resource
    import time

    run()
    run()
    print("ready", torch.__version__, flush=True)
    for line in sys.stdin:
        times, started = [], time.perf_counter()
        while len(times) < LEAST or time.perf_counter() - started < float(line):
            before = time.perf_counter()
            run()
            times.append((time.perf_counter() - before) * 1000 / batch)
        print(json.dumps(times), flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


def work(make, name, batch, memory_format, threads):
    torch.set_num_threads(int(threads))
    layout = getattr(torch, memory_format)
    model = network(name).to(memory_format=layout)
    x = torch.randn(int(batch), 3, SIDE, SIDE).contiguous(memory_format=layout)
    rounds(make(model, x), int(batch))


def main():
    actions = {"export": export, "prepare": prepare, "start": start}
    makers = {"infer": inference, "train": training}
    action, rest = sys.argv[1], sys.argv[2:]
    if action in makers:
        work(makers[action], *rest)
    else:
        actions[action](*rest)


if len(sys.argv) < 3:
    sys.exit(__doc__)
main()
