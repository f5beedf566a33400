// SPDX-License-Identifier: MIT
//
// Address spaces: random steps against the model, and the cases that deserve a
// test by name.

#include "host/model.h"

// ---- Against the model ----

// Each step runs on a hart drawn at random, which switches to the space first;
// harts keep what they remember of spaces they ran before.
static void
random_steps(void)
{
  model_start();
  for(u64 n = 0; n < host_rounds(20000); n++){
    on_hart((u32)below(nharts));
    struct model_space *s = model_space();
    run_space(s->space);
    model_step(s);
    if(n % 32 == 0)
      expect_no_lies();
  }
  model_end();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(random_steps, .harts = 1),
    TEST(random_steps, .harts = 4),
    TEST(random_steps, .harts = 4, .asid_bits = 2),
    TEST(random_steps, .harts = 3, .asid_bits = NO_ASIDS),
  };
  return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
