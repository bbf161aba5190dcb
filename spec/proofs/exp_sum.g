# Lemma exp_sum: adding up the low parts of exp r - 1 costs at most 2^-83.9.
# Box: |r| <= 2^-9.52, the cubic term of exp_cubic, half ulps for what TwoSum and TwoProduct keep.
# Code: fast/double_double.py: p_low = e3 + (r * square * series + (0.5 * square_low + (r * r_low + r_low)))
# Code: fast/double_double.py: p, e3 = two_sum(r, 0.5 * square)
@rnd = float<ieee_64, ne>;
r = rnd(a1); r_low = rnd(a2); square_low = rnd(a3); cubic = rnd(a4); e3 = rnd(a5);
p_low rnd= e3 + (cubic + (0.5 * square_low + (r * r_low + r_low)));
exact = e3 + (cubic + (0.5 * square_low + (r * r_low + r_low)));
{ |r| <= 1.36206e-3 /\ |r_low| <= 1b-63 /\ |square_low| <= 1b-73 /\ |cubic| <= 4.3e-10 /\ |e3| <= 1b-63
  -> |p_low - exact| <= 5.4e-26 /\ |p_low| <= 4.31e-10 }
