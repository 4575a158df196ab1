"""Figures of scored images by other means than the program's: scikit-learn and scipy where they have them, else plain
loops after the papers. Names are those of `bifocal evaluate --json`; None: not defined."""
import warnings

import numpy
from scipy import optimize, stats
from sklearn import metrics

FROC_RATES = ("0.25", "0.5", "1", "2", "4")
CPM_RATES = (0.125, 0.25, 0.5, 1, 2, 4, 8)
FEW = 10
Z = stats.norm.ppf(0.975)


def number(value):
    return None if value is None or not numpy.isfinite(value) else float(value)


def pair(low, high):
    return None if number(low) is None or number(high) is None else [float(low), float(high)]


# ---- classes ----


def share(figures, key, k, n):
    figures[key] = k / n if n > 0 else None
    figures[key + "_ci"] = list(stats.binomtest(k, n).proportion_ci(0.95, "wilson")) if n > 0 else None


def placements(y, s):
    """Share of negatives below each positive, and of positives above each negative; pair by pair (DeLong 1988)."""
    wins = (s[y == 1][:, None] > s[y == 0][None, :]) + 0.5 * (s[y == 1][:, None] == s[y == 0][None, :])
    return wins.mean(axis=1), wins.mean(axis=0)


def variance_of_mean(v):
    return numpy.var(v, ddof=1) / len(v) if len(v) > 1 else numpy.nan


def auc(figures, y, s):
    figures.update(auc=None, auc_ci=None, auc_variance=None, partial_auc=None)
    if len(set(y)) < 2:
        return
    figures["auc"] = value = metrics.roc_auc_score(y, s)
    figures["auc_variance"] = number(sum(variance_of_mean(v) for v in placements(y, s)))
    figures["partial_auc"] = metrics.roc_auc_score(y, s, max_fpr=0.1)
    if figures["auc_variance"] is None:
        return
    reach = Z * numpy.sqrt(figures["auc_variance"])
    if 0 < value < 1 and reach > 0:
        logit, wide = numpy.log(value / (1 - value)), reach / (value * (1 - value))
        figures["auc_ci"] = [1 / (1 + numpy.exp(-(logit - wide))), 1 / (1 + numpy.exp(-(logit + wide)))]


def confusion(y, p, threshold):
    figures, given = {}, threshold is not None
    called = p >= threshold if given else p < 0
    cells = {"true_positives": called & (y == 1), "false_positives": called & (y == 0),
             "true_negatives": ~called & (y == 0), "false_negatives": ~called & (y == 1)}
    tp, fp, tn, fn = (int(c.sum()) for c in cells.values())
    figures.update((name, int(c.sum()) if given else None) for name, c in cells.items())
    for key, k, n in (("sensitivity", tp, tp + fn), ("specificity", tn, tn + fp),
                      ("positive_predictive_value", tp, tp + fp), ("negative_predictive_value", tn, tn + fn)):
        share(figures, key, k, n if given else 0)
    return figures


def bins_of(p, count):
    return numpy.array([min(count - 1, int(v * count)) for v in p], int)


def recalibration(y, p):
    """Cox 1958: slope and intercept by the score equations, with Wald's intervals; and the intercept at slope 1."""
    figures = {key + end: None for key in ("calibration_slope", "calibration_intercept", "calibration_offset")
               for end in ("", "_ci")}
    if len(set(y)) < 2:
        return figures
    clipped = numpy.clip(p, 1e-15, 1 - 1e-15)
    x = numpy.log(clipped) - numpy.log1p(-clipped)

    def fit(design, held):
        chance = lambda beta: 1 / (1 + numpy.exp(-(design @ beta + held)))
        loss = lambda beta: numpy.logaddexp(0, design @ beta + held).sum() - y @ (design @ beta + held)
        covariance = lambda b: numpy.linalg.inv(design.T @ (design * (chance(b) * (1 - chance(b)))[:, None]))
        beta = optimize.minimize(loss, numpy.zeros(design.shape[1]), method="Nelder-Mead",
                                 options={"maxiter": 4000, "xatol": 1e-6, "fatol": 1e-9}).x
        for _ in range(5):  # to the last digits
            beta = beta - covariance(beta) @ design.T @ (chance(beta) - y)
        return beta, numpy.sqrt(numpy.diag(covariance(beta)))

    def put(key, value, deviation):
        figures[key] = value
        figures[key + "_ci"] = [value - Z * deviation, value + Z * deviation]

    one = numpy.ones((len(x), 1))
    beta, deviation = fit(one, x)
    put("calibration_offset", beta[0], deviation[0])
    apart = x[y == 0].max() <= x[y == 1].min() or x[y == 1].max() <= x[y == 0].min()
    if not apart:
        beta, deviation = fit(numpy.column_stack([one[:, 0], x]), 0)
        put("calibration_intercept", beta[0], deviation[0])
        put("calibration_slope", beta[1], deviation[1])
    return figures


