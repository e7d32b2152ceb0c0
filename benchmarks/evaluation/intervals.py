"""Paired comparisons with bootstrap confidence intervals. Videos of one sentence are alike, so that what is
drawn with replacement are sentences, each with all its rows."""

from functools import lru_cache

import numpy

RESAMPLES, SEED = 10_000, 2312
TAIL = 0.025


@lru_cache
def draws(count):
    """How often each resample draws each of `count` sentences [RESAMPLES, count], the same for every figure."""
    return numpy.random.default_rng(SEED).multinomial(count, numpy.full(count, 1 / count), RESAMPLES).astype(float)


def resampled_sums(values, sentences):
    """For each resample the sum of the values of all rows it holds."""
    clusters = numpy.unique(sentences, return_inverse=True)[1]
    sums = numpy.bincount(clusters, weights=values)
    return draws(len(sums)) @ sums


def interval(samples):
    low, high = numpy.quantile(samples, [TAIL, 1 - TAIL])
    return [float(low), float(high)]


def figure(found, samples, sentences):
    return {"mean": float(found), "interval": interval(samples), "count": len(sentences),
            "sentences": len(set(sentences))}


def mean(values, sentences):
    """Mean with its 95 % interval."""
    values = numpy.asarray(values, dtype=float)
    samples = resampled_sums(values, sentences) / resampled_sums(numpy.ones(len(values)), sentences)
    return figure(values.mean(), samples, sentences)


def share(values, sentences):
    """Mean of right (1) and wrong (0). Where all are one or the other, resamples are too, and the exact
    (Clopper-Pearson) interval stands in; a sentence counts once in it, since its videos are alike."""
    found = mean(values, sentences)
    bound = TAIL ** (1 / len(set(sentences)))
    if found["mean"] == 1:
        found["interval"] = [bound, 1.0]
    elif found["mean"] == 0:
        found["interval"] = [0.0, 1 - bound]
    return found


def difference(values, plain, sentences):
    """Mean of the paired differences to plain sampling."""
    return mean(numpy.asarray(values, dtype=float) - numpy.asarray(plain, dtype=float), sentences)


def share_of_gain(values, plain, reference, sentences):
    """(plain - values) / (plain - reference) of the means, with its 95 % interval: 1 is the whole gain."""
    values, plain, reference = (numpy.asarray(x, dtype=float) for x in (values, plain, reference))
    return _quotient(plain - values, plain - reference, sentences)


def relative_change(values, plain, sentences):
    """values / plain - 1 of the means, with its 95 % interval."""
    values, plain = (numpy.asarray(x, dtype=float) for x in (values, plain))
    return _quotient(values - plain, plain, sentences)


def _quotient(part, whole, sentences):
    samples = resampled_sums(part, sentences) / resampled_sums(whole, sentences)
    return figure(part.mean() / whole.mean(), samples, sentences)
