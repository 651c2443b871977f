import pytest
from scipy.stats import chi2, norm, t

from lambda_src.drift_detector import quantiles


@pytest.mark.parametrize("probability", [0.99, 0.999, 0.9999])
def test_the_quantiles_are_near_scipys(probability: float) -> None:
    assert quantiles.normal_quantile(probability) == pytest.approx(norm.ppf(probability))
    for degrees, tolerance in ((1, 1e-9), (2, 0.05), (9, 0.015), (30, 0.01)):
        quantile = quantiles.chi_square_quantile(probability, degrees)
        assert quantile == pytest.approx(chi2.ppf(probability, degrees), rel=tolerance)
    for degrees in (20, 49, 199, 10_000):
        quantile = quantiles.student_quantile(probability, degrees)
        assert quantile == pytest.approx(t.ppf(probability, degrees), rel=0.01)
