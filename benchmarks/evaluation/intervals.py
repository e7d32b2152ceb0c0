"""Paired comparisons with bootstrap confidence intervals, by prompt."""

import numpy

RESAMPLES, SEED = 10_000, 2312


def resampled(count):
    """Indices [RESAMPLES, count]: prompts drawn with replacement, the same for every figure."""
    return numpy.random.default_rng(SEED).integers(0, count, (RESAMPLES, count))


def interval(samples):
    low, high = numpy.quantile(samples, [0.025, 0.975])
    return [float(low), float(high)]


def mean(values):
    """Mean with its 95 % interval."""
    values = numpy.asarray(values, dtype=float)
    return {"mean": float(values.mean()), "interval": interval(values[resampled(len(values))].mean(1)),
            "count": len(values)}


def difference(values, plain):
    """Mean of the paired differences to plain sampling."""
    return mean(numpy.asarray(values, dtype=float) - numpy.asarray(plain, dtype=float))


def share_of_gain(values, plain, reference):
    """(plain - values) / (plain - reference) of the means, with its 95 % interval: 1 is the whole gain."""
    values, plain, reference = (numpy.asarray(x, dtype=float) for x in (values, plain, reference))
    gain, whole = plain - values, plain - reference
    rows = resampled(len(values))
    return {"mean": float(gain.mean() / whole.mean()),
            "interval": interval(gain[rows].mean(1) / whole[rows].mean(1)), "count": len(values)}
