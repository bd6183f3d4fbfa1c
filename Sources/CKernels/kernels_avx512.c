// The kernels for AVX-512 with VNNI (Ice Lake and later).
#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"))), apply_to = function)
#define CK_AVX512 1
#define CK_NAME "avx512"
#define CK_TABLE ck_kernels_avx512
#define TILE_ROWS 8
#define QUERY_TILE 6
#define BLOCK_TILE 2
#define MATMUL_ROWS 8
#define MATMUL_VECTORS 3
#define DIMENSION_TILE 4
#include "implementation.inc.h"
#pragma clang attribute pop
#else
typedef int ck_no_avx512;
#endif
