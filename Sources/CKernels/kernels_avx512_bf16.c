// The kernels for AVX-512 with VNNI and BF16 (Cooper Lake, Sapphire Rapids, Zen 4 and later).
#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16"))), apply_to = function)
#define CK_AVX512 1
#define CK_AVX512_BF16 1
#define CK_NAME "avx512_bf16"
#define CK_TABLE ck_kernels_avx512_bf16
#define TILE_ROWS 8
#define QUERY_TILE 6
#define BLOCK_TILE 3  // 18 sums at once: 4 % quicker than 12
#define MATMUL_ROWS 8
#define MATMUL_VECTORS 3
#define DIMENSION_TILE 4
#include "implementation.inc.h"
#pragma clang attribute pop
#else
typedef int ck_no_avx512_bf16;
#endif
