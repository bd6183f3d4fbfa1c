// Loading an adapter: find elements that cannot be served, and convert its file's matrices to the layout of low_rank.h.
//
// `type` is CK_SOURCE_F32, CK_SOURCE_F16 or CK_SOURCE_BF16; x is row-major and x_i or x[r, c] an element as f32, which is exact.
// `elements` needs no alignment; `out` is aligned for its element. Nothing overlaps. Any size, zero included. Each call runs on one
// thread.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "low_rank.h"
#include "packed.h"

// The lowest i with bits(|x_i|) >= limit, `count` when there is none; NaN is above infinity (0x7f800000).
size_t ck_first_beyond(ck_source_type type, const void *elements, size_t count, uint32_t limit);

// flags[r] = 1 when x[r, c] != 0 for some c, else 0
void ck_nonzero_rows(ck_source_type type, const void *elements, size_t rows, size_t columns, uint8_t *flags);
// flags[c] = 1 when x[r, c] != 0 for some r, else 0
void ck_nonzero_columns(ck_source_type type, const void *elements, size_t rows, size_t columns, uint8_t *flags);

// out[i] = round(x_i): to f32 exactly; to bf16 to nearest, ties to even; NaN stays NaN.
void ck_low_rank_copy(ck_source_type type, const void *elements, size_t count, ck_low_rank_element element, void *out);
// out[c * rows + r] = round(x[r, c])
void ck_low_rank_transpose(
    ck_source_type type, const void *elements, size_t rows, size_t columns, ck_low_rank_element element, void *out);
