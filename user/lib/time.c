// SPDX-License-Identifier: MIT
//
// Time since boot; calendar time, UTC, of the Gregorian calendar.

#include "user/ulib.h"
#include "user/user.h"

enum { DAY = 86400, DAYS_400_YEARS = 146097, DAYS_TO_1970 = 719468 };

uint64
now_ns(void)
{
  struct timespec t;

  sys_clock(CLOCK_MONOTONIC, &t);
  return t.sec * 1000000000UL + t.nsec;
}

// Years are counted from the first of March, so that a leap day is the last.
struct calendar
calendar_of(long seconds)
{
  long day = seconds / DAY, second = seconds % DAY;
  if(second < 0){
    second += DAY;
    day--;
  }
  long weekday = ((day + 4) % 7 + 7) % 7;

  day += DAYS_TO_1970;
  long era = (day >= 0 ? day : day - (DAYS_400_YEARS - 1)) / DAYS_400_YEARS;
  long in_era = day - era * DAYS_400_YEARS;
  long year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  long in_year = in_era - (365 * year + year / 4 - year / 100);
  long month = (5 * in_year + 2) / 153;          // 0: March

  return (struct calendar){
    .year = year + era * 400 + (month >= 10),
    .month = month < 10 ? month + 3 : month - 9,
    .day = in_year - (153 * month + 2) / 5 + 1,
    .hour = second / 3600, .minute = second / 60 % 60, .second = second % 60,
    .weekday = weekday,
  };
}

void
format_time(long seconds, char buf[20])
{
  struct calendar c = calendar_of(seconds);
  struct text t = { 0 };

  text_format(&t, "%04d-%02d-%02d %02d:%02d", c.year, c.month, c.day, c.hour, c.minute);
  size_t n = t.n < 19 ? t.n : 19;
  memcpy(buf, t.s, n);
  buf[n] = 0;
  text_free(&t);
}
