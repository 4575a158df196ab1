#!/usr/bin/python3
"""Scores with a fault at each call that touches the result, its journal or their folder, one after the other, and looks
whether anything was lost. Before each run a former result stands in its place. After a fault there must be the former
result or the whole new one, byte for byte, one message that names the place and says how to go on, and nothing else
but the journal; and the same command, undisturbed, must then end with the bytes of a run that was never disturbed.

    fault_rounds.py [--program build/release/bifocal] [--faults build/release/tests/libtest_faults.so] [--studies 6]

Faults: EIO at one call; a disk that is full from a call on; SIGKILL, SIGTERM, SIGTERM twice at a call; and a chain: EIO
at the 1st call, the same command again with EIO at the 2nd, and so on until it succeeds. Data are made here (phantom).
No part of the build. Exits with 1 when something was lost.
"""
import argparse
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONFIG = """size: 64
epochs: 1
batch: 8
backbone: squeezenet1_1
heads:
  lesion:
    channels: 16
  mask:
    weight: 1
    channels: 16
"""
ENVIRONMENT = dict(os.environ, SOURCE_DATE_EPOCH="1700000000", BIFOCAL_PATIENT_KEY="key of these rounds")
JOURNAL = {"s.h5.journal", "s.h5.journal-wal", "s.h5.journal-journal"}
KINDS = {"EIO at one call": {"FAULTS_ERRNO": errno.EIO},
         "full disk from a call on": {"FAULTS_ERRNO": errno.ENOSPC, "FAULTS_TO": 1000000},
         "SIGKILL": {"FAULTS_SIGNAL": int(signal.SIGKILL)},
         "SIGTERM": {"FAULTS_SIGNAL": int(signal.SIGTERM)},
         "SIGTERM twice": {"FAULTS_SIGNAL": int(signal.SIGTERM), "FAULTS_SIGNALS": 2}}


def bytes_of(path):
    with open(path, "rb") as f:
        return f.read()


class Rounds:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.out, self.log = os.path.join(folder, "out"), os.path.join(folder, "calls.txt")
        self.result = os.path.join(self.out, "s.h5")
        self.lost = 0
        program, ph = options.program, os.path.join(folder, "ph")
        config, data = os.path.join(folder, "tiny.yaml"), os.path.join(folder, "data.h5")
        with open(config, "w") as f:
            f.write(CONFIG)
        self.undisturbed([program, "phantom", "-o", ph, "--studies", str(options.studies), "--seed", "4", "--masks",
                          "--side", "96"])
        self.undisturbed([program, "ingest", ph + "/studies", "--labels", ph + "/labels.csv", ph + "/masks", "-o", data])
        self.undisturbed([program, "train", config, "--data", data, "-o", os.path.join(folder, "run")])
        self.command = [program, "score", os.path.join(folder, "run", "model.safetensors"), ph + "/studies", "--quiet",
                        "--batch", "4", "-o", self.result]
        os.mkdir(self.out)
        self.undisturbed(self.command + ["--flips"])
        self.former = bytes_of(self.result)
        self.undisturbed(self.command)
        self.whole = bytes_of(self.result)
        self.reset()
        self.disturbed({})
        self.calls = [line.split(" ", 1)[1].strip() for line in open(self.log)]

    def undisturbed(self, command):
        return subprocess.run(command, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def disturbed(self, what):
        environment = dict(ENVIRONMENT, LD_PRELOAD=self.options.faults, FAULTS_BELOW=self.out, FAULTS_LOG=self.log,
                           **{key: str(value) for key, value in what.items()})
        return subprocess.run(self.command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def reset(self):
        shutil.rmtree(self.out)
        os.mkdir(self.out)
        with open(self.result, "wb") as f:
            f.write(self.former)

    def tell(self, where, words):
        self.lost += 1
        print("LOST: %s: %s" % (where, words), flush=True)

    def look(self, where, run, stopped):
        """What stands there after a fault. stopped: by a signal that lets it publish."""
        now, killed = bytes_of(self.result), run.returncode < 0
        if now not in (self.former, self.whole) and not (stopped and run.returncode == 1):
            self.tell(where, "the result is neither the former one nor the whole new one")
        if run.returncode == 0 and now != self.whole:
            self.tell(where, "exit 0, and the result is not the whole one")
        if run.returncode not in (0, 1) and not killed:
            self.tell(where, "exit %d: %s" % (run.returncode, run.stderr))
        if run.returncode == 1:
            lines = run.stderr.strip().split("\n")
            if len(lines) != 1 or not lines[0].startswith("error: "):
                self.tell(where, "not one message: %s" % run.stderr)
            if not stopped and (self.out not in lines[0] or "the same command" not in lines[0]):
                self.tell(where, "the message does not tell what to do: %s" % run.stderr)
        rest = set(os.listdir(self.out)) - {"s.h5"} - JOURNAL - ({"s.h5.part"} if killed else set())
        if rest:
            self.tell(where, "left behind (exit %d): %s" % (run.returncode, ", ".join(sorted(rest))))

    def finish(self, where):
        try:
            self.undisturbed(self.command)
        except subprocess.CalledProcessError as e:
            self.tell(where, "the same command does not go on: %s" % e.stderr.decode())
            return
        if bytes_of(self.result) != self.whole:
            self.tell(where, "the result after going on is not that of an undisturbed run")
        if os.listdir(self.out) != ["s.h5"]:
            self.tell(where, "left behind at the end: %s" % os.listdir(self.out))

    def sweep(self, kind, what):
        ends = {}
        for k in range(1, len(self.calls) + 1):
            where = "%s, call %d (%s)" % (kind, k, self.calls[k - 1])
            self.reset()
            run = self.disturbed(dict(what, FAULTS_FROM=k))
            self.look(where, run, kind.startswith("SIGTERM"))
            ends[run.returncode] = ends.get(run.returncode, 0) + 1
            self.finish(where)
        said = ", ".join("%d by signal %d" % (n, -code) if code < 0 else "%d with exit %d" % (n, code)
                         for code, n in sorted(ends.items()))
        print("| %s | %d | %s |" % (kind, len(self.calls), said), flush=True)

    def chain(self):
        self.reset()
        for k in range(1, 100000):
            where = "EIO, each time a call later, run %d" % k
            run = self.disturbed({"FAULTS_ERRNO": errno.EIO, "FAULTS_FROM": k})
            self.look(where, run, False)
            if len(open(self.log).readlines()) < k:
                break
            if run.returncode == 0:
                self.reset()  # a fault that did no harm: the job is done, and begins anew
        self.finish(where)
        print("| EIO at one call, and the same command again with EIO one call later | %d | |" % (k - 1), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(TOP, "build/release/bifocal"))
    parser.add_argument("--faults", default=os.path.join(TOP, "build/release/tests/libtest_faults.so"))
    parser.add_argument("--studies", type=int, default=6)
    options = parser.parse_args()
    options.program, options.faults = os.path.abspath(options.program), os.path.abspath(options.faults)
    with tempfile.TemporaryDirectory() as folder:
        rounds = Rounds(options, os.path.realpath(folder))
        print("| fault | at calls | the disturbed runs ended |\n|---|---|---|")
        for kind, what in KINDS.items():
            rounds.sweep(kind, what)
        rounds.chain()
    print("%d times something was lost" % rounds.lost)
    sys.exit(1 if rounds.lost else 0)


if __name__ == "__main__":
    main()
