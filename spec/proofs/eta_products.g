# Lemma eta_products: float32's lambd lr t, and lr times a reciprocal, are within 2u / (1 - u), relative.
# Box: significands. Scaling: each factor by a power of two, while nothing over- or underflows.
# Code: reference/tolerance.py: lost = z * math.expm1(2 * u + rho_lr + rho_lambd + rho_t)
# Code: reference/tolerance.py: distance += 2 * u / (1 - u)
# Text: spec/tolerance.md: the quotient, or a reciprocal and a product
@rnd = float<24, -2000, ne>;
lambd = rnd(a); lr = rnd(b); t = rnd(c); power = rnd(d);
z rnd= lambd * lr * t;
inverse = rnd(1 / power);
eta rnd= lr * inverse;
{ lambd in [1,2] /\ lr in [1,2] /\ t in [1,2] /\ power in [1,2]
  -> |z -/ (lambd * lr * t)| <= 1.192093e-7 /\ |eta -/ (lr * (1 / power))| <= 1.192093e-7 }
