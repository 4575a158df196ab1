#!/usr/bin/env python3
"""How the time of inference grows with the batch, the image's side and the threads, and what bounds each backbone.

usage: tools/bench_scaling.py [--program build/release/bifocal] [--quick] [--write]

Prints Markdown; --write puts it into docs/performance.md between its markers. Needs python3-numpy. The floors are computed
from the network: arithmetic is its multiplications at the product's measured peak, once as direct convolution and once with
3x3 convolutions of stride 1 as F(4x4,3x3) on whole tiles; memory is every weight and every operation's input and result
once, at the pace of a copy by all threads.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import numpy

import report
from report import table

TOP = pathlib.Path(__file__).resolve().parent.parent
BACKBONES = ["vgg19", "resnet18", "resnet50", "densenet121", "mobilenet_v2"]
BATCHES = [1, 2, 4, 8, 16]
SIDES = [128, 224, 384, 512, 768, 1024]


def bench(options, backbone, batch=1, size=224, threads=None, ops=False):
    # About two seconds a figure, judged by the work.
    repeats = 3 if options.quick else max(3, min(60, int(400 * (224 / size) ** 2 / batch)))
    command = [options.program, "bench", "--backbone", backbone, "--batch", str(batch), "--size", str(size), "--json"]
    command += ["--repeats", str(repeats), "--threads", str(threads or options.threads)] + (["--ops"] if ops else [])
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def copy_pace(threads):
    """Bytes a second, read and written."""
    count = 32 << 20
    pairs = [(numpy.ones(count, numpy.float32), numpy.zeros(count, numpy.float32)) for _ in range(threads)]
    best = 0
    for _ in range(5):
        workers = [threading.Thread(target=numpy.copyto, args=(b, a)) for a, b in pairs]
        started = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, 2 * 4 * count * threads / (time.perf_counter() - started))
    return best


def floors(detail):
    """GFLOP direct, GFLOP with Winograd, bytes: of one image."""
    direct = fewer = moved = 0
    for op in detail["ops"]:
        h, w, a, b, k, s = (op[key] for key in ("height", "width", "channels_in", "channels_out", "kernel", "stride"))
        direct += op["gflop"]
        wins = op["op"] == "conv" and k == 3 and s == 1 and min(a, b) >= 16
        tiles = -(-h // 4) * -(-w // 4)
        fewer += 2e-9 * 36 * tiles * a * b if wins else op["gflop"]
        weights = {"conv": k * k * a * b, "linear": a * b, "depthwise": k * k * a}.get(op["op"], 0)
        moved += 4 * (weights + h * max(s, 1) * w * max(s, 1) * a + h * w * b)
    return direct, fewer, moved


def ms(result):
    return result["ms_per_image"]["median"]


def row_of(name, values):
    return [name] + [f"{v:.2f}" for v in values]


def scaling(options):
    batch_rows, side_rows, thread_rows, floor_rows, peak = [], [], [], [], 0
    threads = sorted({1, options.threads} | {t for t in (2, 4, 8, 16) if t < options.threads})
    pace = copy_pace(options.threads)
    for name in BACKBONES:
        print(name, file=sys.stderr)
        batches = [bench(options, name, batch=n) for n in BATCHES]
        batch_rows.append(row_of(name, map(ms, batches)))
        sides = [bench(options, name, size=side) for side in SIDES]
        side_rows.append([name] + [f"{1e6 * ms(r) / side**2:.0f}" for r, side in zip(sides, SIDES)])
        thread_rows.append(row_of(name, [ms(bench(options, name, threads=t)) for t in threads]))
        detail = bench(options, name, ops=True)
        peak = max([peak] + [r["sgemm_peak_gflops"] for r in batches + sides + [detail]])
        direct, fewer, moved = floors(detail)
        floor_rows.append((name, ms(batches[0]), ms(batches[3]), direct, fewer, moved))
    rows = []
    for name, one, eight, direct, fewer, moved in floor_rows:
        a, b, c = 1000 * direct / peak, 1000 * fewer / peak, 1000 * moved / pace
        bound = "memory" if c > b else "arithmetic"
        rows.append([name, f"{one:.2f}", f"{eight:.2f}", f"{a:.2f}", f"{b:.2f}", f"{c:.2f}", bound])
    return "\n".join([
        f"Product's peak {peak:.0f} GFLOP/s, a copy by all threads {pace / 1e9:.0f} GB/s, {options.threads} threads.\n",
        "Batch, 224 x 224: ms an image.\n",
        table(["network"] + [f"batch {n}" for n in BATCHES], batch_rows),
        "Side, one image: microseconds for 1000 pixels (a level row is time that grows as the work does).\n",
        table(["network"] + [f"{side} x {side}" for side in SIDES], side_rows),
        "Threads, one image of 224 x 224: ms.\n",
        table(["network"] + [f"{t}" for t in threads], thread_rows),
        "Floors, ms an image of 224 x 224.\n",
        table(["network", "batch 1", "batch 8", "direct convolution at the peak", "with F(4x4,3x3)", "memory",
               "the higher floor"], rows),
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(TOP / "build/release/bifocal"))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="few repeats: to see that it runs")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    text = scaling(options)
    print(text)
    if options.write:
        report.write("scaling", text)


if __name__ == "__main__":
    main()
