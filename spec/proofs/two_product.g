# Lemma two_product: after split_low and split_grid, the products and sums of TwoProduct lose nothing.
# Box: significands in halves. Scaling: by powers of two, while nothing over- or underflows.
# Code: fast/double_double.py: return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
@rnd = float<53, -2000, ne>;
@coarse = fixed<-25, ne>; @fine = fixed<-52, ne>;
ah = coarse(A); al = fine(B); bh = coarse(C); bl = fine(D);
ab = (ah + al) * (bh + bl); P = rnd(ab);
hh = ah * bh; hl = ah * bl; lh = al * bh; ll = al * bl;
e1 = hh - P; e2 = e1 + hl; e3 = e2 + lh; e4 = e3 + ll;
{ ah in [1,2] /\ bh in [1,2] /\ |al| <= 1b-26 /\ |bl| <= 1b-26 /\ ah + al in [1,2] /\ bh + bl in [1,2] ->
  rnd(hh) - hh in [0,0] /\ rnd(hl) - hl in [0,0] /\ rnd(lh) - lh in [0,0] /\ rnd(ll) - ll in [0,0]
  /\ rnd(e1) - e1 in [0,0] /\ rnd(e2) - e2 in [0,0] /\ rnd(e3) - e3 in [0,0] /\ rnd(e4) - e4 in [0,0] }
e1 -> (ab - P) - al * (bh + bl) - ah * bl;
e2 -> (ab - P) - al * (bh + bl);
e3 -> (ab - P) - al * bl;
e4 -> ab - P;
