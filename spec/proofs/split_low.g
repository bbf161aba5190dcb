# Lemma split_low: what split leaves for the low half is at most 2^-26.
# Box: a significand but 1, which is its own high half. Scaling: by a power of two.
# Code: fast/double_double.py: _SPLIT = 134217729.0
# Code: fast/double_double.py: a_high = _SPLIT * a
# Code: fast/double_double.py: a_high = a_high - (a_high - a)
@rnd = float<53, -2000, ne>;
a = rnd(A); SPLIT = 134217729;
p rnd= SPLIT * a; w = 134217728 * a + (p - SPLIT * a); # = p - a
q = rnd(w);
{ a in [0x1.0000000000001p0,0x1.fffffffffffffp0]
  -> w in [134217728,268435456] /\ |q - w| <= 1b-26 }
