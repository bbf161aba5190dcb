# Lemma exp_table: the product with 2^(i/256) costs at most 2^-81.5, relative.
# Box: the table's two floats, p and p_low of exp_sum, half ulps for what TwoSum and TwoProduct keep.
# Code: fast/double_double.py: a, b = two_product(exp_high, p)
# Code: fast/double_double.py: high, e4 = two_sum(exp_high, a)
# Code: fast/double_double.py: low = e4 + (b + (exp_low + (exp_high * p_low + exp_low * p)))
# Code: fast/double_double.py: exps = [_two_floats((_UNIT * i).exp()) for i in range(256)]
# Code: fast/double_double.py: arithmetic.exp_high[n & 255], arithmetic.exp_low[n & 255]
# Code: fast/double_double.py: return high, low, n >> 8
@rnd = float<ieee_64, ne>;
exp_high = rnd(a1); exp_low = rnd(a2); p = rnd(a3); p_low = rnd(a4);
product = exp_high * p;
a = rnd(product); b = product - a; # TwoProduct
sum = exp_high + a;
high = rnd(sum); e4 = sum - high; # TwoSum
low rnd= e4 + (b + (exp_low + (exp_high * p_low + exp_low * p)));
exact = (exp_high + exp_low) * (1 + p + p_low);
lost = low - (e4 + (b + (exp_low + (exp_high * p_low + exp_low * p))));
{ exp_high in [1,2] /\ |exp_low| <= 1b-53 /\ |p| <= 1.364e-3 /\ |p_low| <= 4.31e-10
  -> |(high + low - exact) / exp_high| <= 2.92e-25 /\ |low| <= 1b-30 }
high + low - exact -> lost - exp_low * p_low;
$ exp_high in 8;
