# Lemma update_product: theta (1 - lambd eta - w eta) - eta g is within tolerance.md's bound.
# Box: theta in [1,2], |g| <= 1, eta, lambd and w in [1/16,1/8], all of them float32 numbers, so that
# no rho is left. before = u (3 (M + eta |g|) + 4 eta (lambd + w) M) = 3.94e-7, the last rounding aside.
# Scaling: theta and g by one power of two.
# Code: reference/tolerance.py: rounds = (1 + some + both) * (theta + size * grad) + (3 + both) * size * pull * theta
# Code: reference/tolerance.py: factor = _inflate((4 + both) * u)
# Text: spec/tolerance.md: 1 - lambd eta (- w eta), times theta
@rnd = float<ieee_32, ne>;
theta = rnd(a1); g = rnd(a2); eta = rnd(a3); lambd = rnd(a4); w = rnd(a5);
p1 rnd= lambd * eta; p2 rnd= w * eta; s1 rnd= 1 - p1; s2 rnd= s1 - p2;
p3 rnd= s2 * theta; p4 rnd= eta * g;
exact = theta * (1 - lambd * eta - w * eta) - eta * g;
{ theta in [1,2] /\ |g| <= 1 /\ eta in [1b-4,1b-3] /\ lambd in [1b-4,1b-3] /\ w in [1b-4,1b-3]
  -> |p3 - p4 - exact| <= 3.94e-7 }
p3 - p4 - exact -> (p3 - s2 * theta) - (p4 - eta * g) + theta * ((s2 - (s1 - p2)) + (s1 - (1 - p1))
  - (p1 - lambd * eta) - (p2 - w * eta));
