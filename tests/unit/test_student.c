/* Student's t against scipy's, and what few clusters make of percentiles. */
#include "metrics/student.h"

#include "metrics_support.h"

/* scipy.stats.t.cdf */
static const struct {
  double t;
  int64_t freedom;
  double below;
} known[] = {
    {-20, 1, 0.015902251256176374},        {-3, 1, 0.10241638234956672},
    {-0.3, 1, 0.40722642092225769},        {0, 1, 0.5},
    {1.5, 1, 0.81283295818900125},         {5, 1, 0.93716704181099886},
    {-20, 2, 0.0012453319461835485},       {-3, 2, 0.047732983133354556},
    {-0.3, 2, 0.39624283042008879},        {0, 2, 0.5},
    {1.5, 2, 0.86380343755449962},         {5, 2, 0.98112522432468807},
    {-20, 3, 0.00013660162512365583},      {-3, 3, 0.028834442811218657},
    {-0.3, 3, 0.39188164601995951},        {0, 3, 0.5},
    {1.5, 3, 0.88470806737758856},         {5, 3, 0.99230378096334881},
    {-20, 9, 4.5397606499582748e-09},      {-3, 9, 0.0074781819552071013},
    {-0.3, 9, 0.38549535187076245},        {0, 9, 0.5},
    {1.5, 9, 0.91607467197146264},         {5, 9, 0.99963051604509834},
    {-20, 59, 2.8783015105295329e-28},     {-3, 59, 0.0019752776061141507},
    {-0.3, 59, 0.3826158043389441},        {0, 59, 0.5},
    {1.5, 59, 0.93052653731019785},        {5, 59, 0.99999727575966812},
    {-20, 1000, 2.0311442497624828e-75},   {-3, 1000, 0.0013833545221190939},
    {-0.3, 1000, 0.38211975208362209},     {0, 1000, 0.5},
    {1.5, 1000, 0.93303498058895695},      {5, 1000, 0.99999966163718179},
    {-20, 1001, 1.9800027435949041e-75},   {-3, 1001, 0.0013833208819473187},
    {-0.3, 1001, 0.38211972094467012},     {0, 1001, 0.5},
    {1.5, 1001, 0.93303513821804562},      {5, 1001, 0.99999966169234067},
    {-20, 100000, 4.1117469553272835e-89}, {-3, 100000, 0.0013502304420323597},
    {-0.3, 100000, 0.38208888959516885},   {0, 100000, 0.5},
    {1.5, 100000, 0.9331912202385847},     {5, 100000, 0.99999971286491607},
};

static void chances_and_their_quantiles(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    double below = bf_student_below(known[i].t, known[i].freedom);
    if (!(fabs(below - known[i].below) <= 1e-9 * known[i].below))
      fail_msg("t %g of %d: %.17g instead of %.17g", known[i].t, (int)known[i].freedom, below, known[i].below);
    if (known[i].t <= 0)
      assert_true(fabs(bf_student_quantile(known[i].below, known[i].freedom) - known[i].t) <= 1e-8 * 20);
  }
  assert_near(bf_student_quantile(0.975, 4), -bf_student_quantile(0.025, 4));
  assert_true(bf_student_below(INFINITY, 3) == 1 && bf_student_below(-INFINITY, 3) == 0);
  /* No step where the distribution is taken for normal. */
  assert_true(fabs(bf_student_below(-2, 1000000000) - bf_student_below(-2, 1000000001)) < 1e-9);
}

/* Five clusters leave 0.095 % out at each end (scipy: norm.cdf(t.ppf(0.025, 4) * sqrt(5/4))), many 2.5 %. */
static void tails_of_few_clusters(void **state) {
  (void)state;
  double before = 0;
  assert_true(fabs(bf_expanded_tail(5) - 0.0009541005518) < 1e-12);
  assert_true(fabs(bf_expanded_tail(10000000) - 0.025) < 1e-7);
  for (int64_t n = 2; n <= 2000; n = n * 3 / 2 + 1) {
    double tail = bf_expanded_tail(n);
    assert_true(tail > before && tail < 0.025);
    assert_true(fabs(bf_expanded_p_value(tail, n) - 0.05) < 1e-9);
    assert_true(bf_expanded_p_value(tail * 0.999, n) < 0.05);
    before = tail;
  }
  assert_true(bf_expanded_p_value(0.5, 10) == 1 && bf_expanded_p_value(0.7, 10) == 1);
  assert_true(bf_expanded_p_value(0.01, 5) > bf_expanded_p_value(0.01, 50));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(chances_and_their_quantiles),
                                     cmocka_unit_test(tails_of_few_clusters)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
