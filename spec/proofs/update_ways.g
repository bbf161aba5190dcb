# Lemma update_ways: three factors 1 + d differ from 1 by at most 3u (1 + 8u), five by 5u (1 + 8u).
# Box: none; d1 to d5 are roundings of float32, b1 to b5 of float64.
# Text: spec/kernels.md: u (3 \eta|g| + 5 \eta d|\theta|)(1 + 8u)
# Text: spec/kernels.md: u (3 \eta|g| + 6 \eta d|\theta|)(1 + 8u)
U = 1b-24 + 8b-48; V = 1b-53 + 8b-106;
{ |d1| <= 1b-24 /\ |d2| <= 1b-24 /\ |d3| <= 1b-24 /\ |d4| <= 1b-24 /\ |d5| <= 1b-24
  /\ |b1| <= 1b-53 /\ |b2| <= 1b-53 /\ |b3| <= 1b-53 /\ |b4| <= 1b-53 /\ |b5| <= 1b-53
  -> |(1 + d1) * (1 + d2) * (1 + d3) - 1| - 3 * U <= 0
  /\ |(1 + d1) * (1 + d2) * (1 + d3) * (1 + d4) * (1 + d5) - 1| - 5 * U <= 0
  /\ |(1 + b1) * (1 + b2) * (1 + b3) - 1| - 3 * V <= 0
  /\ |(1 + b1) * (1 + b2) * (1 + b3) * (1 + b4) * (1 + b5) - 1| - 5 * V <= 0 }
