"""Which setting a cell's trials choose."""

from study.search.selection import select


def row(index, score, status="completed"):
    return {"index": index, "score": score, "status": status}


def test_largest_score_is_chosen():
    assert select([row(0, 0.5), row(1, 0.9), row(2, 0.7)]) == 1


def test_negative_scores_are_compared_as_numbers():
    assert select([row(0, -0.7), row(1, -0.2)]) == 1


def test_of_equal_scores_the_earliest_is_chosen_in_any_order_of_rows():
    assert select([row(2, 0.9), row(0, 0.1), row(1, 0.9)]) == 1


def test_pruned_and_failed_trials_are_never_chosen():
    assert select([row(0, 0.99, "pruned"), row(1, None, "failed_nan"), row(2, 0.1)]) == 2


def test_nothing_is_chosen_when_nothing_completed():
    assert select([row(0, None, "pruned"), row(1, None, "failed_error")]) is None
    assert select([]) is None
