# Lemma log_cubic: r^3 S(r) of the logarithm in float64 is within 2^-76.9, and at most 2^-25.57.
# Box: |r| <= 2^-8. The coefficients are rounded, as Python rounds them.
# Code: fast/double_double.py: series = 1 / 3 + r * (-1 / 4 + r * (1 / 5 + r * (-1 / 6 + r * (1 / 7 + r * (-1 / 8 + r / 9)))))
# Code: fast/double_double.py: cubic = r * square * series
@rnd = float<ieee_64, ne>;
r = rnd(a);
c3 = rnd(1/3); c4 = rnd(1/4); c5 = rnd(1/5); c6 = rnd(1/6); c7 = rnd(1/7); c8 = rnd(1/8);
square rnd= r * r;
s rnd= c3 + r * (-c4 + r * (c5 + r * (-c6 + r * (c7 + r * (-c8 + r / 9)))));
cubic rnd= r * square * s;
S = 1/3 + r * (-1/4 + r * (1/5 + r * (-1/6 + r * (1/7 + r * (-1/8 + r / 9)))));
{ |r| <= 1b-8 -> |cubic - r * (r * r) * S| <= 7.09e-24 /\ |cubic| <= 2.008e-8 }
$ r in 16;
