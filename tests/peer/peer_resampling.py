"""Figures of resampled patients, all rounds at once with numpy: what the program's intervals are held against. A round
draws as many patients as there are; an image counts as often as its patient was drawn (Field, Welsh 2007)."""
import numpy
from scipy import stats

from peer_figures import CPM_RATES, FROC_RATES, best_overlaps, bins_of, hit_places, match, size_ranges

ROUNDS = 4000


def draws(patient, seed):
    """[ROUNDS, images]: how often each image counts."""
    _, number = numpy.unique(patient, return_inverse=True)
    count = number.max() + 1
    drawn = numpy.random.default_rng(seed).integers(0, count, (ROUNDS, count))
    times = numpy.stack([numpy.bincount(d, minlength=count) for d in drawn])
    return times[:, number]


def ratio(a, b):
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return numpy.where(b > 0, a / b, numpy.nan)


def ends_of(values):
    """Where, by falling values, the last of each run of equals stands; and the order."""
    order = numpy.argsort(-values, kind="stable")
    fallen = values[order]
    return order, numpy.flatnonzero(numpy.append(fallen[1:] != fallen[:-1], True))


def classes(y, p, rank, patient, threshold, seed):
    w = draws(patient, seed)
    order, ends = ends_of(rank)
    cumulated = lambda mask: numpy.cumsum(w[:, order] * mask[order], axis=1)[:, ends].astype(float)
    right, wrong = cumulated(y), cumulated(1 - y)
    m, k = right[:, -1], wrong[:, -1]
    zero = numpy.zeros((ROUNDS, 1))
    right0, wrong0 = numpy.hstack([zero, right]), numpy.hstack([zero, wrong])
    rise, step = numpy.diff(right0), numpy.diff(wrong0)
    figures = {"auc_resampled": ratio((step * (right0[:, 1:] + right0[:, :-1])).sum(axis=1) / 2, m * k)}
    limit = 0.1 * k[:, None]
    inside = numpy.clip(limit - wrong0[:, :-1], 0, step)
    top = right0[:, :-1] + rise * ratio(inside, step)
    area = ratio(numpy.nansum(inside * (right0[:, :-1] + top) / 2, axis=1), m * k)
    figures["partial_auc"] = 0.5 * (1 + (area - 0.005) / (0.1 - 0.005))
    figures["average_precision"] = ratio(numpy.nansum(rise * ratio(right, right + wrong), axis=1), m)
    weigh = lambda values: (w * values).sum(axis=1)
    n = weigh(numpy.ones(len(y)))
    clipped = numpy.clip(p, 1e-15, 1 - 1e-15)
    figures["brier"] = weigh((p - y) ** 2) / n
    figures["log_loss"] = weigh(-numpy.where(y == 1, numpy.log(clipped), numpy.log1p(-clipped))) / n
    figures["expected_minus_observed"] = weigh(p - y) / n
    at = bins_of(p, 15)
    figures["ece"] = sum(abs((w * ((p - y) * (at == b))).sum(axis=1)) for b in range(15)) / n
    if threshold is not None:
        called = p >= threshold
        hit, miss, alarm, quiet = (weigh(x) for x in (called & (y == 1), ~called & (y == 1), called & (y == 0),
                                                      ~called & (y == 0)))
        figures["sensitivity_resampled"], figures["specificity_resampled"] = ratio(hit, hit + miss), ratio(quiet, quiet + alarm)
        figures["positive_predictive_value_resampled"] = ratio(hit, hit + alarm)
        figures["negative_predictive_value_resampled"] = ratio(quiet, quiet + miss)
    return figures


def precision(right, wrong, count):
    """Mean over 101 recalls of the best precision from there on; [ROUNDS, thresholds] and [ROUNDS]."""
    best = numpy.maximum.accumulate(ratio(right, right + wrong)[:, ::-1], axis=1)[:, ::-1]
    best = numpy.hstack([numpy.nan_to_num(best), numpy.zeros((ROUNDS, 1))])
    at = [numpy.searchsorted(100 * r, numpy.arange(101) * c, side="left") for r, c in zip(right, count)]
    first = [int(numpy.argmax(r > 0)) if r[-1] > 0 else len(r) for r in right]
    return numpy.array([b[numpy.maximum(a, f)].mean() for b, a, f in zip(best, at, first)])


def walked(w, rows):
    """Hits and false boxes at and above each score, of each round: [ROUNDS, scores]."""
    order, ends = ends_of(numpy.array([r[0] for r in rows]))
    hit, image = (numpy.array([r[k] for r in rows])[order] for k in (1, 2))
    return tuple(numpy.cumsum(w[:, image] * mask, axis=1)[:, ends].astype(float) for mask in (hit, ~hit))


