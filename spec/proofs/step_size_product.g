# Lemma step_size_product: z = lambd lr t in two floats is within 4 u^2, relative.
# Box: the significands of lambd, lr and t. Scaling: all three are divided by powers of two.
# Code: fast/double_double.py: p_high, p_low = two_product(lambd_part, lr_part)
# Code: fast/double_double.py: z_high, z_low = two_product(p_high, t)
# Code: fast/double_double.py: z_low = z_low + p_low * t
# Code: fast/double_double.py: LARGEST_STEP = 2**53
@rnd = float<53, -2000, ne>;
lambd = rnd(a); lr = rnd(b); t = rnd(c);
p = lambd * lr;
p_high = rnd(p); p_low = p - p_high; # TwoProduct
q = p_high * t;
z_high = rnd(q); lost = q - z_high; # TwoProduct
m rnd= p_low * t;
z_low rnd= lost + m;
z = p * t;
{ lambd in [0.5,1] /\ lr in [0.5,1] /\ t in [1,2] -> |(z_high + z_low - z) / z| <= 4b-106 }
z_high + z_low - z -> (z_low - (lost + m)) + (m - p_low * t);
$ p in (0.5), q in (0.5, 1), t in (1.5);
