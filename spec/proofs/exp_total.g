# Lemma exp_total: exp y is off by at most 2^-80, relative.
# exp_cubic, exp_series, exp_sum, exp_reduction and exp_table; the cubic and square terms use the
# high part of r alone, which leaves r_low (exp r - 1 - r), at most 0.51 r_low r^2; rest: r_low^2, the
# table (2^-106).
# Code: fast/double_double.py: Exponential of -700 <= y <= 0, over 2**exponent; relative error below 2**-80.
# Text: spec/kernels.md: Sum: $2^{-80}$ (`exp_total`)
{ |cubic| <= 1.7e-25 /\ |series| <= 2.96e-28 /\ |sum| <= 5.4e-26 /\ |reduction| <= 1.3e-28
  /\ |r| <= 1.36206e-3 /\ |r_low| <= 1b-63 /\ |half| <= 0.51 /\ |table| <= 2.92e-25 /\ |rest| <= 1b-100
  /\ p in [-1.364e-3,1.364e-3]
  -> |(cubic + series + sum + r_low * (half * (r * r)) + table + rest) / (1 + p)
      + reduction * (1 + reduction)| <= 1b-80 }
