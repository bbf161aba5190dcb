# Lemma longest_way: k roundings on the way to the root change a monomial by at most k u / (1 - k u).
# Box: none; each d is one rounding. u is float32's; a smaller u only makes the bounds smaller.
# Code: reference/tolerance.py: return _UPWARD / (1 - relative) if relative < _LIMIT else math.inf
# Code: reference/tolerance.py: retreat = 4 * (1 - mu) * difference
# Text: spec/tolerance.md: \gamma_k = \frac{k u}{1 - k u}
{ |d1| <= 1b-24 /\ |d2| <= 1b-24 /\ |d3| <= 1b-24 /\ |d4| <= 1b-24 /\ |d5| <= 1b-24 /\ |d6| <= 1b-24
  -> |(1 + d1) * (1 + d2) - 1| <= 1.19209303e-7
  /\ |(1 + d1) * (1 + d2) * (1 + d3) - 1| <= 1.78813966e-7
  /\ |(1 + d1) * (1 + d2) * (1 + d3) * (1 + d4) - 1| <= 2.384186359e-7
  /\ |(1 + d1) * (1 + d2) * (1 + d3) * (1 + d4) * (1 + d5) - 1| <= 2.980233126e-7
  /\ |(1 + d1) * (1 + d2) * (1 + d3) * (1 + d4) * (1 + d5) * (1 + d6) - 1| <= 3.576279965e-7 }
