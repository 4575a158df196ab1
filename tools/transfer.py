#!/usr/bin/python3
"""What transfer learning is worth on a data set: random start, frozen embedding, full fine-tuning and staged thawing, on
several backbones, cross-validated by patient, several seeds, one budget of epochs; and the curve over fractions of the
training patients. Needs nothing but the program and Python's own library.

    tools/transfer.py DATA.h5 --labels images.csv --labels boxes.csv --weights FOLDER -o RUNS [--write docs]

Each run is `bifocal train --folds 5` and keeps its folder under RUNS: what is finished is not run again. --write puts the
tables and the figure into docs/transfer.md (between its marks) and docs/transfer.svg, and the figures of every run into
docs/transfer.json, from where they are taken again.
"""
import argparse
import json
import math
import os
import resource
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EPOCHS, SIZE = 12, 160
SEEDS = (1, 2, 3)
FRACTIONS = (0.1, 0.25, 0.5, 1.0)
CURVE_BACKBONE = "mobilenet_v2"

# Weights, and the keys that the network needs whatever the mode. ResNet-18's file lacks half of its last stage: that
# stage begins at random, so that what is frozen ends before it.
BACKBONES = {
    "mobilenet_v2": ("mobilenet_v2_imagenet.safetensors", "all", {}),
    "resnet18": ("resnet18_imagenet_partial.safetensors", "3", {"norm": "batch"}),
    "squeezenet1_1": ("squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5", "all", {}),
}
# Keys of each mode; FROZEN stands for what a backbone freezes.
MODES = {
    "random start": {"weights": "none", "norm": "auto", "optimiser.backbone_rate": "1"},
    "frozen embedding": {"freeze": "FROZEN", "views": "8"},
    "full fine-tuning": {"optimiser.backbone_rate": "0.2"},
    "staged thawing": {"freeze": "FROZEN", "unfreeze": "every 2", "optimiser.backbone_rate": "0.5",
                       "optimiser.stage_decay": "0.5"},
}


def run(arguments, backbone, mode, seed, fraction):
    """The figures of one cross-validation, from its folder where it is done."""
    figures = find_or_run(arguments, backbone, mode, seed, fraction)
    if figures is not None:
        arguments.known["%s-%s-%d-%g" % (backbone, mode.replace(" ", "_"), seed, fraction)] = figures
    return figures


