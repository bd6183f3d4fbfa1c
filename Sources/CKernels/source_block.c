// See source_block.h; the formats of the files are told in include/dequantize.h.
#include "source_block.h"

#include "half.h"

static uint16_t u16_at(const uint8_t *p) {
    uint16_t value;
    memcpy(&value, p, 2);
    return value;
}

static uint32_t u32_at(const uint8_t *p) {
    uint32_t value;
    memcpy(&value, p, 4);
    return value;
}

// The words are read, shifted and masked as they are: a number in each byte.
enum { EACH_BYTE = 0x01010101 };

static void read_nibbles(const uint8_t *p, uint32_t *numbers) {
    for (int j = 0; j < 4; j++) {
        uint32_t word = u32_at(p + 4 * j);
        numbers[j] = word & 15 * EACH_BYTE;
        numbers[j + 4] = word >> 4 & 15 * EACH_BYTE;
    }
}

// Bit 4 j + t of `bits` to byte t of word j.
static void add_fifth_bits(uint32_t bits, uint32_t *numbers) {
    for (int j = 0; j < 8; j++) {
        uint32_t four = bits >> 4 * j & 15;
        numbers[j] |= ((four | four << 7 | four << 14 | four << 21) & EACH_BYTE) << 4;
    }
}

// Bits `shift` and up, as many as the mask has, of bytes 4 j … 4 j + 3.
static uint32_t field_at(const uint8_t *p, int j, int shift, uint32_t mask) { return u32_at(p + 4 * j) >> shift & mask * EACH_BYTE; }

static void read_q4_0(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *p = row + 18 * block;
    out->half[0] = u16_at(p);
    read_nibbles(p + 2, out->numbers);
}

static void read_q4_1(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *p = row + 20 * block;
    out->half[0] = u16_at(p);
    out->half[1] = u16_at(p + 2);
    read_nibbles(p + 4, out->numbers);
}

static void read_q5_0(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *p = row + 22 * block;
    out->half[0] = u16_at(p);
    read_nibbles(p + 6, out->numbers);
    add_fifth_bits(u32_at(p + 2), out->numbers);
}

static void read_q5_1(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *p = row + 24 * block;
    out->half[0] = u16_at(p);
    out->half[1] = u16_at(p + 2);
    read_nibbles(p + 8, out->numbers);
    add_fifth_bits(u32_at(p + 4), out->numbers);
}

static void read_q8_0(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *p = row + 34 * block;
    out->half[0] = u16_at(p);
    for (int j = 0; j < 8; j++) out->numbers[j] = u32_at(p + 2 + 4 * j) ^ 128u * EACH_BYTE;
}

// Two bits of each element: 32 bytes hold four blocks.
static void read_crumbs(const uint8_t *p, size_t i, uint32_t *numbers) {
    for (int j = 0; j < 8; j++) numbers[j] = field_at(p + 32 * (i / 4), j, 2 * (int)(i % 4), 3);
}

static void read_q2_K(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *super = row + 84 * (block / 8);
    size_t i = block % 8;
    out->half[0] = u16_at(super + 80);
    out->half[1] = u16_at(super + 82);
    for (int half = 0; half < 2; half++) {
        out->scale[half] = super[2 * i + half] & 15;
        out->minimum[half] = super[2 * i + half] >> 4;
    }
    read_crumbs(super + 16, i, out->numbers);
}

static void read_q3_K(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *super = row + 110 * (block / 8), *scales = super + 96;
    size_t i = block % 8;
    out->half[0] = u16_at(super + 108);
    for (size_t k = 2 * i; k < 2 * i + 2; k++) {
        int low = k < 8 ? scales[k] & 15 : scales[k - 8] >> 4, high = scales[8 + k % 4] >> 2 * (k / 4) & 3;
        out->scale[k % 2] = (uint8_t)((low | high << 4) - 32);
    }
    read_crumbs(super + 32, i, out->numbers);
    for (int j = 0; j < 8; j++) out->numbers[j] |= field_at(super, j, (int)i, 1) << 2;
}

// The scale and minimum, 6 bits each, of block `i` (0…7) of q4_K and q5_K.
static void read_k_head(const uint8_t *super, size_t i, source_block *out) {
    const uint8_t *packed = super + 4;
    out->half[0] = u16_at(super);
    out->half[1] = u16_at(super + 2);
    if (i < 4) {
        out->scale[0] = packed[i] & 63;
        out->minimum[0] = packed[i + 4] & 63;
    } else {
        out->scale[0] = (packed[i + 4] & 15) | (uint8_t)(packed[i - 4] >> 6 << 4);
        out->minimum[0] = packed[i + 4] >> 4 | (uint8_t)(packed[i] >> 6 << 4);
    }
}

// 32 bytes hold two blocks, the first in the low nibbles.
static void read_k_nibbles(const uint8_t *p, size_t i, uint32_t *numbers) {
    for (int j = 0; j < 8; j++) numbers[j] = field_at(p + 32 * (i / 2), j, i % 2 ? 4 : 0, 15);
}

