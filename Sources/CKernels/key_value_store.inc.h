// See include/attention.h: a position's keys, and its values, into a slot of a block.
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

static void store_keys(
    const float *keys, size_t kv_heads, size_t head_dimension, size_t head_begin, size_t head_end, size_t slot, void *block,
    ck_kv_element element
) {
    float *scales = (float *)((char *)block + 2 * kv_heads * head_dimension * LANES);  // of int8 elements
    size_t pairs = (head_dimension + 1) / 2;
    for (size_t head = head_begin; head < head_end; head++) {
        const float *k = keys + head * head_dimension;
        size_t place = head * head_dimension * LANES + slot;
        if (element == CK_KV_F32) {
            for (size_t d = 0; d < head_dimension; d++) ((float *)block)[place + d * LANES] = k[d];
            continue;
        }
        if (element == CK_KV_INT8) {
            scales[head * LANES + slot] = store_int8(k, head_dimension, LANES, (int8_t *)block + place);
            continue;
        }
        for (size_t d = 0; d < head_dimension; d += LANES) {
            size_t left = head_dimension - d < LANES ? head_dimension - d : LANES;
            f32x16 x = left < LANES ? load_part(k + d, left) : load(k + d);
            if (element == CK_KV_F16) {
                u16x16 halves = half_of(x);
                for (size_t i = 0; i < left; i++) ((uint16_t *)block)[place + (d + i) * LANES] = halves[i];
                continue;
            }
            u16x16 numbers = bfloat_of(x);
            uint32_t words[LANES / 2];
            memcpy(words, &numbers, sizeof words);
            for (size_t i = 0; i < (left + 1) / 2; i++) ((uint32_t *)block)[(head * pairs + d / 2 + i) * LANES + slot] = words[i];
        }
    }
}

static void store_values(
    const float *values, size_t kv_heads, size_t head_dimension, size_t head_begin, size_t head_end, size_t slot, void *block,
    ck_kv_element element
) {
    float *scales = (float *)((char *)block + 2 * kv_heads * head_dimension * LANES);  // of int8 elements
    uint16_t *pairs = (uint16_t *)((uint32_t *)block + kv_heads * ((head_dimension + 1) / 2) * LANES);
    for (size_t head = head_begin; head < head_end; head++) {
        const float *v = values + head * head_dimension;
        size_t place = ((kv_heads + head) * LANES + slot) * head_dimension;
        if (element == CK_KV_F32) {
            memcpy((float *)block + place, v, head_dimension * sizeof(float));
            continue;
        }
        if (element == CK_KV_INT8) {
            scales[(kv_heads + head) * LANES + slot] = store_int8(v, head_dimension, 1, (int8_t *)block + place);
            continue;
        }
        for (size_t d = 0; d < head_dimension; d += LANES) {
            size_t left = head_dimension - d < LANES ? head_dimension - d : LANES;
            f32x16 x = left < LANES ? load_part(v + d, left) : load(v + d);
            if (element == CK_KV_F16) {
                u16x16 halves = half_of(x);
                memcpy((uint16_t *)block + place + d, &halves, left * sizeof(uint16_t));
                continue;
            }
            store_halves(bfloat_of(x), left, slot % 2, pairs + (head * LANES + slot / 2 * 2) * head_dimension + 2 * d);
        }
    }
}
