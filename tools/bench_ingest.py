#!/usr/bin/python3
"""Pictures a second on one core, per encoding: DCMTK's own decoding (dcmtk_decode, built here), `bifocal inspect` (each
file read in a confined process, decoded and looked at), and `bifocal ingest` (decoded, toned, shrunk, written), with
and without the confined processes. All pictures are made by `bifocal phantom`. Rounds are interleaved and the best of
each counts, so that a busy machine disturbs all alike.

    bench_ingest.py [--program build/release/bifocal] [--studies 100] [--bits 8] [--side 512] [--rounds 3] [--scale 500,5000]

--scale: instead, time and memory of ingest for growing numbers of pictures of 256 x 256. No part of the build.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENCODINGS = ("explicit", "implicit", "big-endian", "deflated", "rle", "jpeg-baseline", "jpeg-lossless", "jpeg-ls",
             "jpeg-ls-near", "jpeg-2000", "jpeg-2000-lossy")


def one_core():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def phantom(program, folder, studies, arguments):
    subprocess.run([program, "phantom", "-o", folder, "--studies", str(studies), "--seed", "3", "--quiet"] + arguments,
                   check=True, stdout=subprocess.DEVNULL)
    return sorted(os.path.join(top, f) for top, _, files in os.walk(os.path.join(folder, "studies")) for f in files)


def seconds(command, **more):
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    return time.monotonic() - start


def dcmtk(peer, files):
    run = subprocess.run([peer], input="\n".join(files) + "\n", text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    found = re.search(r"(\d+) decoded, ([0-9.]+) a second", run.stdout)
    return float(found.group(2)) if found and int(found.group(1)) == len(files) else None


def measure(o, scratch, encoding):
    folder = os.path.join(scratch, encoding)
    bits = 8 if encoding in ("jpeg-baseline", "rle") else o.bits  # what the writer can make
    files = phantom(o.program, folder, o.studies,
                    ["--encoding", encoding, "--bits", str(bits), "--side", str(o.side)])
    studies, data = os.path.join(folder, "studies"), os.path.join(scratch, "data.h5")
    inspect = [o.program, "inspect", studies, "--json", "--threads", "1"]
    ingest = [o.program, "ingest", studies, "-o", data, "--quiet", "--threads", "1"]
    off = dict(os.environ, BIFOCAL_ISOLATION="off")
    rates = {"dcmtk": None, "inspect": 0, "ingest": 0, "ingest here": 0}
    for _ in range(o.rounds):
        if "2000" not in encoding:
            rates["dcmtk"] = max(rates["dcmtk"] or 0, dcmtk(o.peer, files) or 0)
        rates["inspect"] = max(rates["inspect"], len(files) / seconds(inspect))
        rates["ingest"] = max(rates["ingest"], len(files) / seconds(ingest))
        rates["ingest here"] = max(rates["ingest here"], len(files) / seconds(ingest, env=off))
    shutil.rmtree(folder)
    return bits, len(files), rates


def compare(o, scratch):
    print("| encoding | bits | DCMTK decodes | inspect | ratio | ingest | ingest without processes |")
    print("|---|---|---|---|---|---|---|")
    for encoding in ENCODINGS:
        bits, count, r = measure(o, scratch, encoding)
        theirs = "%.0f" % r["dcmtk"] if r["dcmtk"] else "-"
        ratio = "%.2f" % (r["inspect"] / r["dcmtk"]) if r["dcmtk"] else "-"
        print("| %s | %d | %s | %.0f | %s | %.0f | %.0f |" % (encoding, bits, theirs, r["inspect"], ratio, r["ingest"],
                                                             r["ingest here"]), flush=True)


def scale(o, scratch):
    print("| pictures | seconds | a second | largest memory, MiB |")
    print("|---|---|---|---|")
    for wanted in (int(n) for n in o.scale.split(",")):
        folder = os.path.join(scratch, str(wanted))
        files = phantom(o.program, folder, wanted // 2, ["--encoding", "explicit", "--bits", "8", "--side", "256"])
        command = [o.program, "ingest", os.path.join(folder, "studies"), "-o", os.path.join(scratch, "data.h5"),
                   "--quiet", "--threads", "1"]
        start = time.monotonic()
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(run.pid, 0)
        took = time.monotonic() - start
        if status != 0:
            sys.exit("ingest of %d pictures failed" % wanted)
        print("| %d | %.2f | %.0f | %.0f |" % (len(files), took, len(files) / took, usage.ru_maxrss / 1024), flush=True)
        shutil.rmtree(folder)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", default=os.path.join(TOP, "build/release/bifocal"))
    p.add_argument("--studies", type=int, default=100)
    p.add_argument("--bits", type=int, default=8)
    p.add_argument("--side", type=int, default=512)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--scale")
    o = p.parse_args()
    build = os.path.dirname(os.path.abspath(o.program))
    subprocess.run(["ninja", "-C", build, "dcmtk_decode"], check=True, stdout=subprocess.DEVNULL)
    o.peer = os.path.join(build, "src/dicom/dcmtk_decode")
    one_core()
    with tempfile.TemporaryDirectory() as scratch:
        scale(o, scratch) if o.scale else compare(o, scratch)


if __name__ == "__main__":
    main()
