/* attend_ref.c - attend.h for the baseline of the architecture (SSE2, NEON): attend_body.h with
 * vectors of 4 floats. */
#define LANES      4
#define TABLE      attend_ref
#define TABLE_NAME "ref"
#include "backends/native/attend_body.h"
