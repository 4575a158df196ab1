#!/usr/bin/env python3
"""Times bifocal beside ONNX Runtime and PyTorch, in turn, and prints Markdown tables. Run it by tools/bench_peers.sh, which
installs what is missing.

This process stays small and imports no torch: Linux counts a parent's memory at the start towards its child's peak.
"""
import argparse
import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys
import time

import report

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent
BACKBONES = ["vgg19", "resnet18", "resnet50", "densenet121", "mobilenet_v2"]
INFERENCE_BATCHES = [1, 8]
TRAINING_BATCHES = {"vgg19": 4, "resnet18": 16, "resnet50": 8, "densenet121": 8, "mobilenet_v2": 16}
INFERENCE_GOALS = {"vgg19": 2.0, "resnet18": 1.7, "resnet50": 1.3, "densenet121": 1.2, "mobilenet_v2": 1.0}
TRAINING_GOALS = {"vgg19": 3.0, "resnet18": 2.5, "resnet50": 1.8, "densenet121": 1.8, "mobilenet_v2": 2.0}
MEMORY_GOALS = {"infer": 1.0, "train": 0.7}
START_GOAL = 0.3
PARTS = ["inference", "training", "memory", "start"]


def say(text):
    print(text, file=sys.stderr, flush=True)


class Times:
    """Rounds of one side: the median of the rounds' medians, and the least of all."""

    def __init__(self):
        self.medians, self.least = [], float("inf")

    def add(self, median, least):
        self.medians.append(median)
        self.least = min(self.least, least)

    @property
    def median(self):
        return statistics.median(self.medians)

    def __str__(self):
        return f"{self.median:.2f} ({self.least:.2f})"


