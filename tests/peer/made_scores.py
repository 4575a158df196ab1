"""Invented results and labels, as the program writes and reads them: for checks and timings of `bifocal evaluate`."""
import json

import h5py
import numpy

STATUSES = {"ok": 0, "not_dicom": 1, "damaged": 3, "left_out": 8}


class Made:
    """Arrays of n images; boxes and truths are lists of arrays [k, 5] (xmin, ymin, xmax, ymax, score) and [k, 4], or None
    where nobody looked for lesions. pathology: 0, 1, or -1 unknown."""

    def __init__(self, probability, pathology, boxes, truths, patient, side=512, **columns):
        self.n = len(probability)
        self.probability = numpy.asarray(probability, numpy.float32)
        self.pathology = numpy.asarray(pathology)
        self.boxes = boxes
        self.truths = truths
        self.patient = numpy.asarray(patient)
        self.side = side
        self.spacing = None  # mm from pixel to pixel
        self.columns = columns  # laterality, view, modality: arrays of text
        self.uids = ["1.2.826.%d" % (i + 1) for i in range(self.n)]
        self.status = numpy.zeros(self.n, numpy.uint8)  # STATUSES
        self.study = ["1.4.%d" % p for p in self.patient]

    def part(self, rows):
        """The same of some rows alone."""
        pick = lambda values: [values[i] for i in rows]
        made = Made(self.probability[rows], self.pathology[rows], pick(self.boxes), pick(self.truths), self.patient[rows],
                    self.side, **{name: values[rows] for name, values in self.columns.items()})
        made.uids, made.status, made.study = pick(self.uids), self.status[rows], pick(self.study)
        made.spacing = self.spacing
        return made

    def logit(self):
        p = self.probability.astype(numpy.float64)
        with numpy.errstate(divide="ignore"):
            return (numpy.log(p) - numpy.log1p(-p)).astype(numpy.float32)


def make(n, seed, images_a_patient=2.0, boxes_an_image=3, prevalence=0.35, separation=1.2, decimals=None):
    """Scores of a middling model: two normal logits, some images without lesions, found boxes near and far."""
    r = numpy.random.default_rng(seed)
    pathology = (r.random(n) < prevalence).astype(int)
    logit = r.normal(separation * (pathology - 0.5), 1.0)
    probability = 1 / (1 + numpy.exp(-logit))
    if decimals is not None:
        probability = numpy.clip(numpy.round(probability, decimals), 0.01, 0.99)
    patient = r.integers(0, max(1, int(n / images_a_patient)), n)
    boxes, truths = [], []
    for i in range(n):
        count = 0 if r.random() < 0.2 else r.integers(1, 4)
        corner = r.uniform(0, 400, (count, 2))
        truth = numpy.hstack([corner, corner + r.uniform(12, 100, (count, 2))])
        near = truth[r.random(count) < 0.7]
        near = near + r.normal(0, 8, near.shape)
        corner = r.uniform(0, 400, (r.poisson(max(0.0, boxes_an_image - 1.2)), 2))
        far = numpy.hstack([corner, corner + r.uniform(12, 100, (len(corner), 2))])
        found = numpy.vstack([near, far]).reshape(-1, 4)
        found[:, 2:] = numpy.maximum(found[:, 2:], found[:, :2] + 1)
        score = numpy.hstack([r.beta(4, 2, len(near)), r.beta(2, 4, len(far))])
        if decimals is not None:
            score = numpy.round(score, decimals)
        order = numpy.argsort(-score, kind="stable")
        boxes.append(numpy.hstack([found, score[:, None]])[order])
        truths.append(truth)
    columns = {"laterality": r.choice(["L", "R"], n), "view": r.choice(["CC", "MLO"], n),
               "modality": r.choice(["MG", "US"], n, p=[0.7, 0.3]),
               "manufacturer": numpy.array(["North & Sons", "South Ltd.", ""])[patient % 3],
               "age_group": numpy.array(["30-39", "90+", "0-9", "40-49"])[patient % 4]}
    return Made(probability, pathology, boxes, truths, patient, **columns)


