#!/usr/bin/python3
"""Every figure of `bifocal evaluate --json` and of its CSV files, for invented results, against scikit-learn, scipy and
plain loops (peer_figures.py), to 1e-9; intervals of resampled patients against numpy's (peer_resampling.py).

    evaluate.py --program build/release/bifocal

Exit status: 0 all agree, 1 something does not, 77 a Python module is missing (python3-h5py, -numpy, -scipy, -sklearn).
"""
import argparse
import copy
import csv
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
try:
    import h5py  # noqa: F401
    import numpy
    from scipy import stats
    import sklearn  # noqa: F401
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)

import made_scores
import peer_figures as figures
import peer_resampling as resampling

RULES = {"iou50": 0.5, "iou10": 0.1, "centre": "centre", "iou75": 0.75}
POINTS = (("sensitive", 0.2), ("specific", 0.8))
NARROW = 1e-9
CSV_DIGITS = 1e-8  # nine digits are written

# Intervals and p-values of resampled patients: held against numpy's, not against one number.
RESAMPLED = {"auc_resampled_ci", "partial_auc_ci", "average_precision_ci", "brier_ci", "log_loss_ci", "ece_ci",
             "expected_minus_observed_ci", "sensitivity_resampled_ci", "specificity_resampled_ci",
             "positive_predictive_value_resampled_ci", "negative_predictive_value_resampled_ci", "froc_ci", "cpm_ci",
             "mean_best_iou_ci", "froc_1_ci", "ap_at_iou_ci", "ap10_ci", "ap50_ci", "ap75_ci", "ap_coco_ci", "ap_centre_ci",
             "hit_iou_mean_ci", "hit_iou_median_ci", "centre_error_mean_pixels_ci", "centre_error_median_pixels_ci",
             "centre_error_mean_share_ci", "centre_error_median_share_ci"}
WORDS = {"auc_method", "interval_method", "ap_method", "method", "threshold_rule", "threshold_from"}


class Checks:
    def __init__(self):
        self.numbers, self.faults = 0, []

    def fault(self, text):
        self.faults.append(text)

    def same(self, where, theirs, ours, narrow=NARROW):
        """theirs: of the program. Both have the same keys, but for RESAMPLED and WORDS."""
        if isinstance(ours, dict):
            if set(theirs) - RESAMPLED - WORDS != set(ours) - RESAMPLED - WORDS:
                self.fault("%s: keys differ: %s" % (where, sorted((set(theirs) ^ set(ours)) - RESAMPLED - WORDS)))
            for key in set(ours) & set(theirs):
                self.same("%s.%s" % (where, key), theirs[key], ours[key], narrow)
        elif isinstance(ours, list):
            if not isinstance(theirs, list) or len(theirs) != len(ours):
                self.fault("%s: %s, %s is due" % (where, theirs, ours))
                return
            for k, (a, b) in enumerate(zip(theirs, ours)):
                self.same("%s[%d]" % (where, k), a, b, narrow)
        elif isinstance(ours, (float, numpy.floating)) and not isinstance(theirs, (str, type(None))):
            self.numbers += 1
            if not abs(theirs - ours) <= narrow * max(1, abs(ours)):
                self.fault("%s: %.15g, %.15g is due" % (where, theirs, ours))
        else:
            self.numbers += 1
            if theirs != ours:
                self.fault("%s: %r, %r is due" % (where, theirs, ours))

    def expect(self, where, good):
        self.numbers += 1
        if not good:
            self.fault(where)

    def intervals(self, where, theirs, rounds, peers, patient, having=None):
        """theirs: figures of one part; peers: name -> values of all rounds, "froc.1" being of froc. patient: of each
        image; having: name -> patients with anything that the share is of, where draws that are all 0 or 1 say so."""
        for name, values in peers.items():
            key, _, rate = name.partition(".")
            interval = theirs[key + "_ci"][rate] if rate else theirs[key + "_ci"]
            if having and name in having and numpy.nanmin(values) == numpy.nanmax(values) in (0, 1):
                self.same("%s.%s" % (where, name), interval, wilson(numpy.nanmax(values), having[name]))
                continue
            self.expect("%s.%s: interval %s, numpy has %s" % (where, name, interval, numpy.nanquantile(
                values, [0.025, 0.975])), resampling.agree(interval, rounds, values, len(set(patient))))


