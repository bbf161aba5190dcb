# Lemma step_size_argument: x = 1 + z in two floats adds 4 u^2 x; so x is within 8 u^2, relative.
# Box: one = 2^-k <= 1 and z in [1,2], or one = 1 and z in [0,1]. Scaling: by a power of two.
# z_low is at most 1.5 2^-52, by step_size_product's roundings; TwoSum is exact.
# Code: fast/double_double.py: x_high, x_low = two_sum(1.0, z_high)
# Code: fast/double_double.py: x_high, x_low = two_sum(x_high, x_low + z_low)
@rnd = float<53, -2000, ne>;
one = rnd(a); z_high = rnd(b); z_low = rnd(c);
sum rnd= one + z_high; lost = (one + z_high) - sum;
low rnd= lost + z_low;
x = one + z_high + z_low;
{ one in [0,1] /\ z_high in [0,2] /\ one + z_high >= 1 /\ |z_low| <= 3b-53
  -> |sum + low - x| <= 4b-106 }
sum + low - x -> low - (lost + z_low);
