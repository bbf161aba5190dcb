"""What is seen in numbers that were read out."""

import numpy as np
import pytest

from asgd.tests.diagnosis.in_words import digits, of_numbers, of_weights

U = 2.0**-53
ETA = [1 / (1 + 0.3 * t) for t in range(1, 6)]
MEAN = [0.0, 0.0, *[1 / 7] * 7]


@pytest.mark.parametrize(
    ("got", "says"),
    [
        (ETA, ""),
        ([float(np.float32(x)) for x in ETA], "float32 precision"),
        ([float(np.float16(x)) for x in ETA], "float16 precision"),
        ([0.5 * x for x in ETA], "0.5 times what they should be"),
        ([x * (1 + 2.0**-30) for x in ETA], "off by 2^-30 at most, relatively"),
        ([1.0, *ETA[:-1]], "each is that of the step before"),
        ([*ETA[1:], 0.1], "each is that of the step after"),
        ([0.25] * 5, "the same at every step"),
        (
            [x * min(1.0, (k + 1) / 4) for k, x in enumerate(ETA)],
            "a share of what they should be that grows by 0.25 a step",
        ),
        ([*ETA[:-1], float("inf")], "not finite"),
    ],
)
def test_of_numbers(got, says):
    """The most telling thing, and nothing where numbers are right."""
    said = of_numbers(got, ETA, U)
    assert said.endswith(says)
    assert bool(said) == bool(says)


@pytest.mark.parametrize(
    ("got", "says"),
    [
        (MEAN, ""),
        ([0.0] * 3 + [1 / 6] * 6, "6 terms where 7 are expected; theta_2 does not count"),
        ([1 / 9] * 9, "9 terms where 7 are expected; theta_0 to theta_1 count"),
        ([0.0, 0.0, *[1 / 8] * 7], "the same terms with other weights; their sum is 0.875"),
    ],
)
def test_of_weights(got, says):
    """Terms are counted and named."""
    assert of_weights(got, MEAN, U) == says


def test_digits_show_the_difference():
    """No more than are needed."""
    assert digits([1.0, 2.0], [1.0, 2.0000003], U) == 8
    assert digits(ETA, ETA, U) == 6
    assert digits([float(np.nextafter(1, 2))], [1.0], U / 2**20) == 17
