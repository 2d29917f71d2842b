/* attend_avx2.c - attend.h for AVX2: attend_body.h with vectors of 8 floats. */
#if defined(__x86_64__)
#define LANES      8
#define TABLE      attend_avx2
#define TABLE_NAME "avx2"
#include "backends/native/attend_body.h"
#else
enum { ATTEND_AVX2_ABSENT };
#endif
