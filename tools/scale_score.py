#!/usr/bin/python3
"""Scores very many small pictures with a small network, one in a hundred of them spoiled, and watches: seconds and rate in
each fifth, memory after each 10,000 files and in each part of the work, and whether every file has exactly one row: the
spoiled ones a reason, all others a result. Pictures are made by `bifocal phantom`, with mixed encodings.

    scale_score.py [--program build/release/bifocal] [--files 50000] [--side 64] [--threads 2] [--folder FOLDER]

Memory is the proportional one of the program and its readers. Wants python3-h5py and python3-pydicom; no part of the
build. Exits with 1 when a file is not accounted for.
"""
import argparse
import collections
import json
import os
import pty
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import h5py
import numpy
import pydicom

from bench_score import memory_of

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONFIG = "size: 64\nepochs: 1\nbatch: 8\nbackbone: squeezenet1_1\nheads:\n  lesion:\n    channels: 16\n"


def run(command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_model(program, folder):
    ph, data, config = (os.path.join(folder, name) for name in ("few", "few.h5", "tiny.yaml"))
    with open(config, "w") as f:
        f.write(CONFIG)
    run([program, "phantom", "-o", ph, "--studies", "30", "--seed", "9", "--side", "64"])
    run([program, "ingest", ph + "/studies", "--labels", ph + "/labels.csv", ph + "/boxes.csv", "-o", data])
    run([program, "train", config, "--data", data, "-o", os.path.join(folder, "run")])
    return os.path.join(folder, "run", "model.safetensors")


def make_files(program, folder, count, side):
    """Exactly so many files; studies have one to three."""
    run([program, "phantom", "-o", folder, "--studies", str(count * 10 // 19 + 40), "--seed", "5", "--side", str(side)])
    studies = os.path.join(folder, "studies")
    files = sorted(os.path.join(top, name) for top, _, names in os.walk(studies) for name in names)
    if len(files) < count:
        sys.exit("phantom made %d files only" % len(files))
    for path in files[count:]:
        os.remove(path)
    return studies, files[:count]


# ---- spoiling ----

def cut_short(path, rng):
    os.truncate(path, int(os.path.getsize(path) * rng.uniform(0.3, 0.95)))


def random_bytes(path, rng):
    size = os.path.getsize(path)
    with open(path, "wb") as f:
        f.write(rng.randbytes(size))


def empty(path, rng):
    os.truncate(path, 0)


def no_dicom(path, rng):
    with open(path, "w") as f:
        f.write("a letter, and no picture\n" * rng.randint(1, 400))


def other_size(path, rng):
    data = pydicom.dcmread(path)
    data.Rows += rng.randint(1, 9)
    data.save_as(path)


def huge(path, rng):
    data = pydicom.dcmread(path)
    data.Rows = data.Columns = 65535
    data.save_as(path)


KINDS = (cut_short, random_bytes, empty, no_dicom, other_size, huge)


def spoil(files, share, rng):
    """Path: how it was spoiled."""
    chosen = rng.sample(files, max(len(KINDS), int(len(files) * share)))
    spoiled = {}
    for i, path in enumerate(chosen):
        kind = KINDS[i % len(KINDS)]
        kind(path, rng)
        spoiled[path] = kind.__name__.replace("_", " ")
    return spoiled


# ---- watching ----

def alone(pid):
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    except OSError:
        return 0


class Watched:
    """A job whose progress is read from a terminal of its own. Samples: seconds, part of the work, files done, KiB of
    all its processes, KiB of the program alone."""

    def __init__(self, command):
        self.samples, self.part, self.done = [], "start", 0
        ours, theirs = pty.openpty()
        self.start = time.time()
        self.job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True)
        os.close(theirs)
        readers = [threading.Thread(target=self.read, args=(ours,)), threading.Thread(target=self.sample)]
        for one in readers:
            one.start()
        self.said = self.job.communicate()[0]
        self.seconds = time.time() - self.start
        for one in readers:
            one.join()

    def read(self, terminal):
        while True:
            try:
                words = os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                return
            if words == "":
                return
            for title, done, last in re.findall(r"(looking at headers|scoring): (\d+) of [^\r\n]*? (left|in all)", words):
                self.part, self.done = title, int(done)
                if last == "in all":
                    self.part = {"looking at headers": "scoring", "scoring": "publishing"}[title]
                    self.done = 0 if self.part == "scoring" else self.done

    def sample(self):
        while self.job.poll() is None:
            part, done, memory = self.part, self.done, memory_of(self.job.pid)
            if memory > 0:
                self.samples.append((time.time() - self.start, part, done, memory, alone(self.job.pid)))
            time.sleep(0.05)


def at(samples, done):
    """The first moment with so many files done."""
    return next((s for s in samples if s[2] >= done), samples[-1])


def tell_rate(samples, files):
    print("\n| files scored | seconds | a second |\n|---|---|---|")
    for fifth in range(5):
        a, b = at(samples, files * fifth // 5), at(samples, files * (fifth + 1) // 5)
        print("| %d to %d | %.1f | %.0f |" % (a[2], b[2], b[0] - a[0], (b[2] - a[2]) / max(1e-9, b[0] - a[0])))


def growth(scoring, files, column):
    """MiB for 10,000 files, by the straight line nearest to the samples behind the first tenth."""
    late = [s for s in scoring if s[2] >= files // 10]
    return numpy.polyfit([s[2] for s in late], [s[column] / 1024 for s in late], 1)[0] * 10000 if len(late) > 2 else 0


def tell_memory(samples, scoring, files):
    print("\n| files scored | memory, MiB | of the program alone |\n|---|---|---|")
    step = 10000 if files >= 20000 else max(1, files // 5)
    for done in range(0, files + 1, step):
        near = [s for s in scoring if abs(s[2] - done) <= step / 10] or [at(scoring, done)]
        print("| %d | %.1f | %.1f |" % (done, numpy.median([s[3] for s in near]) / 1024,
                                        numpy.median([s[4] for s in near]) / 1024))
    print("\nGrowth while scoring, the first tenth left out: %+.2f MiB for 10,000 files, %+.2f of them the program's own."
          % (growth(scoring, files, 3), growth(scoring, files, 4)))
    print("\n| part of the work | seconds | memory at its start, MiB | most, MiB |\n|---|---|---|---|")
    for part in ("start", "looking at headers", "scoring", "publishing"):
        of = [s for s in samples if s[1] == part]
        if of:
            print("| %s | %.1f | %.1f | %.1f |" % (part, of[-1][0] - of[0][0], of[0][3] / 1024,
                                                   max(s[3] for s in of) / 1024))


def account(result, files, spoiled):
    """Rows by how their file was spoiled; False where one is missing, double, or of the wrong kind."""
    good = True
    with h5py.File(result, "r") as f:
        names = {number: name for name, number in h5py.check_dtype(enum=f["images/status"].dtype).items()}
        rows = list(zip((p.decode() for p in f["images/file"][:]), (names[s] for s in f["images/status"][:])))
    if collections.Counter(p for p, _ in rows) != collections.Counter(files):
        print("NOT ACCOUNTED FOR: files and rows are not one to one (%d files, %d rows)" % (len(files), len(rows)))
        good = False
    table = collections.defaultdict(collections.Counter)
    for path, status in rows:
        how = spoiled.get(path, "not spoiled")
        table[how][status] += 1
        if (status == "ok") != (path not in spoiled):
            print("NOT ACCOUNTED FOR: %s (%s) is %s" % (path, how, status))
            good = False
    print("\n| files | how many | rows by status |\n|---|---|---|")
    for how, statuses in sorted(table.items()):
        print("| %s | %d | %s |" % (how, sum(statuses.values()),
                                    ", ".join("%s %d" % (s, n) for s, n in sorted(statuses.items()))))
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(TOP, "build/release/bifocal"))
    parser.add_argument("--files", type=int, default=50000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", help="where to work; removed and made anew")
    o = parser.parse_args()
    folder = o.folder or tempfile.mkdtemp()
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        model = make_model(o.program, folder)
        studies, files = make_files(o.program, os.path.join(folder, "ph"), o.files, o.side)
        spoiled = spoil(files, 0.01, random.Random(7))
        result = os.path.join(folder, "scores.h5")
        job = Watched([o.program, "score", model, studies, "-o", result, "--json", "--threads", str(o.threads)])
        if job.job.returncode != 3:
            sys.exit("exit %d, and 3 was expected: some rows failed" % job.job.returncode)
        scoring = [s for s in job.samples if s[1] == "scoring"]
        print("%d files of %d x %d pixels, %d of them spoiled, in %.1f s: %.0f a second over all" % (
            len(files), o.side, o.side, len(spoiled), job.seconds, len(files) / job.seconds))
        tell_rate(scoring, o.files)
        tell_memory(job.samples, scoring, o.files)
        good = account(result, files, spoiled)
        said = json.loads(job.said)
        good = good and (said["rows"], said["failed"]) == (len(files), len(spoiled))
        print("\n%s" % ("All files are accounted for." if good else "NOT all files are accounted for."))
    finally:
        shutil.rmtree(folder)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
