// The kernels for 64-bit ARM with dot products (ARMv8.2, Apple M1 and later).
#if defined(__aarch64__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define CK_NEON 1
#define CK_NAME "neon"
#define CK_TABLE ck_kernels_neon
#define TILE_ROWS 2
#define QUERY_TILE 2
#define BLOCK_TILE 1
#define MATMUL_ROWS 4
#define MATMUL_VECTORS 1
#define DIMENSION_TILE 2
#include "implementation.inc.h"
#pragma clang attribute pop
#else
typedef int ck_no_neon;
#endif
