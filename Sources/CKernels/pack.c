// From the files' rows of blocks to panels of 16 interleaved rows. See include/packed.h.
#include <stdbool.h>

#include "half.h"
#include "include/packed.h"

enum { PANEL = 16, BLOCK = 32 };

// 32 weights of one row: nibbles as in form 4 (byte i holds weights i and i + 16), or a byte each.
typedef struct row_block {
    uint8_t bytes[BLOCK];
    uint16_t scale, minimum;
} row_block;

typedef void (*block_reader)(const uint8_t *row, size_t block, size_t columns, row_block *out);

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

// w = d (q - 8)
static void read_q4_0(const uint8_t *row, size_t block, size_t columns, row_block *out) {
    const uint8_t *p = row + 18 * block;
    out->scale = u16_at(p);
    out->minimum = float_to_half(-8 * half_to_float(out->scale));
    memcpy(out->bytes, p + 2, 16);
}

// w = d q + m
static void read_q4_1(const uint8_t *row, size_t block, size_t columns, row_block *out) {
    const uint8_t *p = row + 20 * block;
    out->scale = u16_at(p);
    out->minimum = u16_at(p + 2);
    memcpy(out->bytes, p + 4, 16);
}

static uint8_t fifth_bit(uint32_t bits, int i) { return (uint8_t)((bits >> i & 1) << 4); }

static void read_five_bits(const uint8_t *high, const uint8_t *low, uint8_t *bytes) {
    uint32_t bits = u32_at(high);
    for (int i = 0; i < 16; i++) {
        bytes[i] = (low[i] & 15) | fifth_bit(bits, i);
        bytes[i + 16] = low[i] >> 4 | fifth_bit(bits, i + 16);
    }
}

// w = d (q - 16), stored signed
static void read_q5_0(const uint8_t *row, size_t block, size_t columns, row_block *out) {
    const uint8_t *p = row + 22 * block;
    out->scale = u16_at(p);
    read_five_bits(p + 2, p + 6, out->bytes);
    for (int i = 0; i < BLOCK; i++) out->bytes[i] = (uint8_t)(out->bytes[i] + 128 - 16);
}

// w = d q + m
static void read_q5_1(const uint8_t *row, size_t block, size_t columns, row_block *out) {
    const uint8_t *p = row + 24 * block;
    out->scale = u16_at(p);
    out->minimum = u16_at(p + 2);
    read_five_bits(p + 4, p + 8, out->bytes);
}

// w = d q
static void read_q8_0(const uint8_t *row, size_t block, size_t columns, row_block *out) {
    const uint8_t *p = row + 34 * block;
    out->scale = u16_at(p);
    for (int i = 0; i < BLOCK; i++) out->bytes[i] = p[2 + i] ^ 0x80;
}

// The scale and minimum, 6 bits each, of sub-block `i` (0…7) of q4_K and q5_K.
static void scale_and_minimum(const uint8_t *packed, size_t i, float *scale, float *minimum) {
    if (i < 4) {
        *scale = packed[i] & 63;
        *minimum = packed[i + 4] & 63;
    } else {
        *scale = (packed[i + 4] & 15) | (packed[i - 4] >> 6) << 4;
        *minimum = packed[i + 4] >> 4 | (packed[i] >> 6) << 4;
    }
}

// w = (d s) q - (dmin m)
static void read_k_scales(const uint8_t *super, size_t i, row_block *out) {
    float scale, minimum;
    scale_and_minimum(super + 4, i, &scale, &minimum);
    out->scale = float_to_half(half_to_float(u16_at(super)) * scale);
    out->minimum = float_to_half(-half_to_float(u16_at(super + 2)) * minimum);
}

static void read_q4_K(const uint8_t *row, size_t block, size_t columns, row_block *out) {
    const uint8_t *super = row + 144 * (block / 8);
    size_t i = block % 8;
    read_k_scales(super, i, out);
    const uint8_t *p = super + 16 + 32 * (i / 2);
    int shift = i % 2 ? 4 : 0;
    for (int k = 0; k < 16; k++) out->bytes[k] = (uint8_t)((p[k] >> shift & 15) | (p[k + 16] >> shift & 15) << 4);
}

