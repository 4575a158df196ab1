#!/usr/bin/python3
"""What tasks give each other on a data set: few labels of one task with and without the other's, the balances, the masks
beside both, and each augmentation; cross-validated by patient with one budget of steps. Then what each augmentation does
to the invariance, on a third of the patients that was not trained on. Needs nothing but the program and Python's own library.

    tools/multitask.py STUDIES --labels images.csv boxes.csv masks/ --weights mobilenet_v2.safetensors -o RUNS \
        [--only few,balance,masks,augment,invariance] [--write docs]

Each run is `bifocal train --folds 5` and keeps its folder under RUNS: what is finished is not run again. --write puts the
tables into docs/multitask.md (between its marks) and the figures of every run into docs/multitask.json, from where they
are taken again.
"""
import argparse
import csv
import hashlib
import json
import os
import resource
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EPOCHS, SIZE, SEEDS = 12, 160, (1,)
SHARE = 0.1  # of the patients whose labels stay

ALONE = {"malignancy": {"heads.lesion.weight": "0"}, "lesion": {"heads.malignancy.weight": "0"}}
METHODS = ("fixed", "uncertainty", "dwa", "gradnorm", "pcgrad")
# The key that says how strong each is, switched off where the configuration has it on, and on where it has it off.
AUGMENTATIONS = {
    "flip": ("flip.horizontal", "0"), "rotate": ("rotate.degrees", "0"), "scale": ("scale.range", "0"),
    "translate": ("translate.fraction", "0"), "crop": ("crop.area", "0"), "brightness": ("brightness.range", "0"),
    "contrast": ("contrast.range", "0"), "gamma": ("gamma.range", "0"), "speckle": ("speckle.sigma", "0"),
    "noise": ("noise.sigma", "0"), "blur": ("blur.sigma", "0"), "shear": ("shear.degrees", "8"),
    "elastic": ("elastic.strength", "0.03"), "window": ("window.range", "0.1"), "erase": ("erase.probability", "0.5"),
    "mixup": ("mixup.alpha", "0.4"),
}
# As strong as the configuration, or the row above, has them: what pictures are changed by for the invariance.
STRENGTHS = {"flip": "0.5", "rotate": "12", "scale": "0.2", "translate": "0.08", "crop": "0.2", "brightness": "0.15",
             "contrast": "0.2", "gamma": "0.25", "speckle": "0.05", "noise": "0.02", "blur": "0.5"}


