import pytest

from virnucpro import ConfigError, get_batch_indices
from virnucpro.batching import plan_batches


def test_budget_counts_two_more_tokens_than_residues():
    assert get_batch_indices([98, 98], toks_per_batch=200) == [[0, 1]]
    assert get_batch_indices([98, 98], toks_per_batch=199) == [[0], [1]]


def test_a_sequence_over_the_budget_is_alone():
    assert get_batch_indices([10, 5000, 20], toks_per_batch=64) == [[1], [2, 0]]


def test_equal_lengths_stay_in_input_order_side_by_side():
    assert get_batch_indices([7, 9, 7, 9, 7], 1000) == [[1, 3, 0, 2, 4]]


def test_nothing_to_plan():
    assert get_batch_indices([]) == []


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_must_be_positive(budget):
    with pytest.raises(ConfigError, match=str(budget)):
        plan_batches([3], budget)