static void read_q5_K(const uint8_t *row, size_t block, size_t columns, row_block *out) {
    const uint8_t *super = row + 176 * (block / 8);
    size_t i = block % 8;
    read_k_scales(super, i, out);
    const uint8_t *high = super + 16, *p = super + 48 + 32 * (i / 2);
    int shift = i % 2 ? 4 : 0;
    for (int k = 0; k < BLOCK; k++) out->bytes[k] = (uint8_t)((p[k] >> shift & 15) | (high[k] >> i & 1) << 4);
}

// 32 floats to 8 bits and a f16 scale.
static void round_block(const float *w, row_block *out) {
    int32_t top = 0;
    for (int i = 0; i < BLOCK; i++) {
        int32_t bits = __builtin_bit_cast(int32_t, w[i]) & 0x7fffffff;
        top = bits > top ? bits : top;
    }
    if (top >= 0x7f800000) {
        out->scale = 0x7e00;  // refused by the caller
        return;
    }
    out->scale = float_to_half(__builtin_bit_cast(float, top) / 127.0f);
    float scale = half_to_float(out->scale), inverse = scale > 0 ? 1.0f / scale : 0.0f;
    for (int i = 0; i < BLOCK; i++) {
        float q = w[i] * inverse;
        q = q > 127.0f ? 127.0f : q < -127.0f ? -127.0f : q;  // the scale may have been rounded down
        out->bytes[i] = (uint8_t)((int32_t)((q + 12582912.0f) - 12582912.0f) + 128);
    }
}

// w = d s q, a scale s for each 16
static void read_q6_K(const uint8_t *row, size_t block, size_t columns, row_block *out) {
    const uint8_t *super = row + 210 * (block / 8);
    size_t i = block % 8, half = i / 4, quarter = i % 4;
    const uint8_t *low = super + 64 * half + 32 * (quarter % 2), *high = super + 128 + 32 * half;
    const int8_t *scales = (const int8_t *)super + 192 + 8 * half + 2 * quarter;
    float d = half_to_float(u16_at(super + 208)), w[BLOCK];
    for (int k = 0; k < BLOCK; k++) {
        int q = (low[k] >> (quarter < 2 ? 0 : 4) & 15) | (high[k] >> (2 * quarter) & 3) << 4;
        w[k] = d * (float)scales[k / 16] * (float)(q - 32);
    }
    round_block(w, out);
}

static size_t elements_left(size_t block, size_t columns) { return columns - BLOCK * block < BLOCK ? columns - BLOCK * block : BLOCK; }

static void read_f32(const uint8_t *row, size_t block, size_t columns, row_block *out) {
    float w[BLOCK] = {0};
    memcpy(w, row + 4 * BLOCK * block, 4 * elements_left(block, columns));
    round_block(w, out);
}

static void read_f16(const uint8_t *row, size_t block, size_t columns, row_block *out) {
    float w[BLOCK] = {0};
    size_t left = elements_left(block, columns);
    for (size_t i = 0; i < left; i++) w[i] = half_to_float(u16_at(row + 2 * (BLOCK * block + i)));
    round_block(w, out);
}

static void read_bf16(const uint8_t *row, size_t block, size_t columns, row_block *out) {
    float w[BLOCK] = {0};
    size_t left = elements_left(block, columns);
    for (size_t i = 0; i < left; i++) w[i] = bfloat_to_float(u16_at(row + 2 * (BLOCK * block + i)));
    round_block(w, out);
}

static const struct {
    block_reader read;
    ck_packed_form form;
} sources[] = {
    [CK_SOURCE_F32] = {read_f32, CK_PACKED_8},
    [CK_SOURCE_F16] = {read_f16, CK_PACKED_8},
    [CK_SOURCE_BF16] = {read_bf16, CK_PACKED_8},
    [CK_SOURCE_Q4_0] = {read_q4_0, CK_PACKED_4},
    [CK_SOURCE_Q4_1] = {read_q4_1, CK_PACKED_4},
    [CK_SOURCE_Q5_0] = {read_q5_0, CK_PACKED_8},
    [CK_SOURCE_Q5_1] = {read_q5_1, CK_PACKED_8_MINIMUM},
    [CK_SOURCE_Q8_0] = {read_q8_0, CK_PACKED_8},
    [CK_SOURCE_Q4_K] = {read_q4_K, CK_PACKED_4},
    [CK_SOURCE_Q5_K] = {read_q5_K, CK_PACKED_8_MINIMUM},
    [CK_SOURCE_Q6_K] = {read_q6_K, CK_PACKED_8},
};

