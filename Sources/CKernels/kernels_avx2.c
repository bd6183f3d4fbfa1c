// The kernels for AVX2 with FMA and F16C (Haswell, Zen and later).
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_AVX2 1
#define CK_NAME "avx2"
#define CK_TABLE ck_kernels_avx2
#define TILE_ROWS 2
#define QUERY_TILE 2
#define BLOCK_TILE 2
#define MATMUL_ROWS 4
#define MATMUL_VECTORS 1
#define DIMENSION_TILE 2
#include "implementation.inc.h"
#pragma clang attribute pop
#else
typedef int ck_no_avx2;
#endif
