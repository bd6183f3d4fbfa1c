// Numbers at any address of a block.
#pragma once
#include <stdint.h>
#include <string.h>

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

// Exponent and fraction move to their places in an f32 and the exponent's bias is put right by one exact product, which
// takes care of subnormals, too; infinity and NaN have an exponent of their own.
static inline float f16_at(const uint8_t *p) {
    uint32_t half = u16_at(p), magnitude = half & 0x7fff, bits;
    float value = float_of(magnitude << 13) * 0x1p112f;
    memcpy(&bits, &value, sizeof bits);
    if (magnitude >= 0x7c00) bits = magnitude << 13 | 0x7f800000;
    return float_of(bits | (half & 0x8000) << 16);
}
