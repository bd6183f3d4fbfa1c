// See include/encode.h. Included once an implementation, after quantize.inc.h.
#include "half.h"
#include "include/encode.h"
#include "lanes.h"

typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));

enum { ENCODE_STEP = 4096, INFINITE = 0x7f800000 };

CK_INLINE int32_t magnitude_of(float x) { return __builtin_bit_cast(int32_t, x) & 0x7fffffff; }

// Adds what `count` elements lose to a type in which magnitudes from `limit` on are infinite.
static void count_losses(const float *x, size_t count, int32_t limit, ck_encoding_loss *loss) {
    for (size_t i = 0; i < count; i++) {
        int32_t magnitude = magnitude_of(x[i]);
        loss->not_finite += magnitude >= INFINITE;
        loss->overflows += magnitude >= limit && magnitude < INFINITE;
    }
}

CK_INLINE u16x16 bf16_of(f32x16 v) {
    i32x16 bits = bits_of(v), is_nan = (bits & 0x7fffffff) > INFINITE;
    i32x16 rounded = bits + 0x7fff + (bits >> 16 & 1);
    return __builtin_convertvector((u32x16)((is_nan & (bits | 0x400000)) | (~is_nan & rounded)) >> 16, u16x16);
}

// Losses are rare: vectors only find out whether a step has any.
#define ENCODE_PLAIN(name, bytes, limit, convert)                                                                      \
    static void name(const float *x, size_t count, void *out, ck_encoding_loss *loss) {                               \
        for (size_t at = 0; at < count; at += ENCODE_STEP) {                                                           \
            size_t end = count - at < ENCODE_STEP ? count : at + ENCODE_STEP, i = at;                                  \
            i32x16 lost = (i32x16)(0);                                                                                 \
            for (; i < end; i += LANES) {                                                                              \
                size_t left = end - i < LANES ? end - i : LANES;                                                       \
                f32x16 v = load_first(x + i, left);                                                                    \
                lost |= (bits_of(v) & 0x7fffffff) >= (limit);                                                          \
                __typeof__(convert(v)) converted = convert(v);                                                         \
                if (left == LANES) memcpy((char *)out + i * (bytes), &converted, LANES * (bytes));                     \
                else memcpy((char *)out + i * (bytes), &converted, left * (bytes));                                    \
            }                                                                                                          \
            if (__builtin_reduce_or(lost)) count_losses(x + at, end - at, limit, loss);                                \
        }                                                                                                              \
    }
ENCODE_PLAIN(encode_f32, 4, INFINITE, )
ENCODE_PLAIN(encode_f16, 2, 0x477ff000, half_of)
ENCODE_PLAIN(encode_bf16, 2, 0x7f7f8000, bf16_of)

// A block of 32 and its numbers.
typedef struct encode_block {
    f32x16 low, high;
    float d, minimum;
    float inverse;
    bool is_finite;
} encode_block;

CK_INLINE void set_scale(encode_block *block, float d) {
    float inverse = 1.0f / d;
    block->d = d;
    block->inverse = d != 0 && magnitude_of(inverse) < INFINITE ? inverse : 0.0f;
}

static void lose_block(encode_block *block, const float *x, ck_encoding_loss *loss) {
    count_losses(x, 32, INFINITE, loss);
    *block = (encode_block){.low = splat(0), .high = splat(0), .d = NAN};
}

// With d a multiple of the largest magnitude: `divisor` 127, or, from the element itself, -8 and -16.
CK_INLINE encode_block symmetric_block(const float *x, float divisor, ck_encoding_loss *loss) {
    encode_block block = {.low = load(x), .high = load(x + 16), .is_finite = true};
    int32_t top = __builtin_reduce_max(__builtin_elementwise_max(bits_of(block.low) & 0x7fffffff, bits_of(block.high) & 0x7fffffff));
    if (top >= INFINITE) {
        lose_block(&block, x, loss);
        return block;
    }
    float extreme = __builtin_bit_cast(float, top);
    if (divisor < 0 && top > 0) {
        f32x16 positive = splat(extreme), negative = splat(-extreme);
        bool has_negative = __builtin_reduce_or((block.low == negative) | (block.high == negative));
        if (has_negative && __builtin_reduce_or((block.low == positive) | (block.high == positive))) {
            size_t first = 0;
            while (magnitude_of(x[first]) != top) first++;
            extreme = x[first];
        } else if (has_negative) {
            extreme = -extreme;
        }
    }
    set_scale(&block, extreme / divisor);
    return block;
}

// Integers in the order of the floats; the same again turns them back.
CK_INLINE i32x16 ordered(i32x16 bits) { return bits ^ (bits >> 31 & 0x7fffffff); }
CK_INLINE float of_ordered(int32_t key) { return __builtin_bit_cast(float, key ^ (key >> 31 & 0x7fffffff)); }

