# Lemma step_size_scale: the product with lr costs at most 2^-82, relative.
# Box: the significand of lr, and the two floats of exp_table. Scaling: lr by a power of two.
# Code: fast/double_double.py: high, low = two_product(lr_part, exp_high)
# Code: fast/double_double.py: low = low + lr_part * exp_low
@rnd = float<ieee_64, ne>;
lr = rnd(a1); exp_high = rnd(a2); exp_low = rnd(a3);
product = lr * exp_high;
high = rnd(product); rest = product - high; # TwoProduct
low rnd= rest + lr * exp_low;
lost = low - (rest + lr * exp_low);
{ lr in [0.5,1] /\ exp_high in [0.998,2.004] /\ |exp_low| <= 1b-30
  -> |(high + low - lr * (exp_high + exp_low)) / (lr * exp_high)| <= 2.08e-25 }
high + low - lr * (exp_high + exp_low) -> lost;
$ lr in 8, exp_high in 4;
