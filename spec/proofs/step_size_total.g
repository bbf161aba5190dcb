# Lemma step_size_total: the bound of the rounding test contains all errors of the step size.
# second: 2^-101 log x, and 4 u^2 y of power_product, for y <= 701; growth: exp(d) - 1 over d.
# Code: fast/double_double.py: alpha * 2.0**-73 + 2.0**-78
# Code: fast/double_double.py: LARGEST_POWER = 2.0**16
# Code: fast/double_double.py: LARGEST_LOGARITHM = 700.0
# Text: spec/kernels.md: \mathrm{error} = \alpha 2^{-73} + 2^{-78}
{ alpha in [0,65536] /\ |second| <= 1b-91 /\ |exp| <= 1b-80
  /\ |scale| <= 2.08e-25 /\ |test| <= 2.12e-25 /\ |growth| <= 1.001
  -> |growth * (alpha * 1b-76) + growth * second + exp * 1.001 + scale * 1.001 + test * 1.001|
     - (alpha * 1b-73 + 1b-78) <= 0 }
