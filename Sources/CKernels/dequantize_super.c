// The types with super-blocks of 256, and those with a table. See include/dequantize.h for the formats.
#include "dequantize.h"

#include "dequantize_read.h"
#include "lanes.h"

// Two bits of 256 elements: 32 bytes hold four times 32, from the lowest bits up.
static inline int crumb(const uint8_t *q, int k) { return q[k / 128 * 32 + k % 32] >> 2 * (k % 128 / 32) & 3; }

void ck_dequantize_q2_K(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 84, out += 256) {
        float d = f16_at(p + 80), m = f16_at(p + 82);
        for (int k = 0; k < 256; k++) out[k] = d * (float)(p[k / 16] & 15) * (float)crumb(p + 16, k) - m * (float)(p[k / 16] >> 4);
    }
}

void ck_dequantize_q3_K(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 110, out += 256) {
        float d = f16_at(p + 108);
        const uint8_t *packed = p + 96;
        for (int k = 0; k < 256; k++) {
            // The lower 4 bits of scales 0…7 and 8…15 share bytes, then four bytes have the upper 2 of all.
            int j = k / 16, low = packed[j % 8] >> (j < 8 ? 0 : 4) & 15, high = packed[8 + j % 4] >> 2 * (j / 4) & 3;
            int q = crumb(p + 32, k) + (p[k % 32] >> (k / 32) & 1) * 4;
            out[k] = d * (float)((low | high << 4) - 32) * (float)(q - 4);
        }
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

static const int8_t iq4_numbers[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

void ck_dequantize_iq4_nl(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 18, out += 32) {
        float d = f16_at(p);
        for (int i = 0; i < 16; i++) {
            out[i] = d * (float)iq4_numbers[p[2 + i] & 15];
            out[i + 16] = d * (float)iq4_numbers[p[2 + i] >> 4];
        }
    }
}

static const int8_t mxfp4_numbers[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

void ck_reorder_mxfp4(const void *neighbours, void *halves) {
    const uint8_t *p = neighbours;
    uint8_t *out = halves;
    for (int i = 0; i < 16; i++) {
        uint8_t low = p[i / 2] >> 4 * (i % 2) & 15, high = p[8 + i / 2] >> 4 * (i % 2) & 15;
        out[i] = (uint8_t)(low | high << 4);
    }
}

void ck_dequantize_mxfp4(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 17, out += 32) {
        // 2^(e - 128), which is subnormal for the two smallest; 255 is no number.
        uint32_t bits = p[0] == 255 ? 0x7fc00000 : p[0] < 2 ? 0x00200000u << p[0] : (uint32_t)(p[0] - 1) << 23;
        float d = __builtin_bit_cast(float, bits);
        for (int i = 0; i < 16; i++) {
            out[i] = d * (float)mxfp4_numbers[p[1 + i] & 15];
            out[i + 16] = d * (float)mxfp4_numbers[p[1 + i] >> 4];
        }
    }
}

void ck_dequantize_iq4_xs(const void *blocks, size_t count, float *restrict out) {
    const uint8_t *p = blocks;
    for (size_t b = 0; b < count; b++, p += 136, out += 256) {
        for (int j = 0; j < 8; j++) {
            int scale = (p[4 + j / 2] >> 4 * (j % 2) & 15) | (u16_at(p + 2) >> 2 * j & 3) << 4;
            const uint8_t *q = p + 8 + 16 * j;
            float ds = f16_at(p) * (float)(scale - 32);
            for (int i = 0; i < 16; i++) {
                out[32 * j + i] = ds * (float)iq4_numbers[q[i] & 15];
                out[32 * j + i + 16] = ds * (float)iq4_numbers[q[i] >> 4];
            }
        }
    }
}
