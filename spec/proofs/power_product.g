# Lemma power_product: y = alpha log x in two floats is within 4 u^2, relative.
# Box: the significands of alpha and log x. Scaling: both are divided by powers of two.
# Code: fast/double_double.py: y_high, y_low = two_product(-alpha, log_high)
# Code: fast/double_double.py: y_low = y_low - alpha * log_low
@rnd = float<53, -2000, ne>;
alpha = rnd(a); log_high = rnd(b); log_low = rnd(c);
product = -alpha * log_high;
y_high = rnd(product); lost = product - y_high; # TwoProduct
m rnd= alpha * log_low;
y_low rnd= lost - m;
y = -alpha * (log_high + log_low);
{ alpha in [1,2] /\ log_high in [1,2] /\ |log_low| <= 1b-53 -> |(y_high + y_low - y) / y| <= 4b-106 }
y_high + y_low - y -> (y_low - (lost - m)) - (m - alpha * log_low);
$ alpha in (1.5), product in (-3, -2, -1.5);
