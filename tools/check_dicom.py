#!/usr/bin/python3
"""Compares `bifocal inspect --json` with what another decoder read from the same files (columns of EXPECTED.csv: file,
reader, modality, sop_class_uid, transfer_syntax_uid, photometric, rows, columns, frames, samples, bits_stored, signed,
frame0_min, frame0_max, frame0_mean), and with the verdicts of an earlier run.

    check_dicom.py --program build/release/bifocal FOLDER EXPECTED.csv [--table tests/dicom_files.csv [--write]]

A verdict: equal (smallest, largest and mean stored value); lossy (the mean within 0.5 %); explained (another value, and
why the other decoder is wrong); ours (only we read it); refused (neither reads it, or it is no image), with our reason.
Exit 1 where a difference has no explanation or the table says otherwise, 77 where the folder is not there. Without
arguments the folder and the CSV come from BIFOCAL_DICOM_FILES, "FOLDER:EXPECTED.csv". No part of the build.
"""
import argparse
import csv
import json
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEADER = ("modality", "sop_class_uid", "transfer_syntax_uid", "photometric")


def close(a, b, share):
    return abs(a - b) <= share * max(1.0, abs(b))


def swapped(value):
    """The 16-bit halves of a 32-bit number exchanged, and the bytes in each."""
    b = int(value).to_bytes(4, "little")
    return int.from_bytes(bytes((b[2], b[3], b[0], b[1])), "little")


def explain(ours, theirs):
    """Why the other decoder's values are others, by a rule that the values prove; "" where none does."""
    low, high, mean = (float(theirs[k]) for k in ("frame0_min", "frame0_max", "frame0_mean"))
    bits, signed = ours["bits_stored"], theirs["signed"] == "1"
    most = (1 << bits - 1) - 1 if signed else (1 << bits) - 1
    least = -(1 << bits - 1) if signed else 0
    if low == high == 0 and ours["stored_max"] > 0:
        return "the reference lost the fragments: all its values are 0"
    if high > most or low < least:
        return "the reference took bits beyond BitsStored along"
    if ours["samples"] == 3 and theirs["photometric"].startswith("YBR") and close((ours["stored_mean"] + 256) / 3, mean, 0.01):
        return "the reference left luminance and chrominance: two thirds of its values are about 128"
    if bits == 32 and all(ours["stored_min"] <= swapped(v) <= ours["stored_max"] for v in (low, high)):
        return "the reference exchanged the halves of 32-bit values"
    if ours["transfer_syntax_uid"] == "1.2.840.10008.1.2.2" and ours["rows"] * ours["columns"] * ours["samples"] % 2 == 1:
        if low == 0 and ours["stored_min"] > 0:
            return "the reference took the padding byte for the last of an odd number of pixels"
    return ""


# Damaged files that the other decoder makes something of.
NOISE = {"JPEG2000-embedded-sequence-delimiter.dcm":
         "the stream says that it has 3722445056 columns; the reference's values fill the whole range of 16 bits"}


def reason(ours):
    return re.sub(r"^.*?\.(dcm|seg): |^.*?: ", "", ours["reason"], count=1)


def verdict(ours, theirs):
    read = theirs["reader"] == "ok" and theirs["frame0_mean"] != ""
    if ours is None and os.path.basename(theirs["file"]) == "DICOMDIR":
        return "refused", "a directory of the medium, left out of folders"
    if ours is None:
        return "absent", "not listed"
    if ours["status"] == "no_pixels":
        return "refused", reason(ours)
    if ours["status"] != "ok":
        noise = NOISE.get(os.path.basename(theirs["file"]))
        return ("refused" if not read else "explained" if noise else "differs"), "; ".join([reason(ours)] + [noise] * bool(noise))
    if not read:
        return "ours", ""
    if not all(int(theirs[k]) == ours[k] for k in ("rows", "columns", "samples", "frames")):
        return "differs", "another shape"
    mean = float(theirs["frame0_mean"])
    if float(theirs["frame0_min"]) == ours["stored_min"] and float(theirs["frame0_max"]) == ours["stored_max"] and \
            close(ours["stored_mean"], mean, 1e-4):
        return "equal", ""
    if close(ours["stored_mean"], mean, 0.005) and ours["transfer_syntax_uid"] in LOSSY:
        return "lossy", ""
    why = explain(ours, theirs)
    return ("explained", why) if why else ("differs", "no explanation")


LOSSY = {"1.2.840.10008.1.2.4." + n for n in ("50", "51", "53", "55", "81", "91", "203")}


def header_faults(ours, theirs):
    if ours is None:
        return []
    return ["%s %r, the reference has %r" % (k, ours[k], theirs[k]) for k in HEADER if ours[k] and theirs[k] and ours[k] != theirs[k]]


def look(program, folder, expected):
    lines = subprocess.run([program, "inspect", folder, "--json"], capture_output=True, text=True).stdout.splitlines()
    ours = {os.path.relpath(o["file"], folder): o for o in map(json.loads, lines)}
    rows = []
    for theirs in csv.DictReader(open(expected)):
        mine = ours.get(theirs["file"])
        word, why = verdict(mine, theirs)
        rows.append({"file": theirs["file"], "verdict": word, "why": "; ".join([why] * bool(why) + header_faults(mine, theirs))})
    return rows


def compare(rows, table):
    known = {r["file"]: r for r in csv.DictReader(open(table))}
    faults = ["%s: %s (%s), the table has %s (%s)" % (r["file"], r["verdict"], r["why"], k["verdict"], k["why"])
              for r in rows for k in [known.get(r["file"], {"verdict": "no row", "why": ""})] if k != r]
    return faults + ["%s: only in the table" % f for f in known.keys() - {r["file"] for r in rows}]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(TOP, "build/release/bifocal"))
    parser.add_argument("--table")
    parser.add_argument("--write", action="store_true", help="the table anew")
    given = [os.path.abspath(p) for p in os.environ.get("BIFOCAL_DICOM_FILES", "").split(":") if p]
    parser.add_argument("folder", nargs="?", default=given[0] if len(given) == 2 else None)
    parser.add_argument("expected", nargs="?", default=given[1] if len(given) == 2 else None)
    options = parser.parse_args()
    if not options.folder or not options.expected:
        sys.exit(77)
    rows = look(options.program, options.folder, options.expected)
    counts = {}
    for r in rows:
        counts[r["verdict"]] = counts.get(r["verdict"], 0) + 1
    faults = ["%s: %s: %s" % (r["file"], r["verdict"], r["why"]) for r in rows if r["verdict"] in ("differs", "absent")]
    if options.write:
        with open(options.table, "w", newline="") as f:
            out = csv.DictWriter(f, ("file", "verdict", "why"), lineterminator="\n")
            out.writeheader()
            out.writerows(rows)
    elif options.table:
        faults += compare(rows, options.table)
    print("\n".join(faults + [", ".join("%d %s" % (n, word) for word, n in sorted(counts.items()))]))
    sys.exit(1 if faults else 0)


main()