def write_scores(path, made, threshold=0.5, points=()):
    n = made.n
    counts = numpy.array([len(b) for b in made.boxes], numpy.int32)
    starts = numpy.concatenate([[0], numpy.cumsum(counts)[:-1]]) if n else numpy.zeros(0)
    flat = numpy.vstack([numpy.asarray(b, numpy.float64).reshape(-1, 5) for b in made.boxes]) if n else numpy.zeros((0, 5))
    status = h5py.enum_dtype(STATUSES, basetype="u1")
    text = h5py.string_dtype("utf-8")
    with h5py.File(path, "w", libver=("earliest", "v108")) as f:
        f.attrs["Conventions"] = "bifocal-scores-1"
        f.attrs["extra_json"] = json.dumps({"threshold": threshold, "threshold_rule": "invented",
                                            "operating_points": [{"name": a, "threshold": t} for a, t in points]})
        images = f.create_group("images")
        images.create_dataset("file", data=["case%07d.dcm" % i for i in range(n)], dtype=text)
        images.create_dataset("message", data=[""] * n, dtype=text)
        ids = {"sop_instance_uid": made.uids, "series_instance_uid": ["1.3.%d" % i for i in range(n)],
               "study_instance_uid": made.study}
        for name, values in ids.items():
            images.create_dataset(name, data=numpy.array(values, "S64"))
        for name in ("modality", "laterality", "view", "manufacturer", "age_group"):
            values = made.columns.get(name, [""] * n)
            kind = "S32" if name == "manufacturer" else "S16"
            images.create_dataset(name, data=numpy.array([str(v) for v in values], kind))
        if made.spacing is not None:
            for name in ("spacing_row", "spacing_column"):
                images.create_dataset(name, data=numpy.full(n, made.spacing))
        images.create_dataset("bright_edge", data=numpy.array([""] * n, "S16"))
        images.create_dataset("frame", data=numpy.zeros(n, numpy.int32))
        for name in ("rows", "columns"):
            images.create_dataset(name, data=numpy.full(n, made.side, numpy.int32))
        images.create_dataset("status", data=made.status, dtype=status)
        images.create_dataset("malignant_probability", data=made.probability)
        images.create_dataset("malignant_logit", data=made.logit())
        images.create_dataset("boxes_start", data=starts.astype(numpy.int64))
        images.create_dataset("boxes_count", data=counts)
        boxes = f.create_group("boxes")
        boxes.create_dataset("image", data=numpy.repeat(numpy.arange(n, dtype=numpy.int64), counts))
        for k, name in enumerate(("xmin", "ymin", "xmax", "ymax", "score")):
            boxes.create_dataset(name, data=flat[:, k].astype(numpy.float32))


def write_labels(images_path, boxes_path, made, extra=None):
    """extra: further columns of the image labels, by name."""
    extra = extra or {}
    words = {0: "benign", 1: "malignant", -1: ""}
    with open(images_path, "w") as f:
        f.write(",".join(["SOPInstanceUID", "pathology", "PatientID"] + list(extra)) + "\n")
        for i in range(made.n):
            more = ["%s" % values[i] for values in extra.values()]
            f.write(",".join([made.uids[i], words[int(made.pathology[i])], "P%d" % made.patient[i]] + more) + "\n")
    with open(boxes_path, "w") as f:
        f.write("SOPInstanceUID,xmin,ymin,xmax,ymax\n")
        for i in range(made.n):
            if made.truths[i] is None:
                continue
            for box in made.truths[i]:
                f.write("%s,%r,%r,%r,%r\n" % (made.uids[i], *(float(v) for v in box)))
            if len(made.truths[i]) == 0:
                f.write("%s,,,,\n" % made.uids[i])
