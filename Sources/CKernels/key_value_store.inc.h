// See include/attention.h: a position's keys and values into a slot of a block.
#include "half.h"
#include "include/attention.h"

// Element i goes to target[i * step]; returns the scale.
static float store_int8(const float *x, size_t count, size_t step, int8_t *target) {
    // The largest magnitude as bits: NaN and infinity come out on top.
    i32x16 magnitudes = (i32x16)0;
    for (size_t i = 0; i < count; i += LANES) {
        f32x16 v = count - i < LANES ? load_part(x + i, count - i) : load(x + i);
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
        f32x16 v = left < LANES ? load_part(x + i, left) : load(x + i);
        i8x16 q = __builtin_convertvector((bits_of(v * inverse + magic) - bits_of(magic)) & keep, i8x16);
        for (size_t k = 0; k < left; k++) target[(i + k) * step] = q[k];
    }
    return scale;
}

// The first `count` numbers go to the low or the high halves of as many words. Nothing is written to the other halves, which another
// thread may store at the same time.
CK_INLINE void store_halves(u16x16 numbers, size_t count, bool high, uint16_t *words) {
#if defined(CK_AVX512)
    u32x16 wide = __builtin_convertvector(numbers, u32x16) << (high ? 16 : 0);
    _mm512_mask_storeu_epi16(words, (high ? 0xaaaaaaaau : 0x55555555u) & (uint32_t)((UINT64_C(1) << 2 * count) - 1), (__m512i)wide);
#else
    for (size_t i = 0; i < count; i++) words[2 * i + high] = numbers[i];
#endif
}

// bf16: pair i of the key goes to keys[16 i], number i of the value to a half of pair i.
static void store_pairs(const float *key, const float *value, size_t count, bool second, uint32_t *keys, uint16_t *values) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i < LANES ? count - i : LANES;
        u16x16 k = bfloat_of(left < LANES ? load_part(key + i, left) : load(key + i));
        uint32_t pairs[LANES / 2];
        memcpy(pairs, &k, sizeof pairs);
        for (size_t n = 0; n < (left + 1) / 2; n++) keys[(i / 2 + n) * LANES] = pairs[n];
        store_halves(bfloat_of(left < LANES ? load_part(value + i, left) : load(value + i)), left, second, values + 2 * i);
    }
}

static void store_key_value(
    const float *keys, const float *values, size_t kv_heads, size_t head_dimension, size_t slot, void *block, ck_kv_element element
) {
    float *scales = (float *)((char *)block + 2 * kv_heads * head_dimension * LANES);  // of int8 elements
    size_t pairs = (head_dimension + 1) / 2;  // of a bf16 key
    uint16_t *value_pairs = (uint16_t *)((uint32_t *)block + kv_heads * pairs * LANES);
    for (size_t head = 0; head < kv_heads; head++) {
        size_t key = head * head_dimension * LANES + slot;
        size_t value = ((kv_heads + head) * LANES + slot) * head_dimension;
        const float *k = keys + head * head_dimension, *v = values + head * head_dimension;
        switch (element) {
        case CK_KV_F32:
            for (size_t d = 0; d < head_dimension; d++) ((float *)block)[key + d * LANES] = k[d];
            memcpy((float *)block + value, v, head_dimension * sizeof(float));
            break;
        case CK_KV_F16:
            for (size_t d = 0; d < head_dimension; d += LANES) {
                size_t left = head_dimension - d < LANES ? head_dimension - d : LANES;
                u16x16 keys16 = half_of(left < LANES ? load_part(k + d, left) : load(k + d));
                u16x16 values16 = half_of(left < LANES ? load_part(v + d, left) : load(v + d));
                for (size_t i = 0; i < left; i++) ((uint16_t *)block)[key + (d + i) * LANES] = keys16[i];
                memcpy((uint16_t *)block + value + d, &values16, left * sizeof(uint16_t));
            }
            break;
        case CK_KV_BF16:
            store_pairs(
                k, v, head_dimension, slot % 2, (uint32_t *)block + head * pairs * LANES + slot,
                value_pairs + (head * LANES + slot / 2 * 2) * head_dimension);
            break;
        case CK_KV_INT8:
            scales[head * LANES + slot] = store_int8(k, head_dimension, LANES, (int8_t *)block + key);
            scales[(kv_heads + head) * LANES + slot] = store_int8(v, head_dimension, 1, (int8_t *)block + value);
            break;
        }
    }
}
