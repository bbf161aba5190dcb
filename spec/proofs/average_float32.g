# Lemma average_float32: a float64 sum over n, stored in float32, is within u (1 + 2^-28), relative.
# Box: the sum's significand over n's. Scaling: the quotient by a power of two.
# Code: fast/window.py: out[part] = window.high[part] / terms
@double = float<53, -2000, ne>; @single = float<24, -2000, ne>;
sum = double(s); n = double(m);
q double= sum / n;
mean = single(q);
{ sum in [1,2] /\ n in [1,2] -> |mean -/ (sum / n)| <= 0x1.0000001p-24 }