def program(arguments, *words):
    done = subprocess.run([arguments.program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("bifocal %s: %s" % (" ".join(words), done.stderr[-2000:]))
    return done.stdout


def keep(patient):
    """The same patients each time, whatever the order of the rows."""
    return int(hashlib.sha256(patient.encode()).hexdigest(), 16) % 1000 < 1000 * SHARE


def read(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def write(path, rows, columns):
    with open(path, "w", newline="") as f:
        out = csv.DictWriter(f, columns)
        out.writeheader()
        out.writerows(rows)


def make_data(arguments, name):
    """"all"; "no masks": images and boxes; "few boxes", "few classes": those labels of a tenth of the patients alone."""
    path = os.path.join(arguments.output, name.replace(" ", "_") + ".h5")
    images, boxes = arguments.labels[:2]
    if not os.path.exists(path):
        rows = read(images)
        kept = {r["SOPInstanceUID"] for r in rows if keep(r["PatientID"])}
        files = list(arguments.labels) if name == "all" else [images, boxes]
        if name == "few boxes":
            files = [images, path[:-3] + ".csv"]
            few = [r for r in read(boxes) if r["SOPInstanceUID"] in kept]
            write(files[1], few, few[0].keys())
        elif name == "few classes":
            files = [path[:-3] + ".csv", boxes]
            for r in rows:
                r["pathology"] = r["pathology"] if r["SOPInstanceUID"] in kept else ""
            # Named by UID: paths would be relative to the new file.
            write(files[0], [{k: r[k] for k in ("SOPInstanceUID", "PatientID", "pathology")} for r in rows],
                  ("SOPInstanceUID", "PatientID", "pathology"))
        program(arguments, "ingest", arguments.studies, "-o", path, *[x for f in files for x in ("--labels", f)])
    return path


def share_known(arguments, name):
    """Of the images, those that the poor task alone can be trained on."""
    rows = read(arguments.labels[0])
    return sum(keep(r["PatientID"]) for r in rows) / len(rows) if name != "all" else 1.0


def run(arguments, group, name, data, keys, seed, epochs=EPOCHS):
    key = "%s/%s/%d" % (group, name, seed)
    if key in arguments.known:
        return arguments.known[key]
    if arguments.only_done:
        return None
    folder = os.path.join(arguments.output, key.replace(" ", "_").replace("/", "-"))
    settings = {"backbone": "mobilenet_v2", "weights": os.path.abspath(arguments.weights), "size": str(SIZE),
                "epochs": str(epochs), "seed": str(seed), "metric": "last", "validation": "0.1", **keys}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program(arguments, "train", os.path.join(TOP, "configs/breast-ultrasound.yaml"), "--data", make_data(arguments, data), "-o",
            folder, "--folds", "5", *[x for k, v in settings.items() for x in ("--set", "%s=%s" % (k, v))])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    labels = [x for label in arguments.labels for x in ("--labels", label)]
    judged = json.loads(program(arguments, "evaluate", os.path.join(folder, "scores.h5"), "--json", *labels))
    figures = {"seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
               "auc": judged["classification"]["auc"], "auc_ci": judged["classification"]["auc_ci"],
               "froc1": judged["localization"]["froc"]["1"], "froc1_ci": judged["localization"]["froc_ci"]["1"],
               "dice": judged.get("segmentation", {}).get("mean_dice"),
               "dice_ci": judged.get("segmentation", {}).get("mean_dice_ci")}
    for file in os.listdir(folder):
        if file.endswith((".safetensors", "checkpoint.h5")):
            os.remove(os.path.join(folder, file))
    arguments.known[key] = figures
    save(arguments)
    print("%s: AUC %s, lesions %s, Dice %s, %.0f s" % (key, figures["auc"], figures["froc1"], figures["dice"],
                                                       figures["seconds"]), flush=True)
    return figures


def save(arguments):
    path = os.path.join(arguments.output, "multitask.json")
    with open(path, "w") as f:
        json.dump(arguments.known, f, indent=1, sort_keys=True)
        f.write("\n")


def cell(figures, what):
    if figures is None or figures[what] is None:
        return "-"
    ci = figures[what + "_ci"]
    return "%.3f (%.3f to %.3f)" % (figures[what], ci[0], ci[1]) if ci else "%.3f" % figures[what]


def table(title, rows, columns):
    names = {"auc": "AUC", "froc1": "lesion sensitivity at 1 false positive an image", "dice": "mean Dice"}
    lines = ["", title, "", "| | " + " | ".join(names[c] for c in columns) + " | processor minutes |",
             "|---|" + "---|" * (len(columns) + 1)]
    for name, figures in rows:
        minutes = "-" if figures is None else "%.1f" % (figures["seconds"] / 60)
        lines.append("| %s | %s | %s |" % (name, " | ".join(cell(figures, c) for c in columns), minutes))
    return lines + [""]


def few(arguments):
    lines = []
    for poor, data in (("lesion", "few boxes"), ("malignancy", "few classes")):
        rich = "malignancy" if poor == "lesion" else "lesion"
        # The poor task alone has a tenth of the images: as many steps as together take as many more epochs.
        epochs = round(EPOCHS / share_known(arguments, data))
        rows = [("%s alone, labels of a tenth" % poor, run(arguments, "few", poor + " alone", data, ALONE[poor], 1, epochs)),
                ("with all labels of %s" % rich, run(arguments, "few", poor + " together", data, {}, 1)),
                ("%s alone, all labels" % poor, run(arguments, "few", poor + " rich", "no masks", ALONE[poor], 1))]
        lines += table("Labels of %s for a tenth of the patients:" % poor, rows, ["froc1" if poor == "lesion" else "auc"])
    return lines


def balance(arguments):
    rows = [(m, run(arguments, "balance", m, "no masks", {"balance.method": m}, 1)) for m in METHODS]
    return table("Balances, all labels, both heads:", rows, ["auc", "froc1"])


def masks(arguments):
    mask = {"heads.mask.weight": "1"}
    rows = [("malignancy and lesion", run(arguments, "masks", "without masks", "no masks", {}, 1)),
            ("the same, boxes follow the masks' outlines", run(arguments, "masks", "without", "all", {}, 1)),
            ("malignancy, lesion and mask", run(arguments, "masks", "three", "all", mask, 1)),
            ("the same, the class head looks at the lesion",
             run(arguments, "masks", "look", "all", {**mask, "heads.malignancy.pool": "lesion"}, 1)),
            ("mask alone", run(arguments, "masks", "alone", "all",
                               {**mask, "heads.lesion.weight": "0", "heads.malignancy.weight": "0"}, 1))]
    return table("Masks beside both:", rows, ["auc", "froc1", "dice"])


def switched(name):
    key, value = AUGMENTATIONS[name]
    return {"augment." + key: value}


def augment(arguments):
    rows = [("as configured", run(arguments, "augment", "as configured", "all", {}, 1))]
    for name, (_, value) in AUGMENTATIONS.items():
        what = ("without " if value == "0" else "with ") + name
        rows.append((what, run(arguments, "augment", what, "all", switched(name), 1)))
    rows.append(("without any", run(arguments, "augment", "none", "all", NONE, 1)))
    return table("Each augmentation:", rows, ["auc", "froc1"])


NONE = {"augment." + key: "0" for key, value in AUGMENTATIONS.values() if value == "0"}


def third(patient):
    return int(hashlib.sha256(("third " + patient).encode()).hexdigest(), 16) % 3 == 0


def make_third(arguments, held):
    """Studies of a third of the patients, or of the others."""
    path = os.path.join(arguments.output, "held.h5" if held else "rest.h5")
    if not os.path.exists(path):
        top = os.path.dirname(os.path.abspath(arguments.labels[0]))
        files = [os.path.join(top, r["file"]) for r in read(arguments.labels[0]) if third(r["PatientID"]) == held]
        program(arguments, "ingest", *files, "-o", path, *[x for f in arguments.labels for x in ("--labels", f)])
    return path


def answers_move(arguments, name, keys, looks):
    """A model trained with these keys on two thirds, and how its answers on the rest move with each of the looks."""
    key = "invariance/" + name
    if key in arguments.known or arguments.only_done:
        return arguments.known.get(key)
    folder = os.path.join(arguments.output, key.replace(" ", "_").replace("/", "-"))
    settings = {"backbone": "mobilenet_v2", "weights": os.path.abspath(arguments.weights), "size": str(SIZE),
                "epochs": str(EPOCHS), "seed": "1", "metric": "last", "validation": "0.1", **keys}
    program(arguments, "train", os.path.join(TOP, "configs/breast-ultrasound.yaml"), "--data", make_third(arguments, False),
            "-o", folder, *[x for k, v in settings.items() for x in ("--set", "%s=%s" % (k, v))])
    strengths = ["augment.%s=%s" % (AUGMENTATIONS[n][0], STRENGTHS.get(n, AUGMENTATIONS[n][1])) for n in looks]
    judged = json.loads(program(arguments, "invariance", os.path.join(folder, "model.safetensors"), "--data",
                                make_third(arguments, True), "--json", *[x for s in strengths for x in ("--set", s)]))
    for file in os.listdir(folder):
        if file.endswith((".safetensors", "checkpoint.h5")):
            os.remove(os.path.join(folder, file))
    arguments.known[key] = {n: judged["augmentations"][n] for n in looks}
    save(arguments)
    print("%s: done" % key, flush=True)
    return arguments.known[key]


def invariance(arguments):
    looks = [n for n in AUGMENTATIONS if n != "mixup"]
    plain = answers_move(arguments, "as configured", {}, looks)
    lines = ["", "How far answers move when pictures are changed, by models trained without and with that change:", "",
             "| change | move of the logit | | decisions that change | | overlap of the followed box | |",
             "|---|---|---|---|---|---|---|", "| | without | with | without | with | without | with |"]
    for name in looks:
        other = answers_move(arguments, name, switched(name), [name])
        if plain is None or other is None:
            continue
        pair = (other[name], plain[name]) if AUGMENTATIONS[name][1] == "0" else (plain[name], other[name])
        cells = ["%.3f" % p[f] for f in ("logit_move", "decision_change", "box_iou") for p in pair]
        lines.append("| %s | %s |" % (name, " | ".join(cells)))
    return lines + [""]


GROUPS = {"few": few, "balance": balance, "masks": masks, "augment": augment, "invariance": invariance}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies")
    parser.add_argument("--labels", nargs="+", required=True, help="image labels, box labels, then any others")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--program", default=os.path.join(TOP, "build/release/bifocal"))
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--only", default=",".join(GROUPS))
    parser.add_argument("--write", help="folder of multitask.md and multitask.json")
    parser.add_argument("--only-done", action="store_true", help="tables of the runs that are there; nothing is run")
    arguments = parser.parse_args()
    os.makedirs(arguments.output, exist_ok=True)
    arguments.known = {}
    for folder in (arguments.write, arguments.output):
        path = folder and os.path.join(folder, "multitask.json")
        if path and os.path.exists(path):
            with open(path) as f:
                arguments.known.update(json.load(f))
    text = "\n".join(line for group in arguments.only.split(",") for line in GROUPS[group](arguments))
    print(text)
    if not arguments.write:
        return
    path = os.path.join(arguments.write, "multitask.md")
    begin, end = "<!-- figures -->\n", "<!-- end of figures -->\n"
    with open(path) as f:
        before, rest = f.read().split(begin)
    with open(path, "w") as f:
        f.write(before + begin + text + end + rest.split(end)[1])
    with open(os.path.join(arguments.write, "multitask.json"), "w") as f:
        json.dump(arguments.known, f, indent=1, sort_keys=True)
        f.write("\n")


main()
