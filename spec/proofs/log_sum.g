# Lemma log_sum: adding up the low parts of the logarithm costs at most 2^-78.9.
# Box: |r| <= 2^-8, k up to 1100, the cubic term of log_cubic, half ulps for what is lost by TwoSum.
# Code: fast/double_double.py: low = (r_low - (0.5 * square_low + r * r_low)) + (k * _LN2_LOW + arithmetic.log_low[index])
# Code: fast/double_double.py: return two_sum(total, cubic + (low + (e1 + (e2 + e3))))
# Code: fast/double_double.py: _LN2_HIGH = _head(_LN2, 42)
# Code: fast/double_double.py: total, e3 = two_sum(total, -0.5 * square)
# Code: fast/step_size.py: z < 2.0**1000
@rnd = float<ieee_64, ne>;
r = rnd(a1); r_low = rnd(a2); square_low = rnd(a3); log_low = rnd(a4); cubic = rnd(a5);
e1 = rnd(a6); e2 = rnd(a7); e3 = rnd(a8); k = fixed<0, ne>(a9);
LN2_HIGH = 0x1.62e42fefa38p-1; LN2_LOW = 0x1.ef35793c7673p-45;
low rnd= (r_low - (0.5 * square_low + r * r_low)) + (k * LN2_LOW + log_low);
v rnd= cubic + (low + (e1 + (e2 + e3)));
exact = (r_low - (0.5 * square_low + r * r_low)) + (k * LN2_LOW + log_low) + (e1 + (e2 + e3));
{ |r| <= 1b-8 /\ |r_low| <= 1b-62 /\ |square_low| <= 1b-70 /\ |log_low| <= 1b-54 /\ |cubic| <= 2.008e-8
  /\ |e1| <= 1b-44 /\ |e2| <= 1b-44 /\ |e3| <= 1b-44 /\ k in [0,1100]
  -> |v - (cubic + exact)| <= 1.773e-24 /\ rnd(k * LN2_HIGH) - k * LN2_HIGH in [0,0] }