def calibration(figures, y, p):
    figures.update(ece=None, ece_bins=15, brier=None, log_loss=None, expected_minus_observed=None)
    figures.update(recalibration(y, p))
    if len(y) == 0:
        return
    at = bins_of(p, 15)
    figures["ece"] = sum(abs(p[at == b].mean() - y[at == b].mean()) * (at == b).mean() for b in set(at))
    figures["brier"] = metrics.brier_score_loss(y, p)
    clipped = numpy.clip(p, 1e-15, 1 - 1e-15)
    figures["log_loss"] = -numpy.where(y == 1, numpy.log(clipped), numpy.log1p(-clipped)).mean()
    if 0 < p.min() and p.max() < 1:
        theirs = metrics.log_loss(y, p, labels=[0, 1], eps=1e-15)
        assert abs(theirs - figures["log_loss"]) < 1e-9
    figures["expected_minus_observed"] = p.mean() - y.mean()


def classes(pathology, p, rank, patient, threshold):
    """Of arrays over cases: pathology 0, 1, -1; probability NaN: none; rank: what orders them."""
    known = (pathology >= 0) & ~numpy.isnan(p)
    y, p, s = pathology[known], p[known], rank[known]
    figures = {"n": len(y), "positives": int(y.sum()), "negatives": int((1 - y).sum()),
               "patients": len(set(patient[known])), "n_unknown": int((pathology < 0).sum()),
               "n_without_probability": int(((pathology >= 0) & ~known).sum()), "partial_auc_false_positive_rate": 0.1}
    share(figures, "prevalence", figures["positives"], len(y))
    auc(figures, y, s)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figures["average_precision"] = metrics.average_precision_score(y, s) if y.any() else None
    figures.update(confusion(y, p, threshold))
    calibration(figures, y, p)
    return figures


def reliability(pathology, p):
    known = (pathology >= 0) & ~numpy.isnan(p)
    y, p = pathology[known], p[known]
    at, bins = bins_of(p, 10), []
    for b in range(10):
        one = {"low": b / 10, "high": (b + 1) / 10, "n": int((at == b).sum()),
               "predicted": number(p[at == b].mean()) if (at == b).any() else None}
        share(one, "observed", int(y[at == b].sum()), one["n"])
        bins.append(one)
    return bins


# ---- boxes ----


def iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def centre(box):
    return numpy.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])


def worth(box, truth, rule):
    """How well a box hits a lesion; None: not at all. rule: least IoU, or "centre"."""
    if rule != "centre":
        overlap = iou(box, truth)
        return overlap if overlap > 0 and overlap >= rule else None
    x, y = centre(box)
    inside = truth[0] <= x < truth[2] and truth[1] <= y < truth[3]
    return -((centre(box) - centre(truth)) ** 2).sum() if inside else None


def match(images, rule):
    """images: (found [k, 5], truths [k, 4]). Rows of (score, hit, image, found, truth): greedy, by falling score."""
    rows = []
    for i, (found, truths) in enumerate(images):
        free = set(range(len(truths)))
        for f in sorted(range(len(found)), key=lambda f: -found[f][4]):
            values = [(worth(found[f], truths[t], rule), -t) for t in free]
            values = [v for v in values if v[0] is not None]
            hit = -max(values)[1] if values else -1
            free.discard(hit)
            rows.append((found[f][4], hit >= 0, i, f, hit))
    return rows


def counts(rows):
    """Hits and false boxes at and above each score that there is."""
    scores = numpy.array([r[0] for r in rows])
    hits = numpy.array([r[1] for r in rows], bool)
    return [(int((hits & (scores >= t)).sum()), int((~hits & (scores >= t)).sum())) for t in sorted(set(scores))]


def sensitivity_at(at, rate, images, lesions):
    if lesions == 0 or images == 0:
        return None
    return max([hits for hits, wrong in at if wrong <= rate * images + 1e-9], default=0) / lesions


def box_precision(at, lesions):
    if lesions == 0:
        return None
    return sum(max([h / (h + w) for h, w in at if h > 0 and h * 100 >= k * lesions], default=0) for k in range(101)) / 101


