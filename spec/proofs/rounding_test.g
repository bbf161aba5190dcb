# Lemma rounding_test: the ends of the interval are off by at most 2^-81.9, relative, before they are rounded.
# Box: the two floats of step_size_scale, and errors up to the largest that is used.
# Code: fast/step_size.py: down = high + (low - error * high)
# Code: fast/step_size.py: up = high + (low + error * high)
# Code: fast/step_size.py: _LARGEST_ERROR = 2.0**-56
@rnd = float<ieee_64, ne>;
high = rnd(a); low = rnd(b); error = rnd(c);
down rnd= low - error * high;
up rnd= low + error * high;
{ high in [0.49,2.01] /\ |low| <= 5b-32 /\ error in [1b-78,1b-56]
  -> |(down - (low - error * high)) / high| <= 2.12e-25 /\ |(up - (low + error * high)) / high| <= 2.12e-25 }
$ high in 16;
