# Lemma exp_cubic: r^3 S(r) of the exponential in float64 is within 2^-82.3, and at most 2^-31.1.
# Box: |r| <= 2^-9.52. The coefficients are rounded, as Python rounds them.
# Code: fast/double_double.py: series = 1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r / 5040)))
# Code: fast/double_double.py: r * square * series
@rnd = float<ieee_64, ne>;
r = rnd(a);
c3 = rnd(1/6); c4 = rnd(1/24); c5 = rnd(1/120); c6 = rnd(1/720);
square rnd= r * r;
s rnd= c3 + r * (c4 + r * (c5 + r * (c6 + r / 5040)));
cubic rnd= r * square * s;
S = 1/6 + r * (1/24 + r * (1/120 + r * (1/720 + r / 5040)));
{ |r| <= 1.36206e-3 -> |cubic - r * (r * r) * S| <= 1.7e-25 /\ |cubic| <= 4.3e-10 }
$ r in 16;
