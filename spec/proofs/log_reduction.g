# Lemma log_reduction: r = x c - 1 in two floats is within 2 u^2.
# Box: the significand of x, and any inverse c of the table with |r| <= 2^-8 (a test looks at all 256).
# Code: fast/double_double.py: product, rest = two_product(part, inverse)
# Code: fast/double_double.py: r, r_low = two_sum(product - 1.0, rest + arithmetic.ldexp(x_low, -k) * inverse)
# Code: fast/double_double.py: inverse = [1.0] + [512 / (513 + 2 * i) for i in range(1, 256)]
# Code: fast/double_double.py: part, k = 2.0 * part, exponent - 1
# Code: fast/double_double.py: index = arithmetic.integer((part - 1.0) * 256.0)
@rnd = float<53, -2000, ne>;
part = rnd(a); x_low = rnd(b); c = rnd(d);
product rnd= part * c; rest = part * c - product; # TwoProduct
r_high rnd= product - 1;
w rnd= x_low * c;
low rnd= rest + w;
r = (part + x_low) * c - 1;
{ part in [1,2] /\ c in [0.5,1] /\ |x_low| <= 1b-53 /\ product - 1 in [-1b-8,1b-8]
  -> |r_high + low - r| <= 2b-106 /\ r_high - (product - 1) in [0,0] }
r_high + low - r -> (r_high - (product - 1)) + (low - (rest + w)) + (w - x_low * c);
