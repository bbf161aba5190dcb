# Lemma average_rebuilt: in (A n - A + theta) / n, in any order, A n is within 3u, A and theta within 2u, relative.
# d1 is the rounding of A n, d2 and d3 those of the two sums; the quotient is counted apart.
# Box: none, but the terms A, mu A and mu theta are scaled to 1.
# Code: reference/tolerance.py: rebuilt = (mu < 1) * ((3 + 2 * mu) * average + 2 * mu * theta)
# Text: spec/tolerance.md: product and two sums: $3u\lvert A\rvert$
bound = 1b-24 / (1 - 6b-24);
{ |d1| <= 1b-24 /\ |d2| <= 1b-24 /\ |d3| <= 1b-24
  -> |(1 + d1) * (1 + d2) * (1 + d3) - 1| - 3 * bound <= 0
  /\ |(1 + d2) * (1 + d3) - 1| - 2 * bound <= 0 }