class Peer:
    """A process that has loaded its network and runs it when told. It is stopped in between, so that threads that spin
    for work take nothing from the others."""

    def __init__(self, command, environment=None):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self.times = Times()
        self.version = self.line().split()[1]
        self.process.send_signal(signal.SIGSTOP)

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            raise RuntimeError(f"{' '.join(map(str, self.process.args))}: ended with {self.process.wait()}")
        return text

    def round(self, seconds):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        times = json.loads(self.line())
        self.process.send_signal(signal.SIGSTOP)
        self.times.add(statistics.median(times), min(times))

    def peak_mib(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        return float(self.line())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Ours:
    """`bifocal bench`: a process of its own each round."""

    def __init__(self, options, backbone, batch, train):
        self.command = [options.program, "bench", "--backbone", backbone, "--batch", str(batch), "--json"]
        self.command += ["--threads", str(options.threads)] + (["--train"] if train else [])
        self.batch, self.times, self.repeats = batch, Times(), None

    def run(self, repeats):
        done = subprocess.run(self.command + ["--repeats", str(repeats)], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    def round(self, seconds):
        if self.repeats is None:
            pass_ms = self.run(2)["ms_per_image"]["min"] * self.batch
            self.repeats = max(5, min(1000, round(seconds * 1000 / pass_ms)))
        times = self.run(self.repeats)["ms_per_image"]
        self.times.add(times["median"], times["min"])

    def peak_mib(self):
        return self.run(3)["peak_rss_mib"]


def torch_command(options, *words):
    return [sys.executable, str(HERE / "bench_peers_torch.py"), *map(str, words)]


def torch_peer(options, action, backbone, batch, layout):
    return Peer(torch_command(options, action, backbone, batch, layout, options.threads))


def ort_peer(options, backbone, batch, spinning):
    model = options.cache / f"{backbone}.onnx"
    environment = dict(os.environ, NODE_PATH=str(options.cache / "node_modules"))
    command = ["node", HERE / "bench_peers_ort.js", model, batch, options.threads, spinning]
    return Peer([str(word) for word in command], environment)


def export(options, backbone):
    model = options.cache / f"{backbone}.onnx"
    if model.exists():
        return
    say(f"{backbone}: export to ONNX")
    part = model.with_suffix(".part")
    subprocess.run(torch_command(options, "export", backbone, part), check=True)
    part.rename(model)


def known(options, backbone):
    """Whether our program has this network."""
    command = [options.program, "bench", "--backbone", backbone, "--size", "32", "--repeats", "1"]
    code = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    if code == 2:
        say(f"{backbone}: skipped, this bifocal does not know it")
    elif code != 0:
        sys.exit(f"{' '.join(command)}: ended with {code}")
    return code == 0


def in_turn(options, sides):
    for _ in range(options.rounds):
        for side in sides:
            side.round(options.seconds)


def titled(title, head, rows):
    return f"### {title}\n\n{report.table(head, rows)}"


def fastest(peers):
    """(name, peer) of the setting with the least median."""
    return min(peers.items(), key=lambda item: item[1].times.median)


def speed_row(backbone, batch, name, peer, ours, goal):
    ratio, least = peer.times.median / ours.times.median, peer.times.least / ours.times.least
    return [backbone, batch, f"{peer.times}, {name}", ours.times, f"**{ratio:.2f}**", f"{least:.2f}", goal]


def inference(options, versions):
    rows = []
    for backbone in options.backbones:
        export(options, backbone)
        for batch in INFERENCE_BATCHES:
            say(f"{backbone}: inference, batch {batch}")
            ours = Ours(options, backbone, batch, False)
            with ort_peer(options, backbone, batch, 1) as on, ort_peer(options, backbone, batch, 0) as off:
                in_turn(options, [ours, on, off])
                name, peer = fastest({"spinning": on, "not spinning": off})
                versions["ONNX Runtime"] = peer.version
            rows.append(speed_row(backbone, batch, name, peer, ours, INFERENCE_GOALS.get(backbone, "")))
    head = ["network", "batch", "ONNX Runtime, ms an image", "bifocal, ms an image", "times as fast", "by the least", "goal"]
    return titled("Inference", head, rows)


def training(options, versions, layouts):
    rows = []
    for backbone in options.backbones:
        batch = TRAINING_BATCHES[backbone]
        say(f"{backbone}: training step, batch {batch}")
        ours = Ours(options, backbone, batch, True)
        plain = torch_peer(options, "train", backbone, batch, "contiguous_format")
        with plain, torch_peer(options, "train", backbone, batch, "channels_last") as last:
            in_turn(options, [ours, plain, last])
            layouts[backbone], peer = fastest({"contiguous_format": plain, "channels_last": last})
            versions["PyTorch"] = peer.version
        rows.append(speed_row(backbone, batch, layouts[backbone], peer, ours, TRAINING_GOALS.get(backbone, "")))
    head = ["network", "batch", "PyTorch, ms an image", "bifocal, ms an image", "times as fast", "by the least", "goal"]
    return titled("Training step", head, rows)


def fresh_peak(peer):
    with peer:
        peer.round(0)
        return peer.peak_mib()


def memory_row(backbone, action, batch, ours, ort, torch):
    cells = [f"{ours:.0f}"]
    for theirs in (ort, torch):
        cells += [f"{theirs:.0f}", f"**{ours / theirs:.2f}**"] if theirs else ["", ""]
    return [backbone, action, batch, *cells, MEMORY_GOALS[action]]


def memory(options, layouts):
    rows = []
    for backbone in options.backbones:
        say(f"{backbone}: memory")
        export(options, backbone)
        for batch in INFERENCE_BATCHES:
            ort = fresh_peak(ort_peer(options, backbone, batch, 1))
            torch = fresh_peak(torch_peer(options, "infer", backbone, batch, "contiguous_format"))
            ours = Ours(options, backbone, batch, False).peak_mib()
            rows.append(memory_row(backbone, "infer", batch, ours, ort, torch))
        batch = TRAINING_BATCHES[backbone]
        # In the layout that was the faster one; the default where training was not timed.
        torch = fresh_peak(torch_peer(options, "train", backbone, batch, layouts.get(backbone, "contiguous_format")))
        ours = Ours(options, backbone, batch, True).peak_mib()
        rows.append(memory_row(backbone, "train", batch, ours, None, torch))
    head = ["network", "pass", "batch", "bifocal", "ONNX Runtime", "ratio", "PyTorch", "ratio", "goal"]
    return titled("Peak resident memory, MiB", head, rows)


def wall(command):
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def start(options):
    say("resnet18: start to first result")
    files = options.cache
    subprocess.run(torch_command(options, "prepare", files), check=True)
    ours = [options.program, "weights", "run", str(files / "resnet18.safetensors"), "--backbone", "resnet18"]
    ours += ["--input", str(files / "x.h5"), "-o", str(files / "y.h5"), "--threads", str(options.threads)]
    theirs = torch_command(options, "start", files / "resnet18.pt", options.threads)
    times = [(wall(ours), wall(theirs)) for _ in range(options.starts)]
    a, b = (min(column) for column in zip(*times))
    row = ["resnet18, one image", f"{a:.2f}", f"{b:.2f}", f"**{a / b:.2f}**", START_GOAL]
    head = ["", "bifocal weights run, s", "PyTorch, s", "ratio", "goal"]
    return titled(f"Start to first result, least of {options.starts}", head, [row])


def processor():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
        return next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def measured_on(options, versions):
    kernels = Ours(options, "mobilenet_v2", 1, False).run(1)["kernels"]
    peers = "".join(f"; {name} {version}" for name, version in sorted(versions.items()))
    return (
        f"{processor()}, {options.threads} threads, bifocal's kernels {kernels}{peers}. {options.rounds} rounds in turn of at "
        f"least {options.seconds:g} s and five passes each.\n"
    )


def parse():
    parser = argparse.ArgumentParser(prog="bench_peers", description=__doc__.split("\n\n")[0])
    parser.add_argument("--backbones", nargs="+", default=BACKBONES, choices=BACKBONES, metavar="NAME", help=" ".join(BACKBONES))
    parser.add_argument("--rounds", type=int, help="rounds in turn (default 5; with --quick 2)")
    parser.add_argument("--seconds", type=float, help="least time of a round of one side (default 2; with --quick 0.3)")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: to see that it runs")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of all sides (default: all processors)")
    parser.add_argument("--only", nargs="+", default=PARTS, choices=PARTS, metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("--program", default=str(TOP / "build/release/bifocal"), help="default build/release/bifocal")
    parser.add_argument("--cache", type=pathlib.Path, default=TOP / "build/peers", help="networks and packages (default build/peers)")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (0.3 if options.quick else 2.0)
    options.starts = 2 if options.quick else 5
    options.cache = options.cache.resolve()
    return options


def main():
    options = parse()
    options.cache.mkdir(parents=True, exist_ok=True)
    options.backbones = [name for name in options.backbones if known(options, name)]
    versions, layouts, tables = {}, {}, []
    if "inference" in options.only:
        tables.append(inference(options, versions))
    if "training" in options.only:
        tables.append(training(options, versions, layouts))
    if "memory" in options.only:
        tables.append(memory(options, layouts))
    if "start" in options.only:
        tables.append(start(options))
    text = "\n".join([measured_on(options, versions), *tables])
    print(text)
    if options.write:
        report.write("peers", text)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, subprocess.CalledProcessError, FileNotFoundError) as error:
        sys.exit(f"bench_peers: {error}")
