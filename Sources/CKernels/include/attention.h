// Attention over keys and values in blocks of 16 positions.
//
// A block of one layer is K [kv_heads][head_dimension][16] and then V [kv_heads][16][head_dimension], elements f16, f32 or
// int8. K is transposed, so a vector lane is a position. int8 elements are followed by the f32 scales of K [kv_heads][16] and of V
// [kv_heads][16], one for each position and head. bf16 elements lie in pairs, which one instruction multiplies: K
// [kv_heads][(head_dimension + 1) / 2][16][2], where the last pair of an odd dimension ends with zero, and V
// [kv_heads][8][head_dimension][2].
// `ck_attention_kernels` documents the order of operations, which depends on the row alone.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { CK_BLOCK_POSITIONS = 16 };
typedef enum ck_kv_element { CK_KV_F16 = 0, CK_KV_F32 = 1, CK_KV_INT8 = 2, CK_KV_BF16 = 3 } ck_kv_element;

typedef struct ck_attention {
    const float *queries;      // row r, head h at r * query_stride + h * head_dimension
    size_t query_stride;
    size_t rows;
    size_t position;           // of row 0
    size_t heads, kv_heads, head_dimension;   // heads is a multiple of kv_heads; head h reads KV head h / (heads / kv_heads)
    size_t head_begin, head_end;
    float scale;
    const float *sinks;        // a score for each head that joins its sum of exponentials, with no value; null: none
    float soft_cap;            // scores s become soft_cap * tanh(s / soft_cap); 0: they do not
    size_t window;             // a row at position p sees positions max(0, p - window + 1)…p; 0: all up to p
    ck_kv_element element;
    const void *blocks;        // block b at b * block_bytes
    size_t block_bytes;        // a multiple of 4
    const int32_t *table;      // position p lies in block table[p / 16], slot p % 16
    const int32_t *next_table; // of the sequence that is read next, up to next_positions, or null: a hint
    size_t next_positions;
    float *scratch;            // ck_attention_scratch(position + rows, head_dimension) floats
    float *output;             // row r, head h at r * output_stride + h * head_dimension
    size_t output_stride;
} ck_attention;

typedef struct ck_bidirectional_attention {
    const float *queries, *keys, *values;   // token t, head h at t * stride + h * head_dimension
    size_t stride, tokens, head_dimension, head_begin, head_end;
    float scale;
    float *scratch;                         // ck_bidirectional_attention_scratch(tokens, head_dimension) floats
    float *output;
    size_t output_stride;
} ck_bidirectional_attention;

typedef struct ck_attention_kernels {
    // Stores the heads head_begin..<head_end of a position into slot `slot` of `block`; x is [kv_heads * head_dimension]. f16 is
    // rounded to nearest even. int8 is round_to_even(x / d), d = max|x| / 127 of the head; d is NaN when an x is not finite. bf16 is
    // rounded to nearest even, and zero below 2^-55. Other slots and heads are neither written nor read.
    void (*store_keys)(
        const float *keys, size_t kv_heads, size_t head_dimension, size_t head_begin, size_t head_end, size_t slot, void *block,
        ck_kv_element element);
    void (*store_values)(
        const float *values, size_t kv_heads, size_t head_dimension, size_t head_begin, size_t head_end, size_t slot, void *block,
        ck_kv_element element);
    // output(r, h) = sum over p of e(p) V[p] / sum over p of e(p), e(p) = exp(s(p) - max s), s(p) = (q · K[p]) * scale, after the soft cap.
    // A sink joins the maximum, and the sum of e after the positions.
    // Sums over dimensions and positions are chains of fma in rising order (that of e: 16 lanes by p % 16, then a fixed tree),
    // so a row's bits do not depend on the other rows, the heads, or how a prompt was cut. Scales of int8 keys and values are
    // applied once a position: s(p) = (q · K[p]) * (scale d_K[p]), and e(p) is multiplied by d_V[p]. With bf16 keys and values q and
    // e(p) are rounded to bf16, too, and the chains take pairs of dimensions or positions (2 i, 2 i + 1), the second one first.
    // Memory of positions that a row does not see is ignored. Pointers are aligned to the element, for bf16 to pairs; nothing overlaps.
    void (*causal)(const ck_attention *attention);
    // The same for tokens that all see each other; keys and values are the projections' outputs.
    void (*bidirectional)(const ck_bidirectional_attention *attention);
    // x[i] = cap * tanh(x[i] / cap), cap > 0
    void (*soft_cap)(float *x, float cap, size_t count);
} ck_attention_kernels;

// Bytes of one layer's block.
size_t ck_kv_block_bytes(ck_kv_element element, size_t kv_heads, size_t head_dimension);
// Floats of scratch for rows that see up to `positions` positions.
size_t ck_attention_scratch(size_t positions, size_t head_dimension);
size_t ck_bidirectional_attention_scratch(size_t tokens, size_t head_dimension);