def find_or_run(arguments, backbone, mode, seed, fraction):
    name = "%s-%s-%d-%g" % (backbone, mode.replace(" ", "_"), seed, fraction)
    folder = os.path.join(arguments.output, name)
    record = os.path.join(folder, "figures.json")
    if name in arguments.known:
        return arguments.known[name]
    if os.path.exists(record):
        with open(record) as f:
            return json.load(f)
    if arguments.only_done:
        return None
    weights, frozen, extra = BACKBONES[backbone]
    keys = {"backbone": backbone, "weights": os.path.join(os.path.abspath(arguments.weights), weights),
            "size": str(SIZE), "epochs": str(round(EPOCHS / fraction)), "seed": str(seed),
            "train_fraction": "%g" % fraction, "metric": "last", "validation": "0.1"}
    keys.update(extra)
    keys.update({k: frozen if v == "FROZEN" else v for k, v in MODES[mode].items()})
    if mode == "staged thawing" and fraction < 1:
        keys["unfreeze"] = "every %d" % round(2 / fraction)
    command = [arguments.program, "train", os.path.join(TOP, "configs/breast-ultrasound.yaml"), "--data", arguments.data, "-o", folder,
               "--folds", "5", "--json"]
    for key, value in keys.items():
        command += ["--set", "%s=%s" % (key, value)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode != 0:
        sys.exit("%s: %s" % (name, done.stderr[-2000:]))
    labels = [x for label in arguments.labels for x in ("--labels", label)]
    judged = subprocess.run([arguments.program, "evaluate", os.path.join(folder, "scores.h5"), "--json"] + labels,
                            stdout=subprocess.PIPE, text=True, check=True)
    judged = json.loads(judged.stdout)
    figures = {"auc": judged["classification"]["auc"], "auc_ci": judged["classification"]["auc_ci"],
               "froc1": judged["localization"]["froc"]["1"], "lesions": judged["localization"]["lesions"],
               "seconds": seconds, "ms_per_image": json.loads(done.stdout)["ms_per_image"]}
    for file in os.listdir(folder):
        if file.endswith((".safetensors", "checkpoint.h5")):
            os.remove(os.path.join(folder, file))
    with open(record, "w") as f:
        json.dump(figures, f)
    print("%s: AUC %.3f, lesions %.3f, %.0f s" % (name, figures["auc"], figures["froc1"], seconds), flush=True)
    return figures


def summary(several):
    """Means over seeds, with the spread between them, and the mean half-width of one run's interval."""
    n = len(several)

    def mean_and_spread(values):
        mean = sum(values) / n
        return mean, (math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else float("nan"))

    auc, auc_spread = mean_and_spread([f["auc"] for f in several])
    froc, froc_spread = mean_and_spread([f["froc1"] for f in several])
    # Wilson's interval of the mean sensitivity over one run's lesions.
    lesions, z = several[0]["lesions"], 1.96
    middle = (froc + z * z / (2 * lesions)) / (1 + z * z / lesions)
    half = z * math.sqrt(froc * (1 - froc) / lesions + z * z / (4 * lesions ** 2)) / (1 + z * z / lesions)
    return {"n": n, "auc": auc, "auc_spread": auc_spread,
            "auc_low": sum(f["auc_ci"][0] for f in several) / n, "auc_high": sum(f["auc_ci"][1] for f in several) / n,
            "froc1": froc, "froc1_spread": froc_spread, "froc1_low": middle - half, "froc1_high": middle + half,
            "minutes": sum(f["seconds"] for f in several) / n / 60}


def gather(arguments):
    table, curve = {}, {}
    for seed in SEEDS:
        for backbone in BACKBONES:
            for mode in MODES:
                f = run(arguments, backbone, mode, seed, 1.0)
                if f is not None:
                    table.setdefault((backbone, mode), []).append(f)
        for fraction in FRACTIONS:
            for mode in MODES:
                f = run(arguments, CURVE_BACKBONE, mode, seed, fraction)
                if f is not None:
                    curve.setdefault((mode, fraction), []).append(f)
    return {k: summary(v) for k, v in table.items()}, {k: summary(v) for k, v in curve.items()}


def spread(value):
    return "-" if math.isnan(value) else "%.3f" % value


def rows(table, curve):
    lines = ["| backbone | mode | runs | AUC (95 % interval; spread of seeds) | lesion sensitivity at 1 false positive an image "
             "(interval; spread) | processor minutes a cross-validation |", "|---|---|---|---|---|---|"]
    for (backbone, mode), s in table.items():
        lines.append("| %s | %s | %d | %.3f (%.3f to %.3f; %s) | %.3f (%.3f to %.3f; %s) | %.1f |" % (
            backbone, mode, s["n"], s["auc"], s["auc_low"], s["auc_high"], spread(s["auc_spread"]), s["froc1"], s["froc1_low"],
            s["froc1_high"], spread(s["froc1_spread"]), s["minutes"]))
    lines += ["", "%s over fractions of the training patients, the same number of steps:" % CURVE_BACKBONE, "",
              "| mode | " + " | ".join("%g %%" % (100 * f) for f in FRACTIONS) + " |",
              "|---|" + "---|" * len(FRACTIONS)]
    for what, title in (("auc", "AUC"), ("froc1", "lesions")):
        for mode in MODES:
            cells = []
            for fraction in FRACTIONS:
                s = curve.get((mode, fraction))
                cells.append("%.3f (%.3f to %.3f)" % (s[what], s[what + "_low"], s[what + "_high"]) if s else "-")
            lines.append("| %s, %s | %s |" % (mode, title, " | ".join(cells)))
    return "\n".join(lines) + "\n"


def figure(curve):
    """Two charts side by side: AUC and lesion sensitivity over the fraction of the patients."""
    colours = ("#d55e00", "#56b4e9", "#0072b2", "#009e73")
    width, height, top, bottom, left = 440, 330, 50, 50, 56
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#222" '
           'role="img"><title>Transfer learning over the number of training patients</title>' % (2 * width, height),
           '<rect width="%d" height="%d" fill="#fff"/>' % (2 * width, height)]
    for k, (what, title, low, high) in enumerate((("auc", "AUC", 0.5, 1.0), ("froc1", "lesion sensitivity at 1 FP an image", 0.0, 1.0))):
        x0 = k * width + left

        def px(fraction):
            return x0 + (math.log(fraction) - math.log(0.09)) / (math.log(1.1) - math.log(0.09)) * (width - left - 20)

        def py(value):
            return height - bottom - (min(max(value, low), high) - low) / (high - low) * (height - top - bottom)

        out.append('<text x="%d" y="20" font-size="14">%s</text>' % (x0, title))
        for i in range(6):
            v = low + (high - low) * i / 5
            out.append('<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.1f</text>'
                       % (x0, k * width + width - 20, py(v), py(v), x0 - 6, py(v) + 4, v))
        for fraction in FRACTIONS:
            out.append('<text x="%.1f" y="%d" text-anchor="middle">%g %%</text>' % (px(fraction), height - bottom + 18, 100 * fraction))
        out.append('<text x="%d" y="%d" text-anchor="middle">share of the training patients</text>'
                   % (x0 + (width - left - 20) / 2, height - 12))
        for m, mode in enumerate(MODES):
            points = [(f, curve[(mode, f)]) for f in FRACTIONS if (mode, f) in curve]
            for f, s in points:
                shift = 3 * (m - 1.5)
                out.append('<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s" stroke-opacity="0.5"/>'
                           % (px(f) + shift, px(f) + shift, py(s[what + "_low"]), py(s[what + "_high"]), colours[m]))
                out.append('<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>' % (px(f) + shift, py(s[what]), colours[m]))
            out.append('<polyline fill="none" stroke="%s" stroke-width="2.5" points="%s"/>'
                       % (colours[m], " ".join("%.1f,%.1f" % (px(f) + 3 * (m - 1.5), py(s[what])) for f, s in points)))
            if k == 0:
                y = height - bottom - 70 + 16 * m
                out.append('<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="%s" stroke-width="2.5"/><text x="%d" y="%d">%s</text>'
                           % (x0 + 190, x0 + 212, y - 4, y - 4, colours[m], x0 + 218, y, mode))
    out.append("</svg>\n")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--labels", action="append", required=True)
    parser.add_argument("--weights", required=True, help="folder of the weight files")
    parser.add_argument("--program", default=os.path.join(TOP, "build/release/bifocal"))
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--write", help="folder of transfer.md and transfer.svg")
    parser.add_argument("--only-done", action="store_true", help="tables of the runs that are there; nothing is run")
    arguments = parser.parse_args()
    os.makedirs(arguments.output, exist_ok=True)
    arguments.known = {}
    known = arguments.write and os.path.join(arguments.write, "transfer.json")
    if known and os.path.exists(known):
        with open(known) as f:
            arguments.known = json.load(f)
    table, curve = gather(arguments)
    text = rows(table, curve)
    print(text)
    if arguments.write:
        path = os.path.join(arguments.write, "transfer.md")
        begin, end = "<!-- figures -->\n", "<!-- end of figures -->\n"
        with open(path) as f:
            page = f.read()
        before, rest = page.split(begin)
        with open(path, "w") as f:
            f.write(before + begin + text + end + rest.split(end)[1])
        with open(os.path.join(arguments.write, "transfer.svg"), "w") as f:
            f.write(figure(curve))
        with open(known, "w") as f:
            json.dump(arguments.known, f, indent=1, sort_keys=True)
            f.write("\n")


main()
