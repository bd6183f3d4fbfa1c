// f32 to the element types of files.
//
// The bits are those of ggml's reference code (`quantize_row_q8_0_ref` and its like) without fused multiply-add, on every CPU; formats:
// see dequantize.h. `count` is of elements, a multiple of the block's 32 or 256 for quantised types. Neither pointer needs an alignment; they do
// not overlap. Products are rounded before sums, `trunc` is towards zero, `round` to the nearest and from halves away from zero.
//
//   type   block's numbers                                  quant of x
//   f16    rounded to nearest even; NaN becomes the quiet NaN of its sign
//   bf16   rounded to nearest even; NaN stays, made quiet
//   q4_0   d = m / -8, m the first x of largest |x|          min(15, trunc(x (1/d) + 8.5))
//   q4_1   m = min x, d = (max x - m) / 15                   min(15, trunc((x - m) (1/d) + 0.5))
//   q5_0   d = m / -16                                       min(31, trunc(x (1/d) + 16.5))
//   q5_1   m = min x, d = (max x - m) / 31                   trunc((x - m) (1/d) + 0.5)
//   q8_0   d = max |x| / 127                                 round(x (1/d))
//   q4_K, q5_K, q6_K: scales of sub-blocks by ggml's search for the least weighted error; see encode_super.inc.h
//
// 1/d is zero where d is zero, and where 1/d is no finite number; there ggml converts infinity to an integer, which C leaves open. A block
// with an x that is infinite or NaN gets NaN for d, and quants of zero.
#pragma once
#include <stddef.h>

// What the type could not hold. Kernels add to it.
typedef struct ck_encoding_loss {
    // Finite elements that became infinite; for quantised types blocks whose d or m did.
    size_t overflows;
    // Elements that are infinite or NaN already.
    size_t not_finite;
} ck_encoding_loss;

typedef void ck_encode(const float *x, size_t count, void *out, ck_encoding_loss *loss);

typedef struct ck_encode_kernels {
    // A copy.
    ck_encode *f32;
    ck_encode *f16, *bf16, *q4_0, *q4_1, *q5_0, *q5_1, *q8_0, *q4_K, *q5_K, *q6_K;
} ck_encode_kernels;
