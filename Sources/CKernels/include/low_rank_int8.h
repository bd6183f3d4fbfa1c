// The two products of a low-rank adapter whose weights and activations are int8; sums of 32 products are exact.
//
// A matrix [outputs, inputs] is cut into panels of `lanes` outputs: 16, or 8 or 4 where the rank is at most that, so that a small
// rank takes no memory for 16. A vector of 64 bytes has 64 / lanes inputs of each output of its panel: with g = 16 / lanes,
// byte 4 (g o + i mod g) + t of vector i / g is q(o, 4 i + t) + 128, for groups i of four inputs. All panels' vectors come
// first; then their scales d(o), bf16, `lanes` for each 32 inputs of each panel; w = d q. Past the last output and input q is
// zero, and vectors end with the last input. Rounding: d = max|w| / 127 of 32 inputs, rounded up; w to the nearest d q.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "packed.h"

typedef struct ck_int8_matrix {
    const uint8_t *data;  // 64-byte aligned
    size_t outputs, inputs;
    size_t lanes;
    const float *factors;  // [outputs], or null: each output is multiplied by its own
} ck_int8_matrix;

static inline size_t ck_int8_panels(const ck_int8_matrix *m) { return (m->outputs + m->lanes - 1) / m->lanes; }
static inline size_t ck_int8_blocks(const ck_int8_matrix *m) { return (m->inputs + 31) / 32; }
// Vectors of a panel.
static inline size_t ck_int8_vectors(const ck_int8_matrix *m) {
    size_t inputs = 64 / m->lanes;
    return (m->inputs + inputs - 1) / inputs;
}
static inline size_t ck_int8_scales_offset(const ck_int8_matrix *m) { return ck_int8_panels(m) * ck_int8_vectors(m) * 64; }
static inline size_t ck_int8_bytes(const ck_int8_matrix *m) {
    return ck_int8_scales_offset(m) + ck_int8_panels(m) * ck_int8_blocks(m) * m->lanes * 2;
}

typedef struct ck_int8_kernels {
    // Fills `data` (ck_int8_bytes) from a row-major [outputs, inputs] of f32, f16 or bf16; elements are finite.
    void (*pack)(const ck_int8_matrix *m, ck_source_type type, const void *elements, uint8_t *data);
    // h = scale * factors * (A x) for each row, quantised in blocks of 32 ranks. Row i of x is the x_rows[i]-th, or the i-th without
    // indices, and lies x_stride blocks after the one before; h the same. No row of h twice.
    // A sum over blocks in order: fma(dot(q_a, q_x), d_a d_x, …) from 0 on; then it is multiplied by scale * factor. `next`: the data
    // of the matrix that is multiplied next, or null; memory is asked for the part that has this matrix's place in it.
    void (*shrink)(
        const ck_row_block *x, size_t x_stride, const int32_t *x_rows, size_t rows, const ck_int8_matrix *a, const uint8_t *next,
        float scale, ck_row_block *h, size_t h_stride, const int32_t *h_rows);
    // y(i)[o] = fma(dot(q_b, q_h), d_b f_b d_h, …) over blocks of h in order, from y's value on, for o in begin..<end, with f the
    // factor of o; begin is a multiple of 16; end, too, or it is `outputs`. B has 16 lanes. Rows and their indices as above; no row
    // of y twice.
    void (*expand)(
        const ck_row_block *h, size_t h_stride, const int32_t *h_rows, size_t rows, const ck_int8_matrix *b, const uint8_t *next,
        size_t begin, size_t end, float *y, size_t y_stride, const int32_t *y_rows);
} ck_int8_kernels;
