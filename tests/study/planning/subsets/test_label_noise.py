"""Label noise reaches paid labels alone, at its rate; what is wrong stays wrong at higher rates and larger sizes."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from study.planning.subsets import Draw, Subset
from tests.study.planning.subsets.pools import multi, pool_of, single

EXAMPLES = settings(max_examples=40, deadline=None)
POOLS = st.one_of(single.map(pool_of), multi.map(lambda drawn: pool_of(drawn, 2, "multi")))
RATES = st.floats(0, 0.99)


def paid(pool, rate, size, *, number=0, validation="paid"):
    draw = Draw(pool, seed=0, draw=number, label_noise=rate, validation=validation)
    subset = Subset(draw, draw.prefix(size))
    return dict(subset.train + (subset.val if validation == "paid" else ()))


def wrong(pool, labels):
    """(row, finding or None) -> the label that stands there instead of the true one."""
    true = {row: label for patient in pool.patients for row, label in zip(patient.rows, patient.labels, strict=True)}
    found = {}
    for row, label in labels.items():
        if isinstance(label, int):
            found |= {(row, None): label} if label != true[row] else {}
        else:
            pairs = enumerate(zip(label, true[row], strict=True))
            found |= {(row, place): given for place, (given, right) in pairs if given != right}
    return found


@given(POOLS, RATES, RATES, st.integers(1, 100), st.integers(1, 100))
@EXAMPLES
def test_flips_nest_over_rates_and_sizes(pool, rate, other, size, larger):
    few = wrong(pool, paid(pool, min(rate, other), min(size, larger)))
    many = wrong(pool, paid(pool, max(rate, other), max(size, larger)))
    assert few.items() <= many.items()


@given(POOLS, RATES, st.integers(1, 100))
@EXAMPLES
def test_unpaid_validation_labels_are_never_touched(pool, rate, size):
    draw = Draw(pool, seed=0, draw=0, label_noise=rate, validation="full")
    assert wrong(pool, dict(Subset(draw, draw.prefix(size)).val)) == {}


@given(POOLS, RATES, st.integers(1, 100))
@EXAMPLES
def test_the_same_labels_are_paid_for_whatever_the_noise(pool, rate, size):
    assert paid(pool, 0.0, size).keys() == paid(pool, rate, size).keys()
    assert wrong(pool, paid(pool, 0.0, size)) == {}


def test_the_rate_is_kept_in_training_and_validation_and_all_other_classes_are_as_likely():
    pool = pool_of([("val" if i % 4 == 0 else "train", [i % 3]) for i in range(6000)])
    draw = Draw(pool, seed=0, draw=0, label_noise=0.3)
    subset = Subset(draw, draw.prefix(6000))
    for side in (subset.train, subset.val):
        assert abs(len(wrong(pool, dict(side))) / len(side) - 0.3) < 0.04  # 2.5 deviations or more
    true = dict(paid(pool, 0.0, 6000))
    steps = Counter((label - true[row]) % 3 for row, label in subset.train)
    assert abs(steps[1] - steps[2]) < 4 * (steps[1] + steps[2]) ** 0.5


def test_each_draw_has_its_own_noise():
    pool = pool_of([("train", [i % 2]) for i in range(100)] + [("val", [0])], 2)
    first, second = (wrong(pool, paid(pool, 0.3, 101, number=number)) for number in (0, 1))
    assert first and second and first != second
