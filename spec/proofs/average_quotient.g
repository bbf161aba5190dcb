# Lemma average_quotient: float64's quotient of a sum of two floats is corrected to within 2^-102.
# Box: the sum's significand over n's; rest is what TwoSum keeps.
# Scaling: sum, rest and n by powers of two.
# Code: fast/window.py: total, rest = two_sum(high, low)
# Code: fast/window.py: quotient = total / divisor
# Code: fast/window.py: product, product_rest = two_product(quotient, divisor)
# Code: fast/window.py: refined = quotient + (((total - product) - product_rest) + rest) / divisor
@rnd = float<53, -2000, ne>;
total = rnd(s); n = rnd(m); rest = rnd(r);
quotient rnd= total / n;
P = quotient * n;
product = rnd(P); product_rest = P - product; # TwoProduct
missing rnd= total - product;
left rnd= (missing - product_rest) + rest;
correction rnd= left / n;
wanted = (missing - product_rest) + rest;
{ total in [1,2] /\ n in [1,2] /\ |rest| <= 1b-53
  -> |quotient + correction - (total + rest) / n| <= 1b-102 }
quotient + correction - (total + rest) / n -> (correction - left / n) + (left - wanted) / n
  + (missing - (total - product)) / n;
total - product -> (P - product) - n * (quotient - total / n);
