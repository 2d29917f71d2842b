/* stats_test.h - what the tests of harness/stats share: vectors are checked to the digits given. */
#ifndef STATS_TEST_H
#define STATS_TEST_H
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>

/* |got - want| <= eps, with the numbers in the message. */
#define near(got, want, eps)                                                                  \
    do {                                                                                      \
        double got_ = (got), want_ = (want), eps_ = (eps);                                    \
        if (!(fabs(got_ - want_) <= eps_)) {                                                  \
            print_error("%s:%d: %s is %.15g, expected %.15g within %g\n", __FILE__, __LINE__, \
                        #got, got_, want_, eps_);                                             \
            fail();                                                                           \
        }                                                                                     \
    } while (0)
#define near_rel(got, want, eps) near(got, want, fabs(want) * (eps))

#define N_OF(v) (sizeof(v) / sizeof *(v))

/* The latency samples of the reference vectors. */
static const double sample_x[] = {102.1, 99.8,  101.5, 103.0, 100.2,
                                  98.9,  104.4, 101.1, 100.9, 102.7};
static const double sample_y[] = {105.3, 103.9, 106.8, 104.1, 107.7,
                                  102.9, 108.2, 105.0, 104.6, 106.1};
#endif
