// Weight matrices repacked for int8 dot products, and the activations that they are multiplied with.
//
// A panel is 16 consecutive outputs, interleaved: lane l of every vector belongs to output l of the panel, so a dot product
// needs no horizontal sum. Along the inputs a panel is cut into blocks of 32. In a block, q(l, k) is the stored number of
// output l and input k, and w = d(l) q(l, k) + m(l) the weight.
//
// A form keeps the bits of a type of the files, so that packed weights are as large as the file's; f32, f16 and bf16 are rounded to q8_0.
// packed_form.h tells how they lie. Bytes of 32 inputs of a panel:
//
//   q2_K 168, q3_K 228, q4_0 288, iq4_nl 288, mxfp4 288, iq4_xs 272, q4_K 288, q4_1 320, q5_0 352, q5_K 352, q5_1 384, q6_K 420, q8_0 544
//
// A panel is whole lines of 64 bytes, in the order in which products read them, and starts on one. Outputs past the last one are zero, and
// so are inputs past the last one.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "fetch.h"

typedef enum ck_packed_form {
    CK_PACKED_Q4_0, CK_PACKED_Q4_1, CK_PACKED_Q5_0, CK_PACKED_Q5_1, CK_PACKED_Q8_0, CK_PACKED_Q2_K, CK_PACKED_Q3_K, CK_PACKED_Q4_K,
    CK_PACKED_Q5_K, CK_PACKED_Q6_K, CK_PACKED_IQ4_NL, CK_PACKED_IQ4_XS, CK_PACKED_MXFP4,
} ck_packed_form;

// Element types of the files.
typedef enum ck_source_type {
    CK_SOURCE_F32, CK_SOURCE_F16, CK_SOURCE_BF16, CK_SOURCE_Q4_0, CK_SOURCE_Q4_1, CK_SOURCE_Q5_0, CK_SOURCE_Q5_1, CK_SOURCE_Q8_0,
    CK_SOURCE_Q2_K, CK_SOURCE_Q3_K, CK_SOURCE_Q4_K, CK_SOURCE_Q5_K, CK_SOURCE_Q6_K, CK_SOURCE_IQ4_NL, CK_SOURCE_IQ4_XS, CK_SOURCE_MXFP4,
} ck_source_type;

typedef struct ck_packed {
    const uint8_t *data;   // 64-byte aligned, panels one after the other
    size_t outputs;        // without padding
    size_t blocks;         // of 32 inputs
    size_t panel_bytes;
    ck_packed_form form;
} ck_packed;

// 32 activations: x[k] = d q[k]. 16-byte aligned where vectors of them are allocated.
typedef struct ck_row_block {
    int8_t q[32];       // -127…127
    float scale;        // d = max|x| / 127; NaN when an x is not finite
    float scaled_sum;   // d * (sum of q)
    int32_t bias;       // -128 * (sum of q)
    int32_t first_bias; // -32 * (sum of the first 16 of q)
} ck_row_block;

typedef struct ck_packed_kernels {
    // blocks[b].q[k] = round_to_even(x[32 b + k] / d), zero past `columns`; `block_count` blocks are written. No alignment of x.
    void (*quantize)(const float *x, size_t columns, size_t block_count, ck_row_block *blocks);
    // The same of y = x / sqrt(mean(x²) + epsilon) * weight, with the bits of rms_norm. y is stored, too, unless it is null.
    void (*norm_quantize)(
        const float *x, const float *weight, float epsilon, size_t columns, size_t block_count, ck_row_block *blocks, float *y);
    // y[i * stride + o] = sum over blocks b in order, for o in begin..<end, where x_i is row indices[i], or first + i without indices:
    //   y = fma(float(isum), d d_x, y), then, where the form has minimums, y = fma(m, d_x sum(q_x), y)
    // isum is the dot product of q and q_x, an integer and exact; d and m are products in f32. q2_K, q3_K and q6_K have d (and m) for each 16
    // inputs:
    //   y = fma(float(isum_h), d_h d_x, y) for both halves h in order, then y = fma(float(-32 sum_h(q_x)), (m_h / -32) d_x, y) for both
    // This order is that of every row count and of every implementation. `row_blocks` blocks lie between rows. begin is a multiple of
    // 16; end, too, or it is `outputs`. y does not overlap anything that is read. `fetch`: memory that is read next, or null.
    void (*multiply)(
        const ck_packed *weights, const ck_row_block *x, size_t row_blocks, const int32_t *indices, size_t first,
        size_t rows, size_t begin, size_t end, float *y, size_t stride, const ck_fetch *fetch);
} ck_packed_kernels;

ck_packed_form ck_packed_form_of(ck_source_type type);
size_t ck_packed_panel_bytes(ck_packed_form form, size_t blocks);

typedef enum ck_pack_result { CK_PACK_DONE = 0, CK_PACK_NOT_FINITE = 1 } ck_pack_result;

// Packs panels begin..<end of a row-major matrix. Packed row i is source row row_order[i] (i without an order); rows lie
// `row_bytes` apart, no alignment. `destination` is the first byte of panel 0. f32, f16 and bf16 are rounded to 8 bits: d = f16(max|w| / 127)
// a block of 32, w to the nearest d q; of the other types nothing is rounded, but that mxfp4's scales below 2^-24 become 0.
// CK_PACK_NOT_FINITE: a scale, minimum or element is infinite, NaN or too large for f16 scales.
ck_pack_result ck_pack(
    ck_source_type type, const uint8_t *source, size_t row_bytes, const int64_t *row_order, size_t outputs, size_t inputs,
    size_t begin, size_t end, uint8_t *destination);

// y[k] = w(output, k) for k in 0..<inputs
void ck_unpack_row(const ck_packed *weights, size_t output, size_t inputs, float *y);