CK_INLINE encode_block minimum_block(const float *x, float steps, ck_encoding_loss *loss) {
    encode_block block = {.low = load(x), .high = load(x + 16), .is_finite = true};
    i32x16 a = ordered(bits_of(block.low)), b = ordered(bits_of(block.high));
    float maximum = of_ordered(__builtin_reduce_max(__builtin_elementwise_max(a, b)));
    float minimum = of_ordered(__builtin_reduce_min(__builtin_elementwise_min(a, b)));
    if (magnitude_of(maximum) >= INFINITE || magnitude_of(minimum) >= INFINITE) {
        lose_block(&block, x, loss);
        return block;
    }
    if (minimum == 0) {  // the zero that comes first, of two signs
        size_t first = 0;
        while (x[first] != 0) first++;
        minimum = x[first];
    }
    block.minimum = minimum;
    set_scale(&block, (maximum - minimum) / steps);
    return block;
}

CK_INLINE uint8_t *put_half(uint8_t *out, float value, bool is_finite, bool *overflows) {
    uint16_t half = float_to_half(value);
    *overflows |= is_finite && (half & 0x7c00) == 0x7c00;
    memcpy(out, &half, 2);
    return out + 2;
}

CK_INLINE uint8_t *put_nibbles(uint8_t *out, i32x16 low, i32x16 high) {
    u8x16 packed = __builtin_convertvector((low & 15) | (high & 15) << 4, u8x16);
    memcpy(out, &packed, 16);
    return out + 16;
}

CK_INLINE uint8_t *put_fifth_bits(uint8_t *out, i32x16 low, i32x16 high) {
    const i32x16 places = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    uint32_t bits = (uint32_t)__builtin_reduce_or((low >> 4 & 1) << places) | (uint32_t)__builtin_reduce_or((high >> 4 & 1) << places) << 16;
    memcpy(out, &bits, 4);
    return out + 4;
}

CK_INLINE i32x16 truncated(f32x16 v, int32_t largest) { return __builtin_elementwise_min(__builtin_convertvector(v, i32x16), (i32x16)(largest)); }

// Halves away from zero; the difference to the truncated number is exact.
CK_INLINE i32x16 rounded_away(f32x16 v) {
    i32x16 whole = __builtin_convertvector(v, i32x16);
    f32x16 rest = v - __builtin_convertvector(whole, f32x16);
    return whole - (rest >= splat(0.5f)) + (rest <= splat(-0.5f));
}

static void encode_q8_0(const float *x, size_t count, void *to, ck_encoding_loss *loss) {
    uint8_t *out = to;
    for (size_t i = 0; i < count; i += 32) {
        encode_block block = symmetric_block(x + i, 127.0f, loss);
        bool overflows = false;
        out = put_half(out, block.d, block.is_finite, &overflows);
        loss->overflows += overflows;
        i8x16 low = __builtin_convertvector(rounded_away(block.low * splat(block.inverse)), i8x16);
        i8x16 high = __builtin_convertvector(rounded_away(block.high * splat(block.inverse)), i8x16);
        memcpy(out, &low, 16);
        memcpy(out + 16, &high, 16);
        out += 32;
    }
}

// q4_0 and q5_0.
CK_INLINE void encode_symmetric(const float *x, size_t count, uint8_t *out, int middle, ck_encoding_loss *loss) {
    for (size_t i = 0; i < count; i += 32) {
        encode_block block = symmetric_block(x + i, (float)-middle, loss);
        f32x16 inverse = splat(block.inverse), offset = splat((float)middle + 0.5f);
        i32x16 low = truncated(block.low * inverse + offset, 2 * middle - 1), high = truncated(block.high * inverse + offset, 2 * middle - 1);
        bool overflows = false;
        out = put_half(out, block.d, block.is_finite, &overflows);
        loss->overflows += overflows;
        if (middle == 16) out = put_fifth_bits(out, low, high);
        out = put_nibbles(out, low, high);
    }
}

// q4_1 and q5_1.
CK_INLINE void encode_with_minimum(const float *x, size_t count, uint8_t *out, int largest, ck_encoding_loss *loss) {
    for (size_t i = 0; i < count; i += 32) {
        encode_block block = minimum_block(x + i, (float)largest, loss);
        f32x16 inverse = splat(block.inverse), minimum = splat(block.minimum), half = splat(0.5f);
        i32x16 low = truncated((block.low - minimum) * inverse + half, largest), high = truncated((block.high - minimum) * inverse + half, largest);
        bool overflows = false;
        out = put_half(out, block.d, block.is_finite, &overflows);
        out = put_half(out, block.minimum, block.is_finite, &overflows);
        loss->overflows += overflows;
        if (largest == 31) out = put_fifth_bits(out, low, high);
        out = put_nibbles(out, low, high);
    }
}

static void encode_q4_0(const float *x, size_t count, void *out, ck_encoding_loss *loss) { encode_symmetric(x, count, out, 8, loss); }
static void encode_q5_0(const float *x, size_t count, void *out, ck_encoding_loss *loss) { encode_symmetric(x, count, out, 16, loss); }
static void encode_q4_1(const float *x, size_t count, void *out, ck_encoding_loss *loss) { encode_with_minimum(x, count, out, 15, loss); }
static void encode_q5_1(const float *x, size_t count, void *out, ck_encoding_loss *loss) { encode_with_minimum(x, count, out, 31, loss); }
