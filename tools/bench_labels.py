#!/usr/bin/python3
"""Processor seconds (of the system, too) to read a label file and to join it with as many images (labels_join, built
here): one row a format, best of some rounds. All tables are made here. "absent" and "there" tell whether the named files exist, for what the system is
asked about them costs time.

    bench_labels.py [--build build/release] [--rows 100000] [--rounds 3]

No part of the build.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = "1.3.6.1.4.1.9590.100.1.2"


def uid(kind, i):
    return "%s.%d.%d" % (ROOT, kind, 10 ** 12 + i * 7919)


def subject(i, path="", laterality="", view=""):
    return "\t".join((uid(1, i), uid(2, i), uid(3, i // 4), laterality, view, path))


# Each makes the lines of a label file and the images that ask for them.

def csv_by_uid(n, folder):
    lines = ["SOPInstanceUID,pathology,PatientID,split"]
    lines += ["%s,%s,P%d,train" % (uid(1, i), ("benign", "malignant")[i % 2], i // 4) for i in range(n)]
    return lines, [subject(i, "%s/x%d.dcm" % (folder, i)) for i in range(n)]


def boxes_by_uid(n, folder):
    lines = ["SOPInstanceUID,xmin,ymin,xmax,ymax,pathology"]
    lines += ["%s,%d.5,20,%d,40,benign" % (uid(1, i), i % 100, i % 100 + 30) for i in range(n)]
    return lines, [subject(i, "%s/x%d.dcm" % (folder, i)) for i in range(n)]


def csv_by_file(n, folder, there=False):
    names = ["studies/s%d/i%d.dcm" % (i // 1000, i) for i in range(n)]
    for s in range((n + 999) // 1000 if there else 0):
        os.makedirs(os.path.join(folder, "studies/s%d" % s), exist_ok=True)
    for name in names if there else ():
        open(os.path.join(folder, name), "w").close()
    lines = ["file,pathology"] + ["%s,benign" % name for name in names]
    return lines, [subject(i, os.path.join(folder, name)) for i, name in enumerate(names)]


def csv_by_file_there(n, folder):
    return csv_by_file(n, folder, True)


def coco(n, folder, segmentation=None):
    images = [{"id": i, "file_name": "images/%s.png" % uid(1, i), "width": 1024, "height": 1024} for i in range(n)]
    lesions = [{"id": i, "image_id": i, "category_id": 1 + i % 2, "bbox": [i % 500, 100, 80, 60], "area": 4800,
                "iscrowd": 0} for i in range(n)]
    for lesion in lesions if segmentation else ():
        lesion["segmentation"] = segmentation
    text = {"images": images, "annotations": lesions,
            "categories": [{"id": 1, "name": "benign"}, {"id": 2, "name": "malignant"}]}
    return [json.dumps(text)], [subject(i, "/data/s%d/i.dcm" % i) for i in range(n)]


def coco_polygons(n, folder):
    return coco(n, folder, [[k * 10 + d for k in range(20) for d in (0, k % 7)]])


def vindr(n, folder):
    lines = ["study_id,series_id,laterality,view_position,image_id,height,width,breast_birads,breast_density,"
             "finding_categories,finding_birads,xmin,ymin,xmax,ymax,split"]
    for i in range(n):
        box = "\"['Mass']\",BI-RADS 4,10.5,20,300,400" if i % 4 == 0 else "['No Finding'],,,,,"
        lines.append("s%08x,t%08x,L,CC,%032x,3518,2800,BI-RADS %d,DENSITY C,%s,training" % (i // 4, i, i, 4 if i % 4 == 0
                                                                                          else 1, box))
    return lines, [subject(i, "/data/images/s%08x/%032x.dicom" % (i // 4, i)) for i in range(n)]


def rsna(n, folder):
    lines = ["site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,density,machine_id,"
             "difficult_negative_case"]
    lines += ["2,%d,%d,L,CC,61.0,%d,0,0,,0,,29,False" % (10000 + i // 4, 10 ** 8 + i, i % 4 == 0) for i in range(n)]
    return lines, [subject(i, "/data/train_images/%d/%d.dcm" % (10000 + i // 4, 10 ** 8 + i)) for i in range(n)]


def cbis(n, folder):
    lines = ["patient_id,breast_density,left or right breast,image view,abnormality id,abnormality type,mass shape,"
             "mass margins,assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path"]
    for i in range(n):
        path = "Mass-Training_P_%05d_LEFT_CC/%s/%s/000000.dcm" % (i // 4, uid(3, i // 4), uid(2, i))
        lines.append("P_%05d,3,LEFT,CC,1,mass,OVAL,CIRCUMSCRIBED,4,%s,4,%s,," %
                     (i // 4, ("BENIGN_WITHOUT_CALLBACK", "MALIGNANT")[i % 2], path))
    return lines, [subject(i, "/data/%d/1-1.dcm" % i) for i in range(n)]


def dbt(n, folder):
    views = ("lcc", "lmlo", "rcc", "rmlo")
    lines = ["PatientID,StudyUID,View,Normal,Actionable,Benign,Cancer"]
    lines += ["DBT-P%05d,%s,%s,1,0,0,0" % (i // 4, uid(3, i // 4), views[i % 4]) for i in range(n)]
    return lines, [subject(i, "/data/%d/1-1.dcm" % i, views[i % 4][0].upper(), views[i % 4][1:].upper())
                   for i in range(n)]


FORMATS = (("CSV, images by UID", csv_by_uid), ("CSV, boxes by UID", boxes_by_uid),
           ("CSV, by file, absent", csv_by_file), ("CSV, by file, there", csv_by_file_there),
           ("COCO, boxes", coco), ("COCO, polygons of 20 corners", coco_polygons), ("VinDr-Mammo", vindr),
           ("RSNA 2022", rsna), ("CBIS-DDSM", cbis), ("BCS-DBT", dbt))


def write(path, lines):
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")


def measure(tool, make, rows, rounds):
    """Seconds of reading and of joining, labels, matched images; or the words of the refusal."""
    with tempfile.TemporaryDirectory() as folder:
        labels, images = os.path.join(folder, "labels"), os.path.join(folder, "images")
        for path, lines in zip((labels, images), make(rows, folder)):
            write(path, lines)
        best = None
        for _ in range(rounds):
            run = subprocess.run([tool, labels, images], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if run.returncode != 0:
                return run.stderr.replace(folder + "/", "").strip()[:100]
            found = [float(x) for x in run.stdout.split()]
            best = min(best or found, found, key=lambda f: f[0] + f[1])
        return best


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.path.join(TOP, "build/release"))
    p.add_argument("--rows", type=int, default=100000)
    p.add_argument("--rounds", type=int, default=3)
    o = p.parse_args()
    subprocess.run(["ninja", "-C", o.build, "labels_join"], check=True, stdout=subprocess.DEVNULL)
    tool = os.path.join(o.build, "src/data/labels_join")
    bad = 0
    print("| %d rows | read, s | join, s | both, s | labels | matched |\n|---|---|---|---|---|---|" % o.rows)
    for name, make in FORMATS:
        found = measure(tool, make, o.rows, o.rounds)
        if isinstance(found, str):
            print("| %s | %s |" % (name, found))
            bad += 1
            continue
        read, join, labels, matched = found
        print("| %s | %.2f | %.2f | %.2f | %d | %d |" % (name, read, join, read + join, labels, matched), flush=True)
        bad += matched != o.rows
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
