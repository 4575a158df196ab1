#!/usr/bin/python3
"""`bifocal score` beside a script of pydicom, GDCM and PyTorch (score_peer.py), in turns on the same files.

    bench_score.py STUDIES MODEL.safetensors [--program build/release/bifocal] [--size 224] [--rounds 3] [--threads 2]

MODEL: a ResNet-18 of that size. Of each the best round: seconds from start to end, images a second, the largest memory of the
process (and of its readers), and of ours the share of the network. Wants python3-pydicom, python3-gdcm, python3-torch and
python3-torchvision; no part of the build.
"""
import argparse
import json
import os
import subprocess
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def memory_of(pid):
    """Proportional memory of a process and of all below it, KiB: what processes share counts once."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            with open("/proc/%d/smaps_rollup" % one) as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
            for task in os.listdir("/proc/%d/task" % one):
                with open("/proc/%d/task/%s/children" % (one, task)) as f:
                    waiting += [int(child) for child in f.read().split()]
        except OSError:
            pass
    return total


def timed(command):
    most = [0]
    start = time.time()
    job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def watch():
        while job.poll() is None:
            most[0] = max(most[0], memory_of(job.pid))
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    said = job.communicate()[0]
    seconds = time.time() - start
    watcher.join()
    if job.returncode not in (0, 3):
        raise SystemExit("%s: exit %d" % (" ".join(command), job.returncode))
    return seconds, most[0] / 1024, said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies")
    parser.add_argument("model")
    parser.add_argument("--program", default=os.path.join(TOP, "build/release/bifocal"))
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args()
    files = sum(len(names) for _, _, names in os.walk(o.studies))
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "bifocal score": [o.program, "score", o.model, o.studies, "-o", os.path.join(folder, "s.h5"), "--json",
                              "--threads", str(o.threads)],
            "pydicom, GDCM, PyTorch": ["/usr/bin/python3", os.path.join(TOP, "tools/score_peer.py"), o.studies,
                                       os.path.join(folder, "p.csv"), "--size", str(o.size), "--threads",
                                       str(o.threads)]}
        for _ in range(o.rounds):
            for name, command in commands.items():
                one = timed(command)
                if name not in best or one[0] < best[name][0]:
                    best[name] = one
    print("| %d files, %d px | seconds | images/s | memory, MiB | in the network |" % (files, o.size))
    print("|---|---|---|---|---|")
    for name, (seconds, memory, said) in best.items():
        share = ""
        if name.startswith("bifocal"):
            share = "%.0f %%" % (100 * json.loads(said)["seconds_forward"] / seconds)
        print("| %s | %.2f | %.1f | %.0f | %s |" % (name, seconds, files / seconds, memory, share))


if __name__ == "__main__":
    main()
