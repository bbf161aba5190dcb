# Lemma average_sum: a kept sum over n, A shown after two roundings, is within 4u and 2u of the terms.
# d1 and d2 are the roundings of A as it was shown, d3 and d4 those of the new sum and of 1 / n.
# Box: none, but the terms (1 - mu) A and mu theta are scaled to 1.
# Code: reference/tolerance.py: weighted = 4 * (1 - mu) * average + 2 * mu * theta
# Code: reference/tolerance.py: roundings = 6
# Code: reference/tolerance.py: factor = _inflate(roundings * u + mu_error)
# Text: spec/tolerance.md: A was shown after one or two roundings
bound = 1b-24 / (1 - 6b-24);
{ |d1| <= 1b-24 /\ |d2| <= 1b-24 /\ |d3| <= 1b-24 /\ |d4| <= 1b-24
  -> |(1 + d3) * (1 + d4) / ((1 + d1) * (1 + d2)) - 1| - 4 * bound <= 0
  /\ |(1 + d3) * (1 + d4) - 1| - 2 * bound <= 0 }
