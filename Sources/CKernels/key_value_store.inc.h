// See include/attention.h: a position's keys, and its values, into a slot of a block.
#include "half.h"
#include "include/attention.h"

// Element i goes to target[i * step]; returns the scale.
static float store_int8(const float *x, size_t count, size_t step, int8_t *target) {
    // The largest magnitude as bits: NaN and infinity compare above all numbers.
    i32x16 magnitudes = (i32x16)0;
    for (size_t i = 0; i < count; i += LANES) {
        f32x16 v = load_first(x + i, count - i);
        magnitudes = __builtin_elementwise_max(magnitudes, bits_of(v) & 0x7fffffff);
    }
    int32_t top = __builtin_reduce_max(magnitudes);
    float largest = __builtin_bit_cast(float, top);
    bool finite = top < 0x7f800000, zero = largest < 1e-30f;
    float scale = !finite ? NAN : zero ? 0.0f : largest / 127.0f;
    f32x16 inverse = splat(!finite || zero ? 0.0f : 1.0f / scale);
    const f32x16 magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
    i32x16 keep = (i32x16)(finite ? -1 : 0);
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i < LANES ? count - i : LANES;
        f32x16 v = load_first(x + i, left);
        i8x16 q = __builtin_convertvector((bits_of(v * inverse + magic) - bits_of(magic)) & keep, i8x16);
        for (size_t k = 0; k < left; k++) target[(i + k) * step] = q[k];
    }
    return scale;
}

// The first `count` numbers, or all, go to the low or the high halves of as many words. Nothing is written to the other halves,
// which another thread may store at the same time.
CK_INLINE void store_halves(u16x16 numbers, size_t count, bool high, uint16_t *words) {
#if defined(CK_AVX512)
    u32x16 wide = __builtin_convertvector(numbers, u32x16) << (high ? 16 : 0);
    uint32_t first = count < LANES ? (1u << 2 * count) - 1 : 0xffffffff;
    _mm512_mask_storeu_epi16(words, (high ? 0xaaaaaaaa : 0x55555555) & first, (__m512i)wide);
#else
    for (size_t i = 0; i < count && i < LANES; i++) words[2 * i + high] = numbers[i];
#endif
}

// Numbers in f32, f16 or int8: number i goes to element index + i * step; returns the scale of int8.
CK_INLINE float store_numbers(const float *x, size_t count, ck_kv_element element, void *block, size_t index, size_t step) {
    if (element == CK_KV_INT8) return store_int8(x, count, step, (int8_t *)block + index);
    if (element == CK_KV_F32) {
        for (size_t i = 0; i < count; i++) ((float *)block)[index + i * step] = x[i];
        return 1;
    }
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i < LANES ? count - i : LANES;
        u16x16 halves = half_of(load_first(x + i, left));
        uint16_t *target = (uint16_t *)block + index + i * step;
        if (step == 1) memcpy(target, &halves, left * sizeof *target);
        else for (size_t n = 0; n < left; n++) target[n * step] = halves[n];
    }
    return 1;
}

// A key in bf16: pair i goes to word 16 i.
CK_INLINE void store_key_pairs(const float *x, size_t count, uint32_t *words) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i < LANES ? count - i : LANES;
        u16x16 numbers = bfloat_of(load_first(x + i, left));
        uint32_t pairs[LANES / 2];
        memcpy(pairs, &numbers, sizeof pairs);
        for (size_t n = 0; n < (left + 1) / 2; n++) words[(i / 2 + n) * LANES] = pairs[n];
    }
}

static void store_keys(
    const float *keys, size_t kv_heads, size_t dimension, size_t head_begin, size_t head_end, size_t slot, void *block, ck_kv_element element
) {
    float *scales = (float *)((char *)block + 2 * kv_heads * dimension * LANES);  // of int8
    size_t pairs = (dimension + 1) / 2;
    for (size_t head = head_begin; head < head_end; head++) {
        const float *key = keys + head * dimension;
        if (element == CK_KV_BF16) {
            store_key_pairs(key, dimension, (uint32_t *)block + head * pairs * LANES + slot);
            continue;
        }
        float scale = store_numbers(key, dimension, element, block, head * dimension * LANES + slot, LANES);
        if (element == CK_KV_INT8) scales[head * LANES + slot] = scale;
    }
}

static void store_values(
    const float *values, size_t kv_heads, size_t dimension, size_t head_begin, size_t head_end, size_t slot, void *block, ck_kv_element element
) {
    float *scales = (float *)((char *)block + 2 * kv_heads * dimension * LANES) + kv_heads * LANES;  // of int8
    uint16_t *pairs = (uint16_t *)((uint32_t *)block + kv_heads * ((dimension + 1) / 2) * LANES);
    for (size_t head = head_begin; head < head_end; head++) {
        const float *value = values + head * dimension;
        if (element == CK_KV_BF16) {
            uint16_t *words = pairs + (head * LANES + slot / 2 * 2) * dimension;
            for (size_t i = 0; i < dimension; i += LANES)
                store_halves(bfloat_of(load_first(value + i, dimension - i)), dimension - i, slot % 2, words + 2 * i);
            continue;
        }
        float scale = store_numbers(value, dimension, element, block, ((kv_heads + head) * LANES + slot) * dimension, 1);
        if (element == CK_KV_INT8) scales[head * LANES + slot] = scale;
    }
}
