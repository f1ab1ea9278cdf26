// Writes numbers and times in decimal digits, for trace-text.c, which writes thousands of them. Each function
// returns the end of what it has written. It may write up to 23 bytes beyond that.

#ifndef TRACE_NUMBERS_H
#define TRACE_NUMBERS_H

#include <stdint.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define LEAST_OF_EIGHT 100000000
#define ASCII_DIGITS 0x3030303030303030

// The digits of the last number, which the next event often has too, such as a pid.
struct known {
  int64_t number;
  uint32_t length;
  char digits[24];
};

static inline char *put_number(char *at, int64_t number) {
  if (number >= 0 && number < 10) {
    *at = '0' + number;
    return at + 1;
  }
  char digits[20];
  int length = 0;
  uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
  do digits[length++] = '0' + rest % 10; while ((rest /= 10) != 0);
  if (number < 0) *at++ = '-';
  while (length > 0) *at++ = digits[--length];
  return at;
}

static inline char *put_known(char *at, struct known *known, int64_t number) {
  if (known->length == 0 || known->number != number) {
    known->number = number;
    known->length = put_number(known->digits, number) - known->digits;
  }
  memcpy(at, known->digits, sizeof known->digits);
  return at + known->length;
}

// Eight digits of a number below 100,000,000, all at once: it is halved until each byte has one digit. The
// first digit is in the lowest byte.
static inline uint64_t eight_digits(uint32_t number) {
  uint64_t fours = number / 10000 | (uint64_t)(number % 10000) << 32;
  uint64_t hundreds = fours * 10486 >> 20 & 0x0000007f0000007f;
  uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
  uint64_t tens = twos * 103 >> 10 & 0x000f000f000f000f;
  return tens | (twos - tens * 10) << 8;
}

static inline char *put_eight(char *at, uint64_t digits) {
  digits |= ASCII_DIGITS;
  memcpy(at, &digits, 8);
  return at + 8;
}

static inline char *put_nine(char *at, uint32_t number) {
  *at = '0' + number / LEAST_OF_EIGHT;
  return put_eight(at + 1, eight_digits(number % LEAST_OF_EIGHT));
}

// Moves the last three digits behind a point. memmove(3) would be called.
static inline char *put_point(char *end) {
  char last[3];
  memcpy(last, end - 3, 3);
  memcpy(end - 2, last, 3);
  end[-3] = '.';
  return end + 1;
}

// Microseconds with three decimals; not of a negative number.
static inline char *put_duration(char *at, int64_t nanoseconds) {
  if (nanoseconds >= LEAST_OF_EIGHT) return put_point(put_number(at, nanoseconds));
  uint64_t digits = eight_digits(nanoseconds);
  // At least one digit is left before the point.
  int zeros = __builtin_ctzll(digits | UINT64_C(1) << 32) / 8;
  put_eight(at, digits >> zeros * 8);
  return put_point(at + 8 - zeros);
}

// Microseconds with three decimals, for a time. The seconds are kept: they are nearly always the same.
static inline char *put_time(char *at, int64_t nanoseconds, struct known *seconds) {
  if (nanoseconds < SECOND) return put_duration(at, nanoseconds);
  at = put_known(at, seconds, nanoseconds / SECOND);
  return put_point(put_nine(at, nanoseconds % SECOND));
}

static inline char *put_nanoseconds(char *at, int64_t nanoseconds, struct known *seconds) {
  if (nanoseconds < SECOND) return put_number(at, nanoseconds);
  at = put_known(at, seconds, nanoseconds / SECOND);
  return put_nine(at, nanoseconds % SECOND);
}

static inline char *put_hex(char *at, uint32_t number) {
  for (int shift = 28; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[number >> shift & 15];
  return at;
}

// The last `digits` of a number, and a sign behind them.
static inline char *put_end(char *at, uint32_t number, int digits, char sign) {
  char eight[8];
  put_eight(eight, eight_digits(number));
  memcpy(at, eight + 8 - digits, digits);
  at[digits] = sign;
  return at + digits + 1;
}

// A time of day in UTC, with milliseconds: RFC 3339.
static inline char *put_date(char *at, int64_t nanoseconds) {
  time_t seconds = nanoseconds / SECOND;
  struct tm date;
  gmtime_r(&seconds, &date);
  at = put_end(at, date.tm_year + 1900, 4, '-');
  at = put_end(at, date.tm_mon + 1, 2, '-');
  at = put_end(at, date.tm_mday, 2, 'T');
  at = put_end(at, date.tm_hour, 2, ':');
  at = put_end(at, date.tm_min, 2, ':');
  at = put_end(at, date.tm_sec, 2, '.');
  return put_end(at, nanoseconds % SECOND / 1000000, 3, 'Z');
}

#endif
