// Two rows times a slice's outputs by the matrix products of 64-bit ARM (i8mm): one instruction adds the products of two outputs and two
// rows, 8 inputs each, twice as many as a dot product adds. Exact, as those of dot.inc.h are.
//
// pair_lines turns two lines of bytes, which are inputs 8 k … 8 k + 3 and 8 k + 4 … 8 k + 7 of 16 outputs, into 8 vectors: the i-th has
// these 8 inputs of output 2 i, then of output 2 i + 1. It is done once a slice, so its cost is shared by all rows.
#pragma once
#include "dot.inc.h"

#if defined(CK_I8MM)

CK_INLINE void pair_lines(uint8_t *lines) {
    uint32x4_t first[4], second[4];
    for (int i = 0; i < 4; i++) {
        first[i] = vreinterpretq_u32_u8(vld1q_u8(lines + 16 * i));
        second[i] = vreinterpretq_u32_u8(vld1q_u8(lines + 64 + 16 * i));
    }
    for (int i = 0; i < 4; i++) {
        vst1q_u8(lines + 32 * i, vreinterpretq_u8_u32(vzip1q_u32(first[i], second[i])));
        vst1q_u8(lines + 32 * i + 16, vreinterpretq_u8_u32(vzip2q_u32(first[i], second[i])));
    }
}

// The i-th vector: output 2 i of both rows, then output 2 i + 1.
typedef struct pair_sums { int32x4_t of[8]; } pair_sums;

// All lanes of a start are alike.
CK_INLINE pair_sums start_pair(i32x16 first, i32x16 second) {
    const int32_t both[4] = {first[0], second[0], first[0], second[0]};
    pair_sums sums;
    for (int i = 0; i < 8; i++) sums.of[i] = vld1q_s32(both);
    return sums;
}

// Adds w[o] x[r] of 8 inputs: 128 bytes of pair_lines, and 8 bytes of each row.
CK_INLINE pair_sums add_pair(pair_sums sums, const uint8_t *lines, const int8_t *first, const int8_t *second) {
    int8x16_t x = vcombine_s8(vld1_s8(first), vld1_s8(second));
    for (int i = 0; i < 8; i++) sums.of[i] = vusmmlaq_s32(sums.of[i], vld1q_u8(lines + 16 * i), x);
    return sums;
}

CK_INLINE void split_pair(pair_sums sums, i32x16 *first, i32x16 *second) {
    int32_t lanes[2][LANES];
    for (int i = 0; i < 4; i++) {
        vst1q_s32(lanes[0] + 4 * i, vuzp1q_s32(sums.of[2 * i], sums.of[2 * i + 1]));
        vst1q_s32(lanes[1] + 4 * i, vuzp2q_s32(sums.of[2 * i], sums.of[2 * i + 1]));
    }
    memcpy(first, lanes[0], sizeof *first);
    memcpy(second, lanes[1], sizeof *second);
}

// Adds a block of a slice for two rows at a time to the sums of its halves, or all of it to the first. An odd row is multiplied twice.
CK_INLINE void add_opened_products(
    const uint8_t *lines, bool halves, const ck_row_block *const *x, size_t b, int rows, i32x16 (*sum)[TILE_ROWS]
) {
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r += 2) {
        const int other = r + 1 < rows ? r + 1 : r;
        pair_sums sums = start_pair(sum[0][r], sum[0][other]);
#pragma clang loop unroll(full)
        for (int k = 0; k < 4; k++) {
            if (halves && k == 2) {
                split_pair(sums, &sum[0][r], &sum[0][other]);
                sums = start_pair(sum[1][r], sum[1][other]);
            }
            sums = add_pair(sums, lines + 128 * k, x[r][b].q + 8 * k, x[other][b].q + 8 * k);
        }
        split_pair(sums, &sum[halves][r], &sum[halves][other]);
    }
}

#endif
