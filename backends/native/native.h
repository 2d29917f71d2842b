/* native.h - the built-in engine as a backend: GGUF models of architecture "llama" on the CPU.
 *
 * It is linked into the program and answers to the same struct as a plugin. */
#ifndef NATIVE_H
#define NATIVE_H
#include "backends/backend.h"

const struct assay_backend *native_backend(void);
#endif
