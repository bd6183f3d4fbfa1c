// The kernels for 64-bit ARM with dot and matrix products of bytes (i8mm: Neoverse V1 and N2, Apple M2 and later).
#if defined(__aarch64__)
#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)
#define CK_NEON 1
#define CK_I8MM 1
#define CK_NAME "neon_i8mm"
#define CK_TABLE ck_kernels_neon_i8mm
#include "neon_tiles.h"
#include "implementation.inc.h"
#pragma clang attribute pop
#else
typedef int ck_no_neon_i8mm;
#endif