static void read_q4_K(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *super = row + 144 * (block / 8);
    read_k_head(super, block % 8, out);
    read_k_nibbles(super + 16, block % 8, out->numbers);
}

static void read_q5_K(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *super = row + 176 * (block / 8);
    size_t i = block % 8;
    read_k_head(super, i, out);
    read_k_nibbles(super + 48, i, out->numbers);
    for (int j = 0; j < 8; j++) out->numbers[j] |= field_at(super + 16, j, (int)i, 1) << 4;
}

static void read_q6_K(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *super = row + 210 * (block / 8);
    size_t i = block % 8, half = i / 4, quarter = i % 4;
    const uint8_t *low = super + 64 * half + 32 * (quarter % 2), *high = super + 128 + 32 * half;
    int shift = quarter < 2 ? 0 : 4;
    out->half[0] = u16_at(super + 208);
    memcpy(out->scale, super + 192 + 2 * i, 2);
    for (int j = 0; j < 8; j++) out->numbers[j] = field_at(low, j, shift, 15) | field_at(high, j, 2 * (int)quarter, 3) << 4;
}

static void read_iq4_xs(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *super = row + 136 * (block / 8);
    size_t i = block % 8;
    out->half[0] = u16_at(super);
    out->scale[0] = (uint8_t)((super[4 + i / 2] >> 4 * (i % 2) & 15) | (u16_at(super + 2) >> 2 * i & 3) << 4);
    read_nibbles(super + 8 + 16 * i, out->numbers);
}

// The scale is half of a power of two.
static uint16_t half_of_exponent(uint8_t exponent) {
    int power = exponent - 128;
    if (power > 15) return 0x7c00;  // refused by the caller
    if (power >= -14) return (uint16_t)((power + 15) << 10);
    return power >= -24 ? (uint16_t)(1 << (power + 24)) : 0;
}

static void read_mxfp4(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    const uint8_t *p = row + 17 * block;
    out->half[0] = half_of_exponent(p[0]);
    read_nibbles(p + 1, out->numbers);
}

// 32 floats to 8 bits and a f16 scale.
static void round_block(const float *w, source_block *out) {
    int32_t top = 0;
    for (int i = 0; i < BLOCK; i++) {
        int32_t bits = __builtin_bit_cast(int32_t, w[i]) & 0x7fffffff;
        top = bits > top ? bits : top;
    }
    if (top >= 0x7f800000) {
        out->half[0] = 0x7e00;  // refused by the caller
        return;
    }
    out->half[0] = float_to_half(__builtin_bit_cast(float, top) / 127.0f);
    float scale = half_to_float(out->half[0]), inverse = scale > 0 ? 1.0f / scale : 0.0f;
    uint8_t numbers[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        float q = w[i] * inverse;
        q = q > 127.0f ? 127.0f : q < -127.0f ? -127.0f : q;  // the scale may have been rounded down
        numbers[i] = (uint8_t)((int32_t)((q + 12582912.0f) - 12582912.0f) + 128);
    }
    memcpy(out->numbers, numbers, BLOCK);
}

static size_t elements_left(size_t block, size_t columns) { return columns - BLOCK * block < BLOCK ? columns - BLOCK * block : BLOCK; }

static void read_f32(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    float w[BLOCK] = {0};
    memcpy(w, row + 4 * BLOCK * block, 4 * elements_left(block, columns));
    round_block(w, out);
}

static void read_f16(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    float w[BLOCK] = {0};
    size_t left = elements_left(block, columns);
    for (size_t i = 0; i < left; i++) w[i] = half_to_float(u16_at(row + 2 * (BLOCK * block + i)));
    round_block(w, out);
}

static void read_bf16(const uint8_t *row, size_t block, size_t columns, source_block *out) {
    float w[BLOCK] = {0};
    size_t left = elements_left(block, columns);
    for (size_t i = 0; i < left; i++) w[i] = bfloat_to_float(u16_at(row + 2 * (BLOCK * block + i)));
    round_block(w, out);
}

source_reader ck_source_reader(ck_source_type type) {
    switch (type) {
    case CK_SOURCE_F32: return read_f32;
    case CK_SOURCE_F16: return read_f16;
    case CK_SOURCE_BF16: return read_bf16;
    case CK_SOURCE_Q4_0: case CK_SOURCE_IQ4_NL: return read_q4_0;
    case CK_SOURCE_Q4_1: return read_q4_1;
    case CK_SOURCE_Q5_0: return read_q5_0;
    case CK_SOURCE_Q5_1: return read_q5_1;
    case CK_SOURCE_Q8_0: return read_q8_0;
    case CK_SOURCE_Q2_K: return read_q2_K;
    case CK_SOURCE_Q3_K: return read_q3_K;
    case CK_SOURCE_Q4_K: return read_q4_K;
    case CK_SOURCE_Q5_K: return read_q5_K;
    case CK_SOURCE_Q6_K: return read_q6_K;
    case CK_SOURCE_IQ4_XS: return read_iq4_xs;
    case CK_SOURCE_MXFP4: return read_mxfp4;
    }
    return NULL;
}
