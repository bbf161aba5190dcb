# Lemma update_factored: theta - eta ((g + w theta) + lambd theta) is within tolerance.md's bound.
# Box and bound: those of update_product.
# Text: spec/tolerance.md: or g + w theta, + lambd theta, times eta
@rnd = float<ieee_32, ne>;
theta = rnd(a1); g = rnd(a2); eta = rnd(a3); lambd = rnd(a4); w = rnd(a5);
p1 rnd= w * theta; s1 rnd= g + p1; p2 rnd= lambd * theta; s2 rnd= s1 + p2; q rnd= eta * s2;
exact = eta * (g + w * theta + lambd * theta);
{ theta in [1,2] /\ |g| <= 1 /\ eta in [1b-4,1b-3] /\ lambd in [1b-4,1b-3] /\ w in [1b-4,1b-3]
  -> |q - exact| <= 3.94e-7 }
q - exact -> (q - eta * s2) + eta * ((s2 - (s1 + p2)) + (s1 - (g + p1)) + (p1 - w * theta)
  + (p2 - lambd * theta));
