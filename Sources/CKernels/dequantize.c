// See include/dequantize.h for the formats.
#include "dequantize.h"

#include "dequantize_read.h"
#include "lanes.h"

typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));

static inline u8x16 bytes_at(const uint8_t *p) {
    u8x16 bytes;
    memcpy(&bytes, p, sizeof bytes);
    return bytes;
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
