/* attend_avx512.c - attend.h for AVX-512: attend_body.h with vectors of 16 floats. */
#if defined(__x86_64__)
#define LANES      16
#define TABLE      attend_avx512
#define TABLE_NAME "avx512"
#include "backends/native/attend_body.h"
#else
enum { ATTEND_AVX512_ABSENT };
#endif
