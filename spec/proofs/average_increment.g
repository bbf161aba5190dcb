# Lemma average_increment: mu (theta - A) of an increment is within 2u, relative, and compensated within 4u.
# Box: the difference of theta and A is theirs or, compensated, that less a carry; mu in (0,1].
# Scaling: theta and A by one power of two.
# Code: reference/tolerance.py: increment = 4 * mu * difference + (1 - mu) * average
# Text: spec/tolerance.md: difference and product: $2u \mu\lvert\theta - A\rvert$
{ |d1| <= 1b-24 /\ |d2| <= 1b-24 /\ |d3| <= 1b-24 /\ |d4| <= 1b-24
  -> |(1 + d1) * (1 + d2) - 1| <= 1.19209303e-7
  /\ |(1 + d1) * (1 + d2) * (1 + d3) * (1 + d4) - 1| <= 2.3841866e-7 }
