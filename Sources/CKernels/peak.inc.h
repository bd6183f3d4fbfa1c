// See include/peak.h. Included after packed.inc.h, whose dot products and tile it uses.
#include "include/peak.h"

enum { PEAK_CHAINS = TILE_ROWS == 8 ? 16 : 6 };

static size_t peak_int8(size_t rounds) {
    _Alignas(64) uint8_t weights[512];
    ck_row_block x[TILE_ROWS];
    memset(weights, 1, sizeof weights);
    memset(x, 1, sizeof x);
#if defined(CK_I8MM)
    pair_sums acc = start_pair((i32x16)0, (i32x16)0);
#else
    i32x16 acc[TILE_ROWS];
    for (int r = 0; r < TILE_ROWS; r++) acc[r] = (i32x16)0;
#endif
    for (size_t round = 0; round < rounds; round++) {
        // The compiler must assume that the data changed, so it moves nothing out of the loop.
        __asm__ volatile("" : : "r"(weights), "r"(x) : "memory");
#if defined(CK_I8MM)
        for (int k = 0; k < 4; k++) acc = add_pair(acc, weights + 128 * k, x[0].q + 8 * k, x[1].q + 8 * k);
#else
        weights64 w[8];
        for (int j = 0; j < 8; j++) w[j] = load_bytes(weights + 64 * j);
#pragma clang loop unroll(full)
        for (int r = 0; r < TILE_ROWS; r++)
            for (int j = 0; j < 8; j++) acc[r] = dot4(acc[r], w[j], x[r].q + 4 * j);
#endif
    }
    __asm__ volatile("" : : "r"(&acc) : "memory");
    return rounds * TILE_ROWS * 8 * 64;
}

static size_t peak_f32(size_t rounds) {
    f32x16 acc[PEAK_CHAINS];
    for (int i = 0; i < PEAK_CHAINS; i++) acc[i] = splat((float)i);
    f32x16 half = splat(0.5f), one = splat(1.0f);
    for (size_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < PEAK_CHAINS; i++) acc[i] = fma16(acc[i], half, one);
    }
    __asm__ volatile("" : : "r"(acc) : "memory");
    return rounds * PEAK_CHAINS * LANES;
}
