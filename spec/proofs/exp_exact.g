# Lemma exp_exact: n times the first two parts of ln 2 / 256 is exact, for |n| < 2^19.
# Code: fast/double_double.py: n UNIT_HIGH and n UNIT_MIDDLE for |n| < 2**19
@rnd = float<ieee_64, ne>;
n = fixed<0, ne>(a);
HIGH = 0x1.62e42fef8p-9; MIDDLE = 0x1.1cf79abc8p-44;
{ |n| <= 524287 -> rnd(n * HIGH) - n * HIGH in [0,0] /\ rnd(n * MIDDLE) - n * MIDDLE in [0,0] }
