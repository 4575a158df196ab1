#!/usr/bin/python3
"""Kills scoring and training at random moments, and looks whether anything was lost: the job is gone on with until it
ends, and its result must be that of a job that was never disturbed, byte for byte. After each kill of a scoring job the
journal may have no row less than before, and whatever is published must open in h5py. Data are made here (phantom).

    kill_rounds.py [--program build/release/bifocal] [--score 200] [--train 50] [--seed 1]

No part of the build. Exits with 1 when something was lost.
"""
import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import h5py

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONFIG = """size: 64
epochs: 4
batch: 8
backbone: mobilenet_v2
validation: 0.3
heads:
  lesion:
    channels: 16
  mask:
    weight: 1
    channels: 16
"""
ENVIRONMENT = dict(os.environ, SOURCE_DATE_EPOCH="1700000000", BIFOCAL_PATIENT_KEY="key of these rounds")


def fail(words):
    print("LOST: " + words)
    sys.exit(1)


def run(command):
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        fail("%s: exit %d: %s" % (" ".join(command), done.returncode, done.stderr[-500:]))


def killed(command, seconds):
    """Whether the job was still running when it was killed."""
    job = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        code = job.wait(seconds)
    except subprocess.TimeoutExpired:
        job.send_signal(signal.SIGKILL)
        job.wait()
        return True
    if code != 0:
        fail("%s: exit %d without a kill" % (" ".join(command), code))
    return False


def same(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        return x.read() == y.read()


def rows_of(journal):
    """Rows of finished files; None where no journal stands yet. A copy is looked at, so that the job's own is as the
    kill left it."""
    if not os.path.exists(journal):
        return None
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("", "-wal"):
            if os.path.exists(journal + ending):
                shutil.copy(journal + ending, os.path.join(folder, "j" + ending))
        with sqlite3.connect(os.path.join(folder, "j")) as db:
            if db.execute("select count(*) from sqlite_master where name = 'rows'").fetchone()[0] == 0:
                return None
            return {key for (key,) in db.execute("select key from rows where (key >> 20) in (select file from done)")}


def score_rounds(program, folder, rounds, rng):
    model, studies = os.path.join(folder, "whole", "model.safetensors"), os.path.join(folder, "ph", "studies")
    whole, part = os.path.join(folder, "whole.h5"), os.path.join(folder, "part.h5")
    command = [program, "score", model, studies, "--batch", "1", "--publish-every", "0.002", "-o"]
    start = time.time()
    run(command + [whole])
    length = time.time() - start
    kills = jobs = opened = 0
    before = None
    while kills < rounds:
        if killed(command + [part], rng.uniform(0, 1.1 * length)):
            kills += 1
            now = rows_of(part + ".journal")
            if not os.path.exists(part + ".journal") and os.path.exists(part) and same(whole, part):
                now = None  # between the publishing of the whole result and the end of the program
            elif before is not None and (now is None or not before <= now):
                fail("the journal has %s rows after kill %d, and had %d before" % (now and len(now), kills, len(before)))
            before = now
            if os.path.exists(part):
                with h5py.File(part, "r") as f:
                    opened += len(f["images/file"][:]) >= 0
            if kills < rounds:
                continue
            run(command + [part])
        jobs += 1
        before = None
        if not same(whole, part):
            fail("the result of a killed job is not that of an undisturbed one, after %d kills" % kills)
        os.remove(part)
        for ending in ("", "-wal", "-shm"):
            if os.path.exists(part + ".journal" + ending):
                fail("a journal is left behind a finished job")
    print("scoring: %d kills in %d jobs of %.1f s: every result byte for byte the undisturbed one; %d times a result "
          "was published by then, and opened" % (kills, jobs, length, opened))


def train_rounds(program, folder, rounds, rng):
    out = os.path.join(folder, "killed")
    command = [program, "train", os.path.join(folder, "tiny.yaml"), "--data", os.path.join(folder, "data.h5"), "-o"]
    kills = jobs = 0
    start = time.time()
    run(command + [os.path.join(folder, "timed")])
    length = time.time() - start
    while kills < rounds:
        resume = ["--resume"] if os.path.exists(os.path.join(out, "checkpoint.h5")) else []
        if killed(command + [out] + resume, rng.uniform(0, 1.1 * length)):
            kills += 1
            if kills < rounds:
                continue
            resume = ["--resume"] if os.path.exists(os.path.join(out, "checkpoint.h5")) else []
            run(command + [out] + resume)
        jobs += 1
        for name in ("model.safetensors", "last.safetensors"):
            if not same(os.path.join(folder, "whole", name), os.path.join(out, name)):
                fail("%s of a killed training is not that of an undisturbed one, after %d kills" % (name, kills))
        shutil.rmtree(out)
    print("training: %d kills in %d runs of %.1f s: every model bit for bit the undisturbed one" % (kills, jobs, length))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(TOP, "build/release/bifocal"))
    parser.add_argument("--score", type=int, default=200)
    parser.add_argument("--train", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    program, rng = os.path.abspath(options.program), random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "tiny.yaml"), "w") as f:
            f.write(CONFIG)
        ph = os.path.join(folder, "ph")
        run([program, "phantom", "-o", ph, "--studies", "20", "--seed", "4", "--masks"])
        run([program, "ingest", os.path.join(ph, "studies"), "--labels", os.path.join(ph, "labels.csv"),
             os.path.join(ph, "masks"), "-o", os.path.join(folder, "data.h5")])
        run([program, "train", os.path.join(folder, "tiny.yaml"), "--data", os.path.join(folder, "data.h5"), "-o",
             os.path.join(folder, "whole")])
        if options.score > 0:
            score_rounds(program, folder, options.score, rng)
        if options.train > 0:
            train_rounds(program, folder, options.train, rng)


if __name__ == "__main__":
    main()
