/* version.h - the version, said once. */
#ifndef VERSION_H
#define VERSION_H
#define ASSAY_VERSION "0.1.0"
#endif
