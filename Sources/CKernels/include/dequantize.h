// The file formats' blocks of quantised weights, back to f32.
//
// Each function reads `count` consecutive blocks (elements for the 16-bit types) and writes every element of them in the
// order of the row. `out` is aligned for float, the blocks need no alignment; they do not overlap.
//
// Exact: a product of a scale (f16, with K types times a 6- or 8-bit integer) and a quant has at most 24 significant bits,
// so it is not rounded, and the one sum that a type with a minimum has is rounded once. The bits are the same on every CPU,
// with and without fused multiply-add, and equal those of ggml's scalar code.
//
//   type    block                                                          w of element k of the block
//   q4_0    32: f16 d; nibbles                                             d (q_k - 8)
//   q4_1    32: f16 d, m; nibbles                                          d q_k + m
//   q5_0    32: f16 d; 32 fifth bits; nibbles                              d (q_k - 16)
//   q5_1    32: f16 d, m; 32 fifth bits; nibbles                           d q_k + m
//   q8_0    32: f16 d; 32 int8                                             d q_k
//   q2_K    256: 16 bytes of 4 bits s and 4 bits t; 2 bits q; f16 d, m     d s q_k - m t      (s, t of every 16)
//   q3_K    256: third bits; 2 bits; 16 scales s of 6 bits; f16 d          d (s - 32) (q_k - 4)        (s of every 16)
//   q4_K    256: f16 d, m; 8 scales s and minimums t of 6 bits; nibbles    d s q_k - m t      (s, t of every 32)
//   q5_K    256: as q4_K, and 256 fifth bits before the nibbles            d s q_k - m t
//   q6_K    256: low nibbles; upper 2 bits; 16 int8 scales s; f16 d        d s (q_k - 32)     (s of every 16)
//   iq4_nl  32: f16 d; nibbles                                             d v[q_k], v a table of 16 integers
//   iq4_xs  256: f16 d; upper 2, then lower 4 bits of 8 scales s; nibbles  d (s - 32) v[q_k]           (s of every 32)
//   mxfp4   32: u8 e; nibbles                                              2^(e - 128) v[q_k], v a table of 16 integers
#pragma once
#include <stddef.h>

void ck_dequantize_f16(const void *elements, size_t count, float *out);
void ck_dequantize_bf16(const void *elements, size_t count, float *out);
// Rounded to nearest even.
void ck_dequantize_f64(const void *elements, size_t count, float *out);
void ck_dequantize_q4_0(const void *blocks, size_t count, float *out);
void ck_dequantize_q4_1(const void *blocks, size_t count, float *out);
void ck_dequantize_q5_0(const void *blocks, size_t count, float *out);
void ck_dequantize_q5_1(const void *blocks, size_t count, float *out);
void ck_dequantize_q8_0(const void *blocks, size_t count, float *out);
void ck_dequantize_q2_K(const void *blocks, size_t count, float *out);
void ck_dequantize_q3_K(const void *blocks, size_t count, float *out);
void ck_dequantize_q4_K(const void *blocks, size_t count, float *out);
void ck_dequantize_q5_K(const void *blocks, size_t count, float *out);
void ck_dequantize_q6_K(const void *blocks, size_t count, float *out);
void ck_dequantize_iq4_nl(const void *blocks, size_t count, float *out);
void ck_dequantize_iq4_xs(const void *blocks, size_t count, float *out);
void ck_dequantize_mxfp4(const void *blocks, size_t count, float *out);
// Nibbles of 32 numbers from pairs of neighbours (2 i, 2 i + 1) to pairs (i, i + 16), the first one low: 16 bytes each.
void ck_reorder_mxfp4(const void *neighbours, void *halves);
