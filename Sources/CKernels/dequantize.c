// See include/dequantize.h for the formats.
#include "dequantize.h"

#include <stdint.h>
#include <string.h>

#include "lanes.h"

typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));

static inline uint16_t u16_at(const uint8_t *p) {
    uint16_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

static inline uint32_t u32_at(const uint8_t *p) {
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

static inline float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline u8x16 bytes_at(const uint8_t *p) {
    u8x16 bytes;
    memcpy(&bytes, p, sizeof bytes);
    return bytes;
}

// Exponent and fraction move to their places in an f32 and the exponent's bias is put right by one exact product, which
// takes care of subnormals, too; infinity and NaN have an exponent of their own.
static inline float f16_at(const uint8_t *p) {
    uint32_t half = u16_at(p), magnitude = half & 0x7fff, bits;
    float value = float_of(magnitude << 13) * 0x1p112f;
    memcpy(&bits, &value, sizeof bits);
    if (magnitude >= 0x7c00) bits = magnitude << 13 | 0x7f800000;
    return float_of(bits | (half & 0x8000) << 16);
}

void ck_dequantize_f16(const void *elements, size_t count, float *restrict out) {
    const uint8_t *p = elements;
    for (size_t i = 0; i < count; i++) out[i] = f16_at(p + 2 * i);
}

void ck_dequantize_bf16(const void *elements, size_t count, float *restrict out) {
    const uint8_t *p = elements;
    for (size_t i = 0; i < count; i++) out[i] = float_of((uint32_t)u16_at(p + 2 * i) << 16);
}

void ck_dequantize_f64(const void *elements, size_t count, float *restrict out) {
    const uint8_t *p = elements;
    for (size_t i = 0; i < count; i++) {
        double value;
        memcpy(&value, p + 8 * i, sizeof value);
        out[i] = (float)value;
    }
}

void ck_dequantize_q4_0(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 18, out += 32) {
        float d = f16_at(p);
        u8x16 q = bytes_at(p + 2);
        store(out, (__builtin_convertvector(q & 15, f32x16) - 8) * d);
        store(out + 16, (__builtin_convertvector(q >> 4, f32x16) - 8) * d);
    }
}

void ck_dequantize_q4_1(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 20, out += 32) {
        float d = f16_at(p), m = f16_at(p + 2);
        u8x16 q = bytes_at(p + 4);
        store(out, __builtin_convertvector(q & 15, f32x16) * d + m);
        store(out + 16, __builtin_convertvector(q >> 4, f32x16) * d + m);
    }
}

void ck_dequantize_q5_0(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 22, out += 32) {
        float d = f16_at(p);
        uint32_t high = u32_at(p + 2);
        for (int i = 0; i < 16; i++) {
            out[i] = (float)(int)((p[6 + i] & 15u) + (high >> i & 1) * 16 - 16) * d;
            out[i + 16] = (float)(int)((p[6 + i] >> 4) + (high >> (i + 16) & 1) * 16 - 16) * d;
        }
    }
}

void ck_dequantize_q5_1(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 24, out += 32) {
        float d = f16_at(p), m = f16_at(p + 2);
        uint32_t high = u32_at(p + 4);
        for (int i = 0; i < 16; i++) {
            out[i] = (float)(int)((p[8 + i] & 15u) + (high >> i & 1) * 16) * d + m;
            out[i + 16] = (float)(int)((p[8 + i] >> 4) + (high >> (i + 16) & 1) * 16) * d + m;
        }
    }
}

void ck_dequantize_q8_0(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 34, out += 32) {
        float d = f16_at(p);
        for (int i = 0; i < 32; i++) out[i] = (float)(int8_t)p[2 + i] * d;
    }
}

// The j-th of 8 scales and minimums in the 12 bytes of q4_K and q5_K: the first four have their 6 bits in a byte each,
// the others their lower 4 bits in a nibble and their upper 2 in those bytes.
static inline void k_scale(const uint8_t *packed, int j, int *scale, int *minimum) {
    if (j < 4) {
        *scale = packed[j] & 63;
        *minimum = packed[j + 4] & 63;
    } else {
        *scale = (packed[j + 4] & 15) | packed[j - 4] >> 6 << 4;
        *minimum = packed[j + 4] >> 4 | packed[j] >> 6 << 4;
    }
}

void ck_dequantize_q4_K(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 144, out += 256) {
        float d = f16_at(p), m = f16_at(p + 2);
        // 32 bytes hold 64 elements: the lower nibbles the first 32.
        for (int j = 0; j < 8; j++) {
            int scale, minimum, shift = j % 2 * 4;
            k_scale(p + 4, j, &scale, &minimum);
            const uint8_t *q = p + 16 + j / 2 * 32;
            float ds = d * (float)scale, mt = m * (float)minimum;
            for (int i = 0; i < 32; i++) out[32 * j + i] = (float)(q[i] >> shift & 15) * ds - mt;
        }
    }
}

void ck_dequantize_q5_K(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 176, out += 256) {
        float d = f16_at(p), m = f16_at(p + 2);
        const uint8_t *high = p + 16;
        // Bit j of byte i is the fifth bit of element 32 j + i.
        for (int j = 0; j < 8; j++) {
            int scale, minimum, shift = j % 2 * 4;
            k_scale(p + 4, j, &scale, &minimum);
            const uint8_t *q = p + 48 + j / 2 * 32;
            float ds = d * (float)scale, mt = m * (float)minimum;
            for (int i = 0; i < 32; i++)
                out[32 * j + i] = (float)((q[i] >> shift & 15) + (high[i] >> j & 1) * 16) * ds - mt;
        }
    }
}

void ck_dequantize_q6_K(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 210, out += 256) {
        float d = f16_at(p + 208);
        const uint8_t *low = p, *high = p + 128;
        const int8_t *scales = (const int8_t *)(p + 192);
        // Two halves of 128 elements: 64 bytes of nibbles and 32 bytes of which each has 2 bits of 4 elements.
        for (int half = 0; half < 2; half++, low += 64, high += 32, scales += 8) {
            float *o = out + 128 * half;
            for (int j = 0; j < 4; j++) {
                const uint8_t *q = low + j % 2 * 32;
                int shift = j / 2 * 4;
                float ds[2] = {d * (float)scales[2 * j], d * (float)scales[2 * j + 1]};
                for (int i = 0; i < 32; i++)
                    o[32 * j + i] = (float)((q[i] >> shift & 15) + (high[i] >> 2 * j & 3) * 16 - 32) * ds[i / 16];
            }
        }
    }
}
