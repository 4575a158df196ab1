#!/usr/bin/python3
"""Compares `bifocal inspect --json` with a table of what another decoder read (columns of dicom_expected.csv: file, reader,
modality, sop_class_uid, transfer_syntax_uid, rows, columns, frames, samples, bits_stored, frame0_min, frame0_max, frame0_mean).

usage: check_dicom.py --program build/release/bifocal FOLDER EXPECTED.csv

Prints how many files agree, and each difference with our reason. A development tool, no part of the build.
"""
import argparse
import csv
import json
import os
import subprocess


def close(a, b, share):
    return abs(a - b) <= share * max(1.0, abs(b))


def verdict(ours, theirs):
    """agrees, lossy (mean within 0.5 %), differs, refused (they read it), extra (only we read it), both refuse"""
    read = theirs["reader"] == "ok" and theirs["frame0_mean"] != ""
    if ours is None or ours["status"] != "ok":
        return "refused" if read else "both refuse"
    if not read:
        return "extra"
    shape = all(int(theirs[k]) == ours[k] for k in ("rows", "columns", "samples"))
    mean = float(theirs["frame0_mean"])
    exact = shape and float(theirs["frame0_min"]) == ours["stored_min"] and float(theirs["frame0_max"]) == ours["stored_max"]
    if exact and close(ours["stored_mean"], mean, 1e-4):
        return "agrees"
    return "lossy" if shape and close(ours["stored_mean"], mean, 0.005) else "differs"


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--program", default="build/release/bifocal")
parser.add_argument("folder")
parser.add_argument("expected")
options = parser.parse_args()
lines = subprocess.run([options.program, "inspect", options.folder, "--json"], capture_output=True, text=True).stdout.splitlines()
ours = {os.path.relpath(o["file"], options.folder): o for o in map(json.loads, lines)}
WORDS = ("modality", "sop_class_uid", "transfer_syntax_uid")
counts, details = {}, []
for row in csv.DictReader(open(options.expected)):
    mine = ours.get(row["file"])
    word = verdict(mine, row)
    counts[word] = counts.get(word, 0) + 1
    for key in WORDS:
        if mine is not None and mine[key] and row[key] and mine[key] != row[key]:
            details.append(f"header: {row['file']}: {key} {mine[key]!r}, expected {row[key]!r}")
    if mine is not None and mine["status"] == "ok" and row["frames"] and int(row["frames"]) != mine["frames"]:
        details.append(f"header: {row['file']}: {mine['frames']} frames, expected {row['frames']}")
    if word in ("refused", "differs"):
        why = "not listed" if mine is None else mine["reason"].split(": ", 1)[-1] or "%g..%g mean %g, expected %s..%s mean %s" % (
            mine["stored_min"], mine["stored_max"], mine["stored_mean"], row["frame0_min"], row["frame0_max"], row["frame0_mean"])
        details.append(f"{word}: {row['file']}: {row['photometric']} {row['transfer_syntax_uid']} {row['bits_stored']} bits: {why}")
print("\n".join(sorted(details)))
print(", ".join(f"{n} {word}" for word, n in sorted(counts.items())))
