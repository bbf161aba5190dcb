# Lemma split_grid: both halves are computed exactly, the high one a multiple of 2^-25, the low one of 2^-52.
# Box: a significand; where p - a lies, and how far it rounds, is split_low.
# Code: fast/double_double.py: a_low, b_low = a - a_high, b - b_high
@rnd = float<53, -2000, ne>;
@coarse = fixed<-25, ne>; @fine = fixed<-52, ne>;
a = rnd(A); SPLIT = 134217729;
p rnd= SPLIT * a; q rnd= p - a; high rnd= p - q; low rnd= a - high;
{ a in [1,2] /\ p - a in [134217728,268435456] /\ |a - (p - q)| <= 1b-26
  -> high - (p - q) in [0,0] /\ low - (a - high) in [0,0]
  /\ coarse(high) - high in [0,0] /\ fine(low) - low in [0,0] }
