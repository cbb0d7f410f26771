import pytest
from golden_cases import assert_close


def test_what_is_close_is_measured_by_the_largest_entry():
    assert_close([400.0, 1e-3], [400.003, 0.0])
    assert_close([1e-6], [0.0])
    for ours, theirs in (([400.0], [400.005]), ([2e-5], [0.0]), ([float("nan")], [1.0]), ([1.0], [1.0, 1.0])):
        with pytest.raises(AssertionError):
            assert_close(ours, theirs)