def coco_precision(images, least):
    """As pycocotools accumulates it, box by box, which is defined where all scores differ."""
    rows = sorted(match(images, least), key=lambda r: -r[0])
    lesions = sum(len(truths) for _, truths in images)
    if lesions == 0:
        return None
    hits = numpy.cumsum([r[1] for r in rows])
    precision = hits / numpy.arange(1, len(rows) + 1)
    for i in range(len(rows) - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    at = numpy.searchsorted(hits * 100, numpy.arange(101) * lesions, side="left")
    return sum(precision[i] for i in at if i < len(rows)) / 101


def precision_at(images, rule):
    rows = match(images, rule)
    value = box_precision(counts(rows), sum(len(truths) for _, truths in images))
    if rule != "centre" and len({r[0] for r in rows}) == len(rows):
        assert value is None or abs(value - coco_precision(images, rule)) < 1e-12
    return value


def best_overlaps(images):
    return [max([iou(box, truth) for box in found], default=0.0) for found, truths in images for truth in truths]


def hit_places(images, rows):
    """Of each hit, in the order of the rows: overlap, distance of the centres, the same as a share of the diagonal."""
    hits = [(images[i][0][f], images[i][1][t]) for _, hit, i, f, t in rows if hit]
    far = [numpy.linalg.norm(centre(box) - centre(truth)) for box, truth in hits]
    relative = [d / numpy.hypot(t[2] - t[0], t[3] - t[1]) for d, (_, t) in zip(far, hits)]
    return {"hit_iou_%s": [iou(*h) for h in hits], "centre_error_%s_pixels": far, "centre_error_%s_share": relative}


def hit_quality(figures, images, rows):
    figures["hits"] = sum(r[1] for r in rows)
    for key, values in hit_places(images, rows).items():
        for word, of in (("mean", numpy.mean), ("median", numpy.median)):
            figures[key % word] = of(values) if values else None


def lesions(images, patient, unknown, rule, rule_name):
    """images: those whose lesions are known."""
    rows = match(images, rule)
    at, count = counts(rows), sum(len(truths) for _, truths in images)
    figures = {"images": len(images), "lesions": count, "patients": len(set(patient)), "n_unknown": unknown,
               "boxes": sum(len(found) for found, _ in images), "hit": rule_name,
               "images_without_lesions": sum(len(truths) == 0 for _, truths in images)}
    figures["froc"] = {rate: sensitivity_at(at, float(rate), len(images), count) for rate in FROC_RATES}
    figures["cpm"] = numpy.mean([sensitivity_at(at, r, len(images), count) for r in CPM_RATES]) if count else None
    figures["ap50"] = precision_at(images, 0.5)
    figures["mean_best_iou"] = numpy.mean(best_overlaps(images)) if count else None
    hit_quality(figures, images, rows)
    return figures


def whole_lesions(images, rule, side, spacing=None):
    """What is told of all images alone."""
    at_iou = {"%.2f" % (k / 100): precision_at(images, k / 100) for k in range(10, 80, 5)}
    coco = [precision_at(images, k / 100) for k in range(50, 100, 5)]
    return {"ap_at_iou": at_iou, "ap10": at_iou["0.10"], "ap75": at_iou["0.75"], "n_unfit": 0,
            "ap_centre": precision_at(images, "centre"), "ap_coco": None if None in coco else numpy.mean(coco),
            "by_size": by_size(images, rule, side, spacing)}


def size_ranges(images, side, spacing):
    """Name of each range of sizes, and of each image's lesions whether they are in it."""
    unit, one, two = ("% of the image", 10, 25) if spacing is None else ("mm", 10, 20)
    longer = [[max(t[2] - t[0], t[3] - t[1]) * (100 / side if spacing is None else spacing) for t in truths]
              for _, truths in images]
    for name, low, high in (("below %d %s" % (one, unit), -1, one), ("%d to %d %s" % (one, two, unit), one, two),
                            ("%d %s and more" % (two, unit), two, 1e9)):
        yield name, [[low <= s < high for s in image] for image in longer]


def by_size(images, rule, side, spacing):
    rows, sizes = match(images, rule), []
    overlaps = numpy.array(best_overlaps(images))
    for name, member in size_ranges(images, side, spacing):
        mine = [r for r in rows if not r[1] or member[r[2]][r[4]]]
        inside = numpy.array([m for image in member for m in image], bool)
        count = int(inside.sum())
        sizes.append({"size": name, "lesions": count, "small": 0 < count < FEW,
                      "froc_1": sensitivity_at(counts(mine), 1, len(images), count),
                      "mean_best_iou": overlaps[inside].mean() if count else None})
    return sizes


# ---- two models ----


def paired_delong(y, a, b):
    parts = [placements(y, a), placements(y, b)]
    apart = [x - z for x, z in zip(*parts)]
    value, variance = apart[0].mean(), sum(variance_of_mean(v) for v in apart)
    reach = Z * numpy.sqrt(variance)
    p = 2 * stats.norm.sf(abs(value) / numpy.sqrt(variance)) if variance > 0 else float(value == 0)
    return {"difference": number(value), "difference_ci": pair(value - reach, value + reach), "p_value": number(p)}
