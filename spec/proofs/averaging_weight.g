# Lemma averaging_weight: float32's 1 / (t - t0) is within u for integers up to 2^24, else 2u / (1 - 2u).
# Box: t - t0 >= 1; t0 is an integer in the first and second goals, any float32 number in the third.
# Code: reference/tolerance.py: counted = t0 + 1 / mu <= 2.0**work.digits
# Code: reference/tolerance.py: subtract = 0.0 if counted and t0.is_integer() else work.u
# Text: spec/tolerance.md: The subtraction is exact for an integer
@rnd = float<24, -2000, ne>;
t = fixed<0, ne>(a); start = fixed<0, ne>(b); between = rnd(c);
n = rnd(t - start); mu = rnd(1 / n);
m = rnd(t - between); weight = rnd(1 / m);
{ t in [1,16777216] /\ start in [0,16777216] /\ t - start in [1,16777216] /\ t - between in [1,16777216]
  -> n - (t - start) in [0,0] /\ |mu -/ (1 / (t - start))| <= 1b-24
  /\ |weight -/ (1 / (t - between))| <= 1.19209303e-7 }
