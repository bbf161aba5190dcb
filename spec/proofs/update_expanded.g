# Lemma update_expanded: ((theta - eta lambd theta) - eta w theta) - eta g is within tolerance.md's bound.
# Box and bound: those of update_product.
# Text: spec/tolerance.md: two products, then partial sums
@rnd = float<ieee_32, ne>;
theta = rnd(a1); g = rnd(a2); eta = rnd(a3); lambd = rnd(a4); w = rnd(a5);
p1 rnd= eta * lambd; p2 rnd= p1 * theta; p3 rnd= eta * w; p4 rnd= p3 * theta; p5 rnd= eta * g;
s1 rnd= theta - p2; s2 rnd= s1 - p4;
exact = theta - eta * lambd * theta - eta * w * theta - eta * g;
{ theta in [1,2] /\ |g| <= 1 /\ eta in [1b-4,1b-3] /\ lambd in [1b-4,1b-3] /\ w in [1b-4,1b-3]
  -> |s2 - p5 - exact| <= 3.94e-7 }
s2 - p5 - exact -> (s2 - (s1 - p4)) + (s1 - (theta - p2)) - (p2 - p1 * theta) - (p4 - p3 * theta)
  - theta * (p1 - eta * lambd) - theta * (p3 - eta * w) - (p5 - eta * g);