def wilson(share, n):
    due = {}
    figures.share(due, "found", round(share * n), n)
    return due["found_ci"]


# ---- what is made ----


def plain(n=90, seed=1, **more):
    return made_scores.make(n, seed, **more)


def one_class():
    made = plain(40, 2)
    made.pathology[:] = 1
    return made


def no_lesions():
    made = plain(40, 3)
    made.truths = [numpy.zeros((0, 4))] * made.n
    return made


def nobody_looked():
    made = plain(40, 4)
    made.truths = [None] * made.n
    return made


def some_looked():
    made = plain(80, 5)
    made.truths = [None if i % 3 == 0 else t for i, t in enumerate(made.truths)]
    return made


def all_equal():
    made = plain(40, 6)
    made.probability[:] = 0.5
    made.boxes = [numpy.hstack([b[:, :4], numpy.full((len(b), 1), 0.5)]) for b in made.boxes]
    return made


def without_probability():
    made = plain(60, 7)
    made.probability[::7] = numpy.nan
    return made


def failed_rows():
    made = plain(70, 8)
    made.status[::9] = made_scores.STATUSES["damaged"]
    made.status[4::18] = made_scores.STATUSES["left_out"]
    made.probability[made.status > 0] = numpy.nan
    made.boxes = [b if s == 0 else b[:0] for b, s in zip(made.boxes, made.status)]
    return made


def zero_and_one():
    made = plain(80, 9)
    made.probability[made.probability > 0.8] = 1
    made.probability[made.probability < 0.2] = 0
    return made


def unknown_classes():
    made = plain(80, 10)
    made.pathology[::4] = -1
    return made


def one_patient():
    made = plain(30, 11)
    made.patient[:] = 3
    made.study = ["1.4.3"] * made.n
    return made


def repeated_rows():
    made = plain(50, 12)
    for i in range(0, 40, 8):
        made.uids[i + 1] = made.uids[i]
        made.truths[i + 1], made.pathology[i + 1] = made.truths[i], made.pathology[i]
        made.patient[i + 1], made.study[i + 1] = made.patient[i], made.study[i]
    return made


def no_boxes():
    made = plain(30, 13)
    made.boxes = [b[:0] for b in made.boxes]
    return made


def all_found():
    made = plain(30, 16)
    made.boxes = [numpy.hstack([t, numpy.full((len(t), 1), 0.9)]) for t in made.truths]
    return made


def parted():
    made = plain(40, 14)
    made.probability = numpy.where(made.pathology == 1, 0.9, 0.1).astype(numpy.float32)
    return made


def studies_alone():
    """Studies of which nobody says whose they are, and images without one."""
    made = plain(60, 15, images_a_patient=3)
    made.study = ["" if i % 5 == 0 else s for i, s in enumerate(made.study)]
    made.columns["laterality"] = numpy.array(["" if i % 7 == 0 else v for i, v in enumerate(made.columns["laterality"])])
    return made


def millimetres():
    made = plain(60, 17)
    made.spacing = 0.25
    return made


DATA = {"plain": plain, "millimetres": millimetres, "ties": lambda: plain(90, 21, decimals=1), "one class": one_class, "no lesions": no_lesions,
        "nobody looked": nobody_looked, "some looked": some_looked, "all equal": all_equal,
        "one image": lambda: plain(1, 22), "two images": lambda: plain(2, 23), "seven": lambda: plain(7, 24),
        "one patient": one_patient, "many a patient": lambda: plain(100, 25, images_a_patient=6),
        "without probability": without_probability, "failed rows": failed_rows, "zero and one": zero_and_one,
        "unknown classes": unknown_classes, "repeated rows": repeated_rows, "no boxes": no_boxes, "all found": all_found,
        "parted": parted,
        "studies": studies_alone}


# ---- what is due ----


