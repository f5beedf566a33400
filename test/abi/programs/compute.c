// SPDX-License-Identifier: MIT
//
// Floating point, non-local jumps, strings, the "C" locale: what a library does
// without the kernel, as long as that keeps all registers.

#include <ctype.h>
#include <fenv.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
series(int seed)
{
  double x = seed, sum = 0;
  for(int i = 1; i < 40000; i++){
    x = sin(x) * 1.7 + cos(i) / i;
    sum += sqrt(fabs(x)) + pow(1.0001, i % 100);
  }
  return sum;
}

// Children that compute at the same time, on few harts: each keeps its registers.
static void
together(void)
{
  enum { N = 6 };
  fflush(stdout);
  for(int i = 0; i < N; i++)
    if(fork() == 0){
      double first = series(i), again = series(i);
      exit(first == again ? 0 : 1);
    }
  int status, wrong = 0;
  while(wait(&status) > 0)
    wrong += status != 0;
  printf("together: %d wrong\n", wrong);
}

static void
across_fork(void)
{
  int status;
  fesetround(FE_UPWARD);
  fflush(stdout);
  if(fork() == 0){
    printf("child rounds %s: %.20f\n", fegetround() == FE_UPWARD ? "up" : "otherwise", 1.0 / 3);
    fesetround(FE_DOWNWARD);
    exit(0);
  }
  wait(&status);
  printf("parent: %d %.20f\n", fegetround() == FE_UPWARD, 1.0 / 3);
  fesetround(FE_TONEAREST);
  feclearexcept(FE_ALL_EXCEPT);
  volatile double zero = 0, one = 1;
  printf("%f\n", one / zero);
  printf("flag %d\n", fetestexcept(FE_DIVBYZERO) != 0);
}

static jmp_buf env;

static void
jump(int n)
{
  if(n == 0)
    longjmp(env, 5);
  jump(n - 1);
}

int
main(void)
{
  printf("%.12f %.12f %.12f\n", sin(1), exp(1), log(10));
  printf("%a %a\n", fma(0.1, 10, -1), cbrt(27));
  printf("%.15g\n", series(1));
  across_fork();
  together();
  int r = setjmp(env);
  printf("setjmp %d\n", r);
  if(r == 0)
    jump(10);
  printf("locale %s, %d\n", setlocale(LC_ALL, ""), toupper('q'));
  printf("%ld %lu %g\n", strtol("-123abc", NULL, 10), strtoul("ff", NULL, 16),
         strtod("1e-3x", NULL));
  char text[] = "a,b;c";
  for(char *s = strtok(text, ",;"); s; s = strtok(NULL, ",;"))
    printf("%s ", s);
  srand(1);
  printf("%d %d\n", rand(), rand());
  time_t t = 86400 * 365;
  struct tm *tm = gmtime(&t);
  char date[64];
  strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S %a", tm);
  puts(date);
  return 0;
}
