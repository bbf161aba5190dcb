# Lemma exp_reduction: r = y - n ln 2 / 256 in two floats is within 1.3e-28 < 2^-92.6, and |r| <= 2^-9.52.
# Box: y in [-701,0], y_low at most 2^-42 (power_product); e1 and e2 are what TwoSum keeps, |r| being small.
# What the three parts miss of ln 2 / 256, n 2^-136, is nothing beside it: exp_parts.
# Code: fast/double_double.py: n = (y * _PER_UNIT + _RINT) - _RINT
# Code: fast/double_double.py: _RINT = 6755399441055744.0
# Code: fast/double_double.py: r, e1 = two_sum(y, -n * _UNIT_HIGH)
# Code: fast/double_double.py: r, e2 = two_sum(r, -n * _UNIT_MIDDLE)
# Code: fast/double_double.py: r, r_low = two_sum(r, (y_low + (e1 + e2)) - n * _UNIT_LOW)
@rnd = float<ieee_64, ne>;
y = rnd(a); y_low = rnd(b); e1 = rnd(c); e2 = rnd(d);
PER_UNIT = 0x1.71547652b82fep+8; RINT = 6755399441055744;
HIGH = 0x1.62e42fef8p-9; MIDDLE = 0x1.1cf79abc8p-44; LOW = 0x1.e3b39803f2f6bp-80;
w rnd= y * PER_UNIT;
m = rnd(w + RINT);
n = rnd(m - RINT);
s rnd= (y_low + (e1 + e2)) - n * LOW;
rest = 1 - HIGH * PER_UNIT;
{ y in [-701,0] /\ |y_low| <= 1b-42 /\ |e1| <= 1b-63 /\ |e2| <= 1b-63
  -> |s - (y_low + (e1 + e2) - n * LOW)| <= 1.3e-28
  /\ |y - n * HIGH| <= 1.36e-3 /\ n - (m - RINT) in [0,0] /\ |n| <= 259000 }
n -> w + ((m - (w + RINT)) + (n - (m - RINT)));
y - n * HIGH -> y * rest - HIGH * ((w - y * PER_UNIT) + ((m - (w + RINT)) + (n - (m - RINT))));