class Cases:
    """The good rows of a made result, as the figures want them."""

    def __init__(self, made, group=None):
        good = numpy.flatnonzero(made.status == 0)
        self.made, self.at = made, good if group is None else good[group]
        self.probability = made.probability[self.at].astype(numpy.float64)
        self.pathology = numpy.asarray(made.pathology)[self.at]
        self.patient = made.patient[self.at]
        every = made.probability[good].astype(numpy.float64)
        logit = made.logit()[good].astype(numpy.float64)
        whole = (numpy.isnan(every) | numpy.isfinite(logit)).all()
        self.rank = made.logit()[self.at].astype(numpy.float64) if whole else self.probability
        single = lambda rows, width: numpy.asarray(rows).reshape(-1, width).astype(numpy.float32).astype(numpy.float64)
        looked = [i for i in self.at if made.truths[i] is not None]
        self.images = [(single(made.boxes[i], 5), single(made.truths[i], 4)) for i in looked]
        self.image_patient = made.patient[looked]

    def classes(self, threshold):
        return figures.classes(self.pathology, self.probability, self.rank, self.patient, threshold)

    def lesions(self, rule):
        return figures.lesions(self.images, self.image_patient, len(self.at) - len(self.images), RULES[rule], rule)


def points(pathology, probability):
    known = (pathology >= 0) & ~numpy.isnan(probability)
    return [dict(figures.confusion(pathology[known], probability[known], t), name=name, threshold=t) for name, t in POINTS]


def classification(cases, threshold):
    due = cases.classes(threshold)
    due.update(threshold=threshold, operating_points=points(cases.pathology, cases.probability),
               reliability=figures.reliability(cases.pathology, cases.probability))
    return due


def units(cases, breasts, threshold):
    """Breasts or studies by their most suspicious image; None where there is none."""
    rows = {}
    for k, i in enumerate(cases.at):
        side = cases.made.columns["laterality"][i] if breasts else ""
        if cases.made.study[i] and (side or not breasts):
            rows.setdefault((cases.made.study[i], side), []).append(k)
    rows = sorted(rows.values())
    if not rows:
        return None
    largest = lambda values: max([v for v in values if not numpy.isnan(v)], default=numpy.nan)
    pathology = numpy.array([1 if (cases.pathology[r] == 1).any() else -1 if (cases.pathology[r] < 0).any() else 0
                             for r in rows])
    probability = numpy.array([largest(cases.probability[r]) for r in rows])
    rank = numpy.array([largest(numpy.where(numpy.isnan(cases.probability[r]), numpy.nan, cases.rank[r])) for r in rows])
    patient = numpy.array([cases.patient[r[0]] for r in rows])
    due = figures.classes(pathology, probability, rank, patient, threshold)
    images = sum(len(r) for r in rows)
    due.update(units=len(rows), images=images, images_without=len(cases.at) - images, pooling="maximum",
               operating_points=points(pathology, probability))
    return due


def attribute(cases, name):
    made, at = cases.made, cases.at
    if name in made.columns:
        return [made.columns[name][i] or "unknown" for i in at]
    if name == "image_size":
        return ["512 to 1024 pixels"] * len(at)
    if name == "pathology":
        return [{0: "benign", 1: "malignant", -1: "unknown"}[int(v)] for v in cases.pathology]
    count = lambda truths: "unknown" if truths is None else ("none", "one", "two and more")[min(2, len(truths))]
    return [count(made.truths[i]) for i in at]


def few(n):
    return 0 < n < figures.FEW


def subgroups(cases, threshold, rule, asked):
    due = {}
    for name in asked + [a for a in ("modality", "manufacturer", "age_group", "laterality", "view", "image_size",
                                   "lesion_count", "pathology")
                         if a not in asked]:
        of = attribute(cases, name)
        # In the order of the names, which is that of "none", "one", "two and more" too; unknown last.
        names = sorted(set(of), key=lambda v: (v == "unknown", v))
        if len(names) < 2 and name not in asked:
            continue
        due[name] = []
        for group in names:
            part = Cases(cases.made, [v == group for v in of])
            one = {"group": group, "images": len(part.at)}
            c, l = part.classes(threshold), part.lesions(rule)
            one["small"] = any(map(few, (len(part.at), c["positives"], c["negatives"], c["patients"], l["lesions"],
                                         l["patients"])))
            if c["n"]:
                one["classification"] = c
            if l["images"]:
                one["localization"] = {k: v for k, v in l.items() if not k.startswith(("hit_iou", "centre_error"))}
            due[name].append(one)
    return due


