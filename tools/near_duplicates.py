#!/usr/bin/python3
"""How well `bifocal ingest` brings near-duplicates together when nobody says whose they are.

    near_duplicates.py STUDIES IMAGES.csv [--program build/release/bifocal] [--alike 40] [--list]

STUDIES: a folder of DICOM files whose PatientID is one for pictures that are known to be near-duplicates; IMAGES.csv has the
columns file, SOPInstanceUID and PatientID. Copies without Patient ID, each in a study of its own, are ingested; the pairs that share a PatientID
and were brought together are counted, and the pairs that do not share one and were. A pair is together when both
rows are of one group. Needs pydicom and h5py; no part of the build.
"""
import argparse
import csv
import itertools
import os
import subprocess
import tempfile

import h5py
import pydicom
from pydicom.uid import generate_uid

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def withhold(studies, folder):
    count = 0
    for top, _, files in os.walk(studies):
        for name in files:
            d = pydicom.dcmread(os.path.join(top, name))
            d.PatientID = ""
            d.StudyInstanceUID = generate_uid()
            d.SeriesInstanceUID = generate_uid()
            d.save_as(os.path.join(folder, "%06d.dcm" % count))
            count += 1


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("studies")
    p.add_argument("images")
    p.add_argument("--program", default=os.path.join(TOP, "build/release/bifocal"))
    p.add_argument("--alike", type=int, default=40)
    p.add_argument("--list", action="store_true", help="list what was brought together and shares no PatientID")
    o = p.parse_args()
    with open(o.images, newline="") as f:
        patient = {r["SOPInstanceUID"]: r["PatientID"] for r in csv.DictReader(f)}
    with tempfile.TemporaryDirectory() as folder:
        withhold(o.studies, folder)
        data = os.path.join(folder, "data.h5")
        subprocess.run([o.program, "ingest", folder, "-o", data, "--quiet", "--set", "split.alike=%d" % o.alike],
                       check=True)
        with h5py.File(data) as f:
            uids = [u.decode() for u in f["images/sop_instance_uid"][:]]
            group = f["images/group"][:].tolist()
    counts = {True: [0, 0], False: [0, 0]}
    for i, k in itertools.combinations(range(len(uids)), 2):
        same, together = patient[uids[i]] == patient[uids[k]], group[i] == group[k]
        counts[same][0] += 1
        counts[same][1] += together
        if o.list and together and not same:
            print(uids[i], uids[k])
    for same, words in ((True, "share a PatientID"), (False, "do not")):
        n, together = counts[same]
        print("%d pairs %s: %d brought together (%.3f %%)" % (n, words, together, 100.0 * together / max(n, 1)))


if __name__ == "__main__":
    main()
