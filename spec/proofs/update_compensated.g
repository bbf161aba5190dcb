# Lemma update_compensated: theta with its carry makes a step of float32 with an error of the step's size.
# Box: theta in [1,2], |c| <= u, eta and d up to 2^-12, |g| <= 1; eta is a float32 number, d is rounded to one.
# Scaling: theta, c and g by one power of two. TwoSum makes theta' + c' = theta + delta exactly.
# Code: fast/kernels.py: move(carry, scratch, carry)
# Code: fast/kernels.py: _add_exactly(theta, carry, carry, scratch, rest)
# Text: spec/kernels.md: u (3 \eta|g| + 6 \eta d|\theta|)(1 + 8u) + u^2|\theta|
@rnd = float<ieee_32, ne>;
theta = rnd(a); g = rnd(b); c = rnd(e); eta = rnd(h); decay = rnd(d);
q rnd= eta * (g + decay * theta);
delta rnd= c - q;
exact = theta + c - eta * (g + d * (theta + c));
{ theta in [1,2] /\ |c| <= 1b-24 /\ |g| <= 1 /\ eta in [1b-13,1b-12] /\ d in [1b-13,1b-12]
  -> |theta + delta - exact| <= 4.37e-11 }
theta + delta - exact -> (delta - (c - q)) - (q - eta * (g + decay * theta))
  - eta * theta * (decay - d) + eta * d * c;