ck_packed_form ck_packed_form_of(ck_source_type type) { return sources[type].form; }

size_t ck_packed_panel_bytes(ck_packed_form form, size_t blocks) {
    size_t block_bytes = form == CK_PACKED_4 ? 320 : form == CK_PACKED_8 ? 544 : 576;
    return (blocks * block_bytes + 63) / 64 * 64;
}

static bool finite_half(uint16_t half) { return (half & 0x7c00) != 0x7c00; }

// Where row `lane` of block `block` goes.
typedef struct panel_parts {
    uint8_t *words;  // 4 bytes of the row every 64
    uint16_t *scale, *minimum;
    size_t count;    // of words
} panel_parts;

static panel_parts parts(ck_packed_form form, uint8_t *panel, size_t blocks, size_t block, size_t lane) {
    if (form == CK_PACKED_4) {
        uint8_t *p = panel + 320 * block;
        return (panel_parts){p + 4 * lane, (uint16_t *)(p + 256) + lane, (uint16_t *)(p + 288) + lane, 4};
    }
    uint16_t *scales = (uint16_t *)(panel + 512 * blocks) + PANEL * block + lane;
    return (panel_parts){panel + 512 * block + 4 * lane, scales, form == CK_PACKED_8 ? NULL : scales + PANEL * blocks, 8};
}

ck_pack_result ck_pack(
    ck_source_type type, const uint8_t *source, size_t row_bytes, const int64_t *row_order, size_t outputs, size_t inputs,
    size_t begin, size_t end, uint8_t *destination
) {
    block_reader read = sources[type].read;
    ck_packed_form form = sources[type].form;
    size_t blocks = (inputs + BLOCK - 1) / BLOCK, panel_bytes = ck_packed_panel_bytes(form, blocks);
    bool finite = true;
    for (size_t panel = begin; panel < end; panel++) {
        uint8_t *target = destination + panel * panel_bytes;
        for (size_t lane = 0; lane < PANEL; lane++) {
            size_t output = panel * PANEL + lane;
            bool real = output < outputs;
            const uint8_t *row = real ? source + (row_order ? (size_t)row_order[output] : output) * row_bytes : NULL;
            row_block out = {.scale = 0, .minimum = 0};
            memset(out.bytes, form == CK_PACKED_8 ? 128 : 0, BLOCK);
            for (size_t block = 0; block < blocks; block++) {
                if (real) read(row, block, inputs, &out);
                finite = finite && finite_half(out.scale) && finite_half(out.minimum);
                panel_parts to = parts(form, target, blocks, block, lane);
                for (size_t j = 0; j < to.count; j++) memcpy(to.words + 64 * j, out.bytes + 4 * j, 4);
                *to.scale = out.scale;
                if (to.minimum) *to.minimum = out.minimum;
            }
        }
    }
    return finite ? CK_PACK_DONE : CK_PACK_NOT_FINITE;
}

void ck_unpack_row(const ck_packed *weights, size_t output, size_t inputs, float *y) {
    uint8_t *panel = (uint8_t *)weights->data + output / PANEL * weights->panel_bytes;
    int offset = weights->form == CK_PACKED_8 ? 128 : 0;
    for (size_t block = 0; block < weights->blocks; block++) {
        panel_parts from = parts(weights->form, panel, weights->blocks, block, output % PANEL);
        float scale = half_to_float(*from.scale), minimum = from.minimum ? half_to_float(*from.minimum) : 0;
        uint8_t words[BLOCK], q[BLOCK];
        for (size_t j = 0; j < from.count; j++) memcpy(words + 4 * j, from.words + 64 * j, 4);
        if (weights->form == CK_PACKED_4) {
            for (size_t k = 0; k < BLOCK / 2; k++) q[k] = words[k] & 15;
            for (size_t k = 0; k < BLOCK / 2; k++) q[BLOCK / 2 + k] = words[k] >> 4;
        } else {
            memcpy(q, words, BLOCK);
        }
        size_t left = elements_left(block, inputs);
        float *target = y + BLOCK * block;
        if (left == BLOCK) {
            for (size_t k = 0; k < BLOCK; k++) target[k] = scale * (float)(q[k] - offset) + minimum;
        } else {
            for (size_t k = 0; k < left; k++) target[k] = scale * (float)(q[k] - offset) + minimum;
        }
    }
}