def rows_of(made, labels):
    of = lambda name: int((made.status == made_scores.STATUSES[name]).sum())
    good = [u for u, s in zip(made.uids, made.status) if s == 0]
    return {"total": made.n, "failed": of("damaged"), "left_out": of("left_out"), "unlabelled": 0, "masks_unfit": 0,
            "failed_by_status": {"damaged": of("damaged")} if of("damaged") else {}, "seen_in_training": 0,
            "unlike_training": 0, "repeated": len(good) - len(set(good)), "labels_unmatched": len(set(labels) - set(good))}


# ---- runs ----


def strict(text):
    def refuse(word):
        raise ValueError("%s is no JSON" % word)

    def once(pairs):
        if len({k for k, _ in pairs}) < len(pairs):
            raise ValueError("a key twice")
        return dict(pairs)

    return json.loads(text, parse_constant=refuse, object_pairs_hook=once)


class Runs:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def text(self, *arguments):
        return subprocess.run([self.program, "evaluate", *arguments, "--json", "--quiet"], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def of(self, made, threshold, *arguments):
        made_scores.write_scores(self.path("a.h5"), made, threshold, POINTS)
        made_scores.write_labels(self.path("images.csv"), self.path("boxes.csv"), made)
        return strict(self.text(self.path("a.h5"), "--labels", self.path("images.csv"), self.path("boxes.csv"), *arguments))

    def table(self, name):
        with open(self.path(os.path.join("report", name)), newline="") as f:
            return list(csv.DictReader(f))


def check_data(checks, runs, name, make):
    made = make()
    found = runs.of(made, 0.5, "--rounds", "100", "--by", "image_size", "-o", runs.path("report"))
    cases = Cases(made)
    due = {"classification": classification(cases, 0.5), "localization": cases.lesions("iou50"),
           "subgroups": subgroups(cases, 0.5, "iou50", ["image_size"]), "rows": rows_of(made, made.uids),
           "bootstrap": {"rounds": 100, "seed": 0, "patients": len(set(cases.patient)), "patients_known": True},
           "scores": runs.path("a.h5"), "labels": [runs.path("images.csv"), runs.path("boxes.csv")], "model_sha256": None,
           "software_version": found["software_version"]}
    c, l = due["classification"], due["localization"]
    due["small"] = any(map(few, (len(cases.at), c["positives"], c["negatives"], c["patients"], l["lesions"], l["patients"])))
    due["localization"].update(figures.whole_lesions(cases.images, 0.5, made.side, made.spacing))
    for key, breasts in (("per_breast", True), ("per_study", False)):
        pooled = units(cases, breasts, 0.5)
        if pooled is not None:
            due[key] = pooled
    checks.same(name, found, due)
    check_shape(checks, name, found)
    if name in ("no boxes", "all found"):
        check_wilson(checks, name, found["localization"], cases)
    check_tables(checks, name, runs, cases, found)


def check_shape(checks, where, found):
    """Intervals are null or two numbers around nothing more than their range; there are none with one patient."""
    for key, value in (found.items() if isinstance(found, dict) else enumerate(found)):
        here = "%s.%s" % (where, key)
        if isinstance(value, dict) or (isinstance(value, list) and not str(key).endswith("_ci")):
            check_shape(checks, here, value)
        elif str(key).endswith("_ci") and value is not None:
            checks.expect("%s: %s is no interval" % (here, value), len(value) == 2 and value[0] <= value[1])
    if isinstance(found, dict) and found.get("patients", 5) < 5 and "auc" in found:
        for key in RESAMPLED & set(found):
            share = found.get(key.replace("_resampled_ci", ""), None) in (0, 1)
            checks.expect("%s.%s: so few patients cannot be resampled" % (where, key), found[key] is None or share)


def check_wilson(checks, name, found, cases):
    """Where no draw can differ, Wilson's interval of the patients that have lesions."""
    patients = lambda members: len({p for p, m in zip(cases.image_patient, members) if any(m)})
    ranges = dict(figures.size_ranges(cases.images, cases.made.side, cases.made.spacing))
    with_lesions = patients([[True] * len(truths) for _, truths in cases.images])
    shares = [("froc " + rate, found["froc"][rate], found["froc_ci"][rate], with_lesions) for rate in found["froc"]]
    shares += [(s["size"], s["froc_1"], s["froc_1_ci"], patients(ranges[s["size"]])) for s in found["by_size"]]
    for key, value, interval, n in shares:
        if value is not None:
            checks.same("%s.%s" % (name, key), interval, wilson(value, n))


def check_tables(checks, name, runs, cases, found):
    number = lambda row: {k: float(v) if v != "" else None for k, v in row.items()}
    known = (cases.pathology >= 0) & ~numpy.isnan(cases.probability)
    y, p = cases.pathology[known], cases.probability[known]
    scores, m, k = sorted(set(p), reverse=True), y.sum(), (1 - y).sum()
    roc = [{"threshold": t, "sensitivity": (y[p >= t] == 1).sum() / m, "specificity": 1 - (y[p >= t] == 0).sum() / k}
           for t in [numpy.inf] + scores] if m and k else []
    pr = [{"threshold": t, "recall": (y[p >= t] == 1).sum() / m, "precision": y[p >= t].mean()}
          for t in scores] if m else []
    decision = []
    for t in numpy.arange(1, 100) / 100 if len(y) else []:
        hits, alarms = (y[p >= t] == 1).mean() * (p >= t).mean() if (p >= t).any() else 0, ((p >= t) & (y == 0)).mean()
        decision.append({"threshold": t, "model": hits - alarms * t / (1 - t), "treat_none": 0.0,
                         "treat_all": y.mean() - (1 - y.mean()) * t / (1 - t)})
    rows = figures.match(cases.images, 0.5)
    lesions = sum(len(truths) for _, truths in cases.images)
    froc = [{"threshold": t, "false_positives_per_image": w / len(cases.images), "sensitivity": h / lesions}
            for t, (h, w) in zip(sorted({r[0] for r in rows}), figures.counts(rows))][::-1] if lesions else []
    reliability = [{"low": b["low"], "high": b["high"], "n": float(b["n"]), "predicted": b["predicted"],
                    "observed": b["observed"], "observed_low": (b["observed_ci"] or [None] * 2)[0],
                    "observed_high": (b["observed_ci"] or [None] * 2)[1]} for b in found["classification"]["reliability"]]
    for table, due in (("roc", roc), ("pr", pr), ("decision", decision), ("froc", froc), ("reliability", reliability)):
        theirs = [number(row) for row in runs.table(table + ".csv")]
        if table == "roc" and roc and theirs:
            checks.expect("%s roc.csv: begins with no call" % name, theirs[0]["threshold"] == numpy.inf)
            theirs, due = theirs[1:], due[1:]
        checks.same("%s %s.csv" % (name, table), theirs, due, CSV_DIGITS)
    check_subgroup_table(checks, name, runs.table("subgroups.csv"), found["subgroups"])


def check_subgroup_table(checks, name, table, groups):
    row = iter(table)
    for attribute_name, list_of in groups.items():
        for group in list_of:
            c, l = group.get("classification", {}), group.get("localization", {})
            due = {"attribute": attribute_name, "group": group["group"], "images": group["images"],
                   "malignant": c.get("positives", 0), "benign": c.get("negatives", 0), "lesions": l.get("lesions", 0),
                   "small": int(group["small"]), "froc_1": l.get("froc", {}).get("1"), "mean_dice": None}
            ends = {"froc_1": l.get("froc_ci", {}).get("1"), "mean_dice": None}
            # Of patients with several images the resampled one.
            several = c.get("patients", 0) < c.get("n", 0)
            for key in ("auc", "sensitivity", "specificity"):
                due[key], ends[key] = c.get(key), c.get(key + ("_resampled_ci" if several else "_ci"))
            for key, interval in ends.items():
                due[key + "_low"], due[key + "_high"] = interval or [None, None]
            theirs = next(row)
            for key, value in theirs.items():
                theirs[key] = value if key in ("attribute", "group") else float(value) if value != "" else None
                due[key] = float(due[key]) if isinstance(due[key], int) else due[key]
            checks.same("%s subgroups.csv %s" % (name, group["group"]), theirs, due, CSV_DIGITS)


def check_rules(checks, runs):
    for rule in RULES:
        made = plain(70, 31, decimals=2)
        found = runs.of(made, 0.3, "--rounds", "100", "--hit", rule)
        cases = Cases(made)
        due = cases.lesions(rule)
        due.update(figures.whole_lesions(cases.images, RULES[rule], made.side, made.spacing))
        checks.same("hit " + rule, found["localization"], due)
    found = runs.of(made, None, "--rounds", "100")
    checks.same("no threshold", found["classification"], classification(Cases(made), None))


def check_label_columns(checks, runs):
    """Groups by a column of the labels are those by the same attribute."""
    made = plain(80, 39)
    runs.of(made, 0.5, "--rounds", "100")
    made_scores.write_labels(runs.path("images.csv"), runs.path("boxes.csv"), made, {"site": made.columns["view"]})
    groups = strict(runs.text(runs.path("a.h5"), "--labels", runs.path("images.csv"), runs.path("boxes.csv"), "--rounds",
                              "100", "--by", "site"))["subgroups"]
    checks.expect("groups by a label column differ from those by what is in it", groups["site"] == groups["view"])


def check_groups_alone(checks, runs):
    """A group's figures are, intervals too, those of a run on its rows alone."""
    made = plain(120, 32, images_a_patient=3)
    groups = runs.of(made, 0.5, "--rounds", "200")["subgroups"]
    for name, value in (("view", "CC"), ("modality", "US"), ("laterality", "R")):
        group, = [g for g in groups[name] if g["group"] == value]
        alone = runs.of(made.part(numpy.flatnonzero(made.columns[name] == value)), 0.5, "--rounds", "200")
        for key in ("classification", "localization"):
            checks.expect("%s %s: %s differs from a run on it alone" % (name, value, key), group[key] == {
                k: alone[key][k] for k in group[key]})


def patients_having(cases, threshold):
    """Of each share at a threshold, the patients that have an image that it is a share of."""
    y, called = cases.pathology, cases.probability >= threshold
    masks = {"sensitivity": y == 1, "specificity": y == 0, "positive_predictive_value": called,
             "negative_predictive_value": ~called}
    return {key + "_resampled": len(set(cases.patient[mask])) for key, mask in masks.items()}


def check_bootstrap(checks, runs):
    rounds = 4000
    for name, made in (("bootstrap", plain(120, 33)), ("bootstrap ties", plain(90, 34, images_a_patient=4, decimals=1))):
        found = runs.of(made, 0.5, "--rounds", str(rounds), "--seed", "5")
        cases = Cases(made)
        c = found["classification"]
        resampled = lambda t, seed: resampling.classes(cases.pathology, cases.probability, cases.rank, cases.patient, t, seed)
        checks.intervals(name, c, rounds, resampled(0.5, 6), cases.patient, patients_having(cases, 0.5))
        for k, (_, threshold) in enumerate(POINTS):
            having = patients_having(cases, threshold)
            at = {key: values for key, values in resampled(threshold, 10 + k).items() if key in having}
            checks.intervals("%s point %d" % (name, k), c["operating_points"][k], rounds, at, cases.patient, having)
        l, images, patient = found["localization"], cases.images, cases.image_patient
        checks.intervals(name, l, rounds, resampling.lesions(images, patient, 0.5, 7), patient)
        checks.intervals(name, l, rounds, resampling.whole_lesions(images, patient, 12), patient)
        for size, values in zip(l["by_size"], resampling.by_size(images, patient, 0.5, made.side, made.spacing, 13)):
            if size["lesions"]:
                checks.intervals("%s %s" % (name, size["size"]), size, rounds, values, patient)


def differences(a, b, threshold_a, threshold_b, rule, whole=False):
    """Of figures on the same cases; values alone."""
    found = {}
    c = [a.classes(threshold_a), b.classes(threshold_b)]
    l = [a.lesions(rule), b.lesions(rule)]
    for key in ("auc", "average_precision", "partial_auc", "sensitivity", "specificity", "positive_predictive_value",
                "negative_predictive_value", "brier", "log_loss", "ece"):
        found[key] = [f[key] for f in c] + [c[0][{"sensitivity": "positives", "specificity": "negatives"}.get(key, "n")]]
    for rate in figures.FROC_RATES:
        found["froc_" + rate] = [f["froc"][rate] for f in l] + [l[0]["lesions"]]
    for key in ("cpm", "ap50", "mean_best_iou"):
        found[key] = [f[key] for f in l] + [l[0]["lesions"]]
    if whole:
        l = [figures.whole_lesions(x.images, RULES[rule], x.made.side) for x in (a, b)]
        found.update(("ap%d" % round(100 * float(at)), [f["ap_at_iou"][at] for f in l] + [found["ap50"][2]])
                     for at in l[0]["ap_at_iou"])
        found.update((key, [f[key] for f in l] + [found["ap50"][2]]) for key in ("ap_coco", "ap_centre"))
    return {key: {"a": x, "b": y, "difference": None if x is None or y is None else x - y, "n": n}
            for key, (x, y, n) in found.items()}


def check_against(checks, runs):
    rounds = 4000
    made = plain(110, 35, images_a_patient=2.5)
    other = copy.deepcopy(made)
    again = plain(110, 36)
    r = numpy.random.default_rng(37)
    other.probability = numpy.where(r.random(110) < 0.6, made.probability, again.probability)
    other.boxes = [x if r.random() < 0.5 else x[: len(x) // 2] for x in made.boxes]
    # B lacks the last rows, has others in another order, and no answer to one.
    other.probability[3] = numpy.nan
    kept = r.permutation(100)
    other = other.part(kept)
    made_scores.write_scores(runs.path("b.h5"), other, 0.35)
    found = runs.of(made, 0.5, "--rounds", str(rounds), "--against", runs.path("b.h5"))["against"]
    rows = numpy.sort(kept)
    a, b = made.part(rows), other.part(numpy.argsort(kept))
    a.probability[3] = numpy.nan
    a, b = Cases(a), Cases(b)
    checks.same("against", {k: found[k] for k in ("scores", "images", "images_of_a_alone", "images_of_b_alone",
                                                  "threshold_a", "threshold_b")},
                {"scores": runs.path("b.h5"), "images": 100, "images_of_a_alone": 10, "images_of_b_alone": 0,
                 "threshold_a": 0.5, "threshold_b": 0.35})
    due = differences(a, b, 0.5, 0.35, "iou50", True)
    checks.same("against figures", {k: {n: v[n] for n in ("a", "b", "difference", "n")} for k, v in found["figures"].items()},
                due)
    known = ~numpy.isnan(a.probability)
    y = a.pathology[known]
    checks.same("against DeLong", found["auc_delong"], figures.paired_delong(y, a.rank[known], b.rank[known]))
    right = [(x.probability[known] >= t) == (y == 1) for x, t in ((a, 0.5), (b, 0.35))]
    cells = {"both_right": right[0] & right[1], "a_alone_right": right[0] & ~right[1], "b_alone_right": ~right[0] & right[1],
             "both_wrong": ~right[0] & ~right[1]}
    calls = {key: int(cell.sum()) for key, cell in cells.items()}
    apart = calls["a_alone_right"] + calls["b_alone_right"]
    calls["p_value"] = stats.binomtest(calls["a_alone_right"], apart, 0.5).pvalue if apart else 1.0
    checks.same("against calls", found["calls"], calls)
    check_difference_intervals(checks, found, rounds, a, b, known)
    check_difference_groups(checks, found["subgroups"], a, b)


def check_difference_intervals(checks, found, rounds, a, b, known):
    y = a.pathology[known]
    c = [resampling.classes(y, x.probability[known], x.rank[known], x.patient[known], t, 8) for x, t in ((a, 0.5), (b, 0.35))]
    l = [resampling.lesions(x.images, x.image_patient, 0.5, 9) for x in (a, b)]
    names = {"auc_resampled": "auc", "sensitivity_resampled": "sensitivity", "specificity_resampled": "specificity",
             "positive_predictive_value_resampled": "positive_predictive_value",
             "negative_predictive_value_resampled": "negative_predictive_value"}
    w = [resampling.whole_lesions(x.images, x.image_patient, 14) for x in (a, b)]
    for one, two in (c, l, w):
        for key in one:
            name = names.get(key, key.replace("froc.", "froc_").replace("ap_at_iou.0.", "ap"))
            if name not in found["figures"]:
                continue
            theirs, values = found["figures"][name], one[key] - two[key]
            patients = len(set(a.patient[known] if any(one is x for x in c) else a.image_patient))
            checks.expect("against %s: interval %s" % (name, theirs["difference_ci"]),
                          resampling.agree(theirs["difference_ci"], rounds, values, patients))
            tail = min((values <= 0).mean(), (values >= 0).mean())
            error = 5 * numpy.sqrt(max(tail, 1 / rounds) * 2 / rounds) + 1 / rounds
            low, high = (resampling.expanded_p(numpy.clip(t, 1e-300, 0.5), patients) for t in (tail - error, tail + error))
            checks.expect("against %s: p %g, %g to %g is due" % (name, theirs["p_value"], low, high),
                          low <= theirs["p_value"] <= high)
            sign = numpy.sign(theirs["difference"]) if theirs["p_value"] < 0.05 else 0
            left_out = not theirs["difference_ci"][0] <= 0 <= theirs["difference_ci"][1]
            checks.expect("against %s: p %g beside %s" % (name, theirs["p_value"], theirs["difference_ci"]),
                          left_out or not sign)
            sign = int(-sign if name in ("brier", "log_loss", "ece") else sign)
            checks.expect("against %s: better %s" % (name, theirs["better"]), theirs["better"] == ("neither", "a", "b")[sign])


def check_difference_groups(checks, groups, a, b):
    for name, list_of in groups.items():
        of = attribute(a, name)
        for group in list_of:
            mine = [v == group["group"] for v in of]
            x, y = Cases(a.made, mine), Cases(b.made, mine)
            due = differences(x, y, 0.5, 0.35, "iou50")
            due = {k: v for k, v in due.items() if v["n"] > 0}
            checks.same("against %s %s" % (name, group["group"]),
                        {k: {n: v[n] for n in ("a", "b", "difference", "n")} for k, v in group["figures"].items()}, due)


def check_threads(checks, runs):
    made = plain(100, 38)
    runs.of(made, 0.5, "--rounds", "100")
    files = [runs.path("a.h5"), "--labels", runs.path("images.csv"), runs.path("boxes.csv")]
    texts = {runs.text(*files, "--threads", str(n), "--rounds", "300") for n in (1, 2, 3)}
    checks.expect("threads: other bits", len(texts) == 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--only", help="of the made results the one of this name")
    arguments = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(arguments.program, folder)
        for name, make in DATA.items():
            if arguments.only in (None, name):
                check_data(checks, runs, name, make)
        if arguments.only is None:
            for check in (check_rules, check_label_columns, check_groups_alone, check_bootstrap, check_against, check_threads):
                check(checks, runs)
    for fault in checks.faults[:600]:
        print(fault)
    print("%d comparisons over %d made results, %d do not agree" % (checks.numbers, len(DATA), len(checks.faults)))
    return 1 if checks.faults else 0


if __name__ == "__main__":
    sys.exit(main())