def found_at(rate, right, wrong, images, count):
    return ratio(numpy.where(wrong <= rate * images[:, None] + 1e-9, right, 0).max(axis=1), count)


def medians(w, values):
    order = numpy.argsort(values, kind="stable")
    reached = numpy.cumsum(w[:, order], axis=1)
    total, fallen = reached[:, -1:], numpy.asarray(values)[order]
    middle = [fallen[numpy.argmax(reached > at, axis=1)] for at in ((total - 1) // 2, total // 2)]
    return numpy.where(total[:, 0] > 0, (middle[0] + middle[1]) / 2, numpy.nan)


def overlaps_of(w, images, member=None):
    """Mean best IoU of the lesions that are members."""
    mine = numpy.array([m for image in member for m in image]) if member else True
    of_lesion = numpy.repeat(numpy.arange(len(images)), [len(truths) for _, truths in images])
    return ratio((w[:, of_lesion] * numpy.array(best_overlaps(images)) * mine).sum(axis=1), (w[:, of_lesion] * mine).sum(axis=1))


def lesions(images, patient, rule, seed):
    w, rows = draws(patient, seed), match(images, rule)
    count, n = (w * numpy.array([len(truths) for _, truths in images])).sum(axis=1), w.sum(axis=1)
    right, wrong = walked(w, rows)
    figures = {"froc." + rate: found_at(float(rate), right, wrong, n, count) for rate in FROC_RATES}
    figures["cpm"] = numpy.mean([found_at(rate, right, wrong, n, count) for rate in CPM_RATES], axis=0)
    figures["mean_best_iou"] = overlaps_of(w, images)
    of_hit = w[:, [r[2] for r in rows if r[1]]]
    for key, values in hit_places(images, rows).items():
        figures[key % "mean"] = ratio((of_hit * numpy.array(values)).sum(axis=1), of_hit.sum(axis=1))
        figures[key % "median"] = medians(of_hit, values)
    figures["ap50"] = precision(*walked(w, match(images, 0.5)), count)
    return figures


def whole_lesions(images, patient, seed):
    """What is told of all images alone."""
    w = draws(patient, seed)
    count = (w * numpy.array([len(truths) for _, truths in images])).sum(axis=1)
    at = {k: precision(*walked(w, match(images, k / 100)), count) for k in range(10, 100, 5)}
    figures = {"ap_at_iou.%.2f" % (k / 100): at[k] for k in range(10, 80, 5)}
    figures.update(ap10=at[10], ap75=at[75], ap_coco=numpy.mean([at[k] for k in range(50, 100, 5)], axis=0),
                   ap_centre=precision(*walked(w, match(images, "centre")), count))
    return figures


def by_size(images, patient, rule, side, spacing, seed):
    w, rows = draws(patient, seed), match(images, rule)
    for _, member in size_ranges(images, side, spacing):
        count = (w * numpy.array([sum(m) for m in member])).sum(axis=1)
        right, wrong = walked(w, [r for r in rows if not r[1] or member[r[2]][r[4]]])
        yield {"froc_1": found_at(1, right, wrong, w.sum(axis=1), count), "mean_best_iou": overlaps_of(w, images, member)}


def expanded_tail(patients):
    """What an interval of 95 % leaves out at each end (Hesterberg 2015)."""
    return stats.norm.cdf(numpy.sqrt(patients / (patients - 1)) * stats.t.ppf(0.025, patients - 1))


def expanded_p(tail, patients):
    return min(1, 2 * stats.t.cdf(numpy.sqrt((patients - 1) / patients) * stats.norm.ppf(tail), patients - 1))


def agree(interval, rounds_of_theirs, values, patients):
    """Whether the ends of an interval are quantiles of `values` as far as both numbers of rounds can tell: the share of
    values below a true quantile is binomial, and so is theirs; five standard errors of the difference are allowed. None
    is due where hardly any draw differs from the others."""
    values = values[~numpy.isnan(values)]
    tail = expanded_tail(patients)
    if interval is None:
        return numpy.ptp(numpy.quantile(values, [0.8 * tail, 1 - 0.8 * tail])) < 1e-9
    for end, share in zip(interval, (tail, 1 - tail)):
        error = 5 * numpy.sqrt(share * (1 - share) * (1 / rounds_of_theirs + 1 / len(values)))
        low, high = numpy.quantile(values, [max(0, share - error), min(1, share + error)])
        if not low - 1e-9 <= end <= high + 1e-9:
            return False
    return True
