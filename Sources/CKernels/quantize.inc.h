// Activations to blocks of int8: see include/packed.h. Included once an implementation, after elementwise.inc.h.
#include "half.h"
#include "include/packed.h"
#include "dot.inc.h"

// Of four vectors, in the order of the vectors: pairs of lanes meet until each vector has one.
#define REDUCE_4(name, JOIN)                                                                                          \
    CK_INLINE i32x4 name(i32x16 a, i32x16 b, i32x16 c, i32x16 d) {                                                   \
        i32x16 ab = JOIN(interleave_low(a, b), interleave_high(a, b)), cd = JOIN(interleave_low(c, d), interleave_high(c, d)); \
        i32x16 abcd = JOIN(interleave_pairs_low(ab, cd), interleave_pairs_high(ab, cd));                              \
        i32x8 half = JOIN(abcd.lo, abcd.hi);                                                                          \
        return JOIN(half.lo, half.hi);                                                                                \
    }
// Within each 128 bits, as the instructions have it.
#define interleave_low(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define interleave_high(a, b) __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define interleave_pairs_low(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define interleave_pairs_high(a, b) __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define JOIN_MAX(a, b) __builtin_elementwise_max(a, b)
#define JOIN_SUM(a, b) ((a) + (b))
REDUCE_4(largest_of_4, JOIN_MAX)
REDUCE_4(sums_of_4, JOIN_SUM)

// The source of quantising: x, or its norm, which is also stored unless `normed` is null.
typedef struct quantize_source {
    const float *x;
    const float *weight;  // of the norm; null: x as it is
    f32x16 factor;
    float *normed;        // or null
} quantize_source;

// 16 elements from `at` on, or the `count` that are left of them.
CK_INLINE f32x16 load_source(const quantize_source *s, size_t at, size_t count) {
    f32x16 v = load_first(s->x + at, count);
    if (!s->weight) return v;
    v = v * s->factor * load_first(s->weight + at, count);
    if (!s->normed) return v;
    if (count >= LANES) store(s->normed + at, v);
    else store_part(s->normed + at, v, count);
    return v;
}

// Four whole blocks: values that a block has one of are computed for four blocks at once.
CK_INLINE void quantize_4(const quantize_source *source, size_t at, ck_row_block *blocks) {
    f32x16 low[4], high[4];
    i32x16 magnitude[4];
    for (int b = 0; b < 4; b++) {
        low[b] = load_source(source, at + 32 * b, LANES), high[b] = load_source(source, at + 32 * b + 16, LANES);
        magnitude[b] = __builtin_elementwise_max(bits_of(low[b]) & 0x7fffffff, bits_of(high[b]) & 0x7fffffff);
    }
    // The largest magnitude as bits: NaN and infinity compare above all numbers.
    i32x4 top = largest_of_4(magnitude[0], magnitude[1], magnitude[2], magnitude[3]);
    f32x4 largest = __builtin_bit_cast(f32x4, top);
    i32x4 finite = top < 0x7f800000, zero = largest < 1e-30f, counts = finite & ~zero;
    f32x4 scale = __builtin_bit_cast(f32x4, __builtin_bit_cast(i32x4, largest / 127.0f) & counts);
    f32x4 inverse = __builtin_bit_cast(f32x4, __builtin_bit_cast(i32x4, 1.0f / scale) & counts);
    scale = __builtin_bit_cast(f32x4, __builtin_bit_cast(i32x4, scale) | (~finite & __builtin_bit_cast(i32x4, (f32x4)NAN)));
    const f32x16 magic = splat(12582912.0f);
    i32x16 sum[4], first_sum[4];
    for (int b = 0; b < 4; b++) {
        f32x16 factor = splat(inverse[b]);
        i32x16 keep = (i32x16)(finite[b]);
        i32x16 q = (bits_of(low[b] * factor + magic) - bits_of(magic)) & keep;
        i32x16 r = (bits_of(high[b] * factor + magic) - bits_of(magic)) & keep;
        i8x16 first = __builtin_convertvector(q, i8x16), second = __builtin_convertvector(r, i8x16);
        memcpy(blocks[b].q, &first, 16);
        memcpy(blocks[b].q + 16, &second, 16);
        sum[b] = q + r;
        first_sum[b] = q;
    }
    i32x4 sums = sums_of_4(sum[0], sum[1], sum[2], sum[3]);
    i32x4 first_bias = sums_of_4(first_sum[0], first_sum[1], first_sum[2], first_sum[3]) * -32;
    f32x4 scaled = scale * __builtin_convertvector(sums, f32x4);
    i32x4 bias = sums * -128;
    for (int b = 0; b < 4; b++) {
        blocks[b].scale = scale[b];
        blocks[b].scaled_sum = scaled[b];
        blocks[b].bias = bias[b];
        blocks[b].first_bias = first_bias[b];
    }
}

CK_INLINE void quantize_source_blocks(const quantize_source *source, size_t columns, size_t block_count, ck_row_block *blocks) {
    size_t fours = columns / 128 * 4 < block_count ? columns / 128 * 4 : block_count / 4 * 4;
    for (size_t b = 0; b < fours; b += 4) quantize_4(source, 32 * b, blocks + b);
    for (size_t b = fours; b < block_count; b++) {
        size_t begin = b * 32, left = columns > begin ? columns - begin : 0;
        f32x16 low = splat(0), high = splat(0);
        if (left) low = load_source(source, begin, left);
        if (left > 16) high = load_source(source, begin + 16, left - 16);
        // The largest magnitude as bits: NaN and infinity compare above all numbers.
        i32x16 m = bits_of(low) & 0x7fffffff, n = bits_of(high) & 0x7fffffff;
        int32_t top = __builtin_reduce_max(__builtin_elementwise_max(m, n));
        float largest = __builtin_bit_cast(float, top);
        bool finite = top < 0x7f800000, zero = largest < 1e-30f;
        float scale = !finite ? NAN : zero ? 0.0f : largest / 127.0f;
        f32x16 inverse = splat(!finite || zero ? 0.0f : 1.0f / scale);
        const f32x16 magic = splat(12582912.0f);
        i32x16 keep = (i32x16)(finite ? -1 : 0);
        i32x16 q = (bits_of(low * inverse + magic) - bits_of(magic)) & keep;
        i32x16 r = (bits_of(high * inverse + magic) - bits_of(magic)) & keep;
        i8x16 first = __builtin_convertvector(q, i8x16), second = __builtin_convertvector(r, i8x16);
        memcpy(blocks[b].q, &first, 16);
        memcpy(blocks[b].q + 16, &second, 16);
        int32_t sum = __builtin_reduce_add(q + r);
        blocks[b].scale = scale;
        blocks[b].scaled_sum = scale * (float)sum;
        blocks[b].bias = -128 * sum;
        blocks[b].first_bias = -32 * __builtin_reduce_add(q);
    }
}

static void quantize(const float *x, size_t columns, size_t block_count, ck_row_block *blocks) {
    quantize_source source = {.x = x};
    quantize_source_blocks(&source, columns, block_count, blocks);
}

static void norm_quantize(
    const float *x, const float *weight, float epsilon, size_t columns, size_t block_count, ck_row_block *blocks, float *normed
) {
    quantize_source source = {.x = x, .weight = weight, .factor = rms_factor(x, epsilon, columns), .normed = normed};
    quantize_source_blocks(&source, columns, block_count, blocks);
}
