# Lemma log_total: the logarithm is off by at most 2^-76 + 2^-101 log x.
# log_cubic, log_series and log_sum; the cubic and square terms use the high part of r alone, which
# leaves r_low r^2 / (1 + r); rest: x itself (8 u^2), r (2 u^2), the table (2^-107), r_low^2.
# k ln 2 in two parts costs k 2^-102, and k <= log x / ln 2: log_parts.
# Code: fast/double_double.py: Logarithm of a number >= 1; absolute error below 2**-76 + 2**-101 log x.
# Text: spec/kernels.md: Sum: $2^{-76} + 2^{-101} \log x$ (`log_total`)
{ |cubic| <= 7.09e-24 /\ |series| <= 8.302e-26 /\ |sum| <= 1.773e-24 /\ |rest| <= 1b-101
  /\ |r| <= 1b-8 /\ |r_low| <= 1b-62
  -> |cubic + series + sum + r_low * (r * r / (1 + r)) + rest| <= 1b-76 }
