// The kernels for 64-bit ARM with dot products (ARMv8.2, Apple M1 and later).
#if defined(__aarch64__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define CK_NEON 1
#define CK_NAME "neon"
#define CK_TABLE ck_kernels_neon
#include "neon_tiles.h"
#include "implementation.inc.h"
#pragma clang attribute pop
#else
typedef int ck_no_neon;
#endif
