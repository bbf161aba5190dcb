# Lemma average_weighted: (1 - mu) A is within 2u and mu theta within u, relative, in float32.
# Box: mu in [2^-24,1/2], A and theta positive significands. Scaling: each by a power of two.
# Text: spec/tolerance.md: 1 - mu, and its product: $2u(1 - \mu)\lvert A\rvert$
@rnd = float<24, -2000, ne>;
A = rnd(a); theta = rnd(b); mu = rnd(c);
rest rnd= 1 - mu;
old rnd= rest * A;
new rnd= mu * theta;
{ A in [1,2] /\ theta in [1,2] /\ mu in [1b-24,1b-1]
  -> |old -/ ((1 - mu) * A)| <= 1.19209303e-7 /\ |new -/ (mu * theta)| <= 1b-24 }
