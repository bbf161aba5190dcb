# Lemma update_float32: before its last rounding, the update of fast/ is within the bound of kernels.md.
# Box: theta in [1,2], eta and d up to 1/8, |g| <= 1; d and eta are rounded to float32 first.
# Scaling: theta and g by one power of two; smaller eta and d: longest_way, with five factors.
# Code: fast/kernels.py: np.multiply(theta, decay, scratch)
# Code: fast/kernels.py: np.add(scratch, grad, scratch)
# Code: fast/kernels.py: np.multiply(scratch, eta, scratch)
# Text: spec/kernels.md: u (3 \eta|g| + 5 \eta d|\theta|)(1 + 8u)
@rnd = float<ieee_32, ne>;
theta = rnd(a); g = rnd(b); step = rnd(eta); decay = rnd(d);
q rnd= step * (g + decay * theta);
{ theta in [1,2] /\ |g| <= 1 /\ eta in [1b-4,1b-3] /\ d in [1b-4,1b-3]
  -> |q - eta * (g + d * theta)| <= 2.2e-8 }
q - eta * (g + d * theta) -> (q - step * (g + decay * theta)) + step * theta * (decay - d)
  + (step - eta) * (g + d * theta);
