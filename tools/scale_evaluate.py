#!/usr/bin/python3
"""How long `bifocal evaluate` takes for very many scored images, with all its intervals, and what memory it needs.

    scale_evaluate.py [--program build/release/bifocal] [--images 100000] [--rounds 2000] [--threads 2] [--against]

Results and labels are invented; the time is that of the program alone. Wants python3-h5py and python3-numpy; no part of
the build.
"""
import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tests", "peer"))

import made_scores


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(TOP, "build", "release", "bifocal"))
    parser.add_argument("--images", type=int, default=100000)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--against", action="store_true", help="compare with a second result, too")
    parser.add_argument("--folder", help="keep the files here, and use what stands there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or scratch
        os.makedirs(folder, exist_ok=True)
        paths = [os.path.join(folder, name) for name in ("a.h5", "b.h5", "images.csv", "boxes.csv")]
        if not os.path.exists(paths[3]):
            made = made_scores.make(arguments.images, 1)
            made_scores.write_scores(paths[0], made)
            made_scores.write_labels(paths[2], paths[3], made)
            made.probability = made_scores.make(arguments.images, 2).probability
            made_scores.write_scores(paths[1], made)
        command = [arguments.program, "evaluate", paths[0], "--labels", paths[2], paths[3], "--rounds",
                   str(arguments.rounds), "--threads", str(arguments.threads), "-o", os.path.join(folder, "report")]
        if arguments.against:
            command += ["--against", paths[1]]
        start = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - start
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print("%d images, %d rounds, %d threads%s: %.1f s, %.0f MiB" % (
            arguments.images, arguments.rounds, arguments.threads, ", against another" if arguments.against else "", seconds,
            memory))


if __name__ == "__main__":
    main()
