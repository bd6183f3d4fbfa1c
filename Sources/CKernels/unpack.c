// One row of a packed matrix as f32. See include/packed.h and packed_form.h.
#include "half.h"
#include "packed_form.h"

static uint32_t word_at(const uint8_t *p) {
    uint32_t value;
    memcpy(&value, p, 4);
    return value;
}

static float half_at(const uint8_t *head, size_t i, size_t lane) {
    uint16_t half;
    memcpy(&half, head + 32 * i + 2 * lane, 2);
    return half_to_float(half);
}

// The numbers of one output in a block.
static void read_numbers(form_layout layout, const uint8_t *words, uint8_t *q) {
    bool crumbs = layout.numbers == TWO_BITS || layout.numbers == THREE_BITS;
    for (int j = 0; j < 4; j++)
        for (int t = 0; t < 4; t++) {
            uint8_t *low = q + 4 * j + t, *high = low + 16;
            if (layout.numbers == EIGHT_BITS) {
                *low = words[LINE * j + t];
                *high = words[LINE * (j + 4) + t];
                continue;
            }
            *low = crumbs ? words[t] >> 2 * j & 3 : words[LINE * j + t] & 15;
            *high = crumbs ? words[LINE + t] >> 2 * j & 3 : words[LINE * j + t] >> 4;
            if (layout.numbers == SIX_BITS) {
                *low |= (uint8_t)((words[4 * LINE + t] >> 2 * j & 3) << 4);
                *high |= (uint8_t)((words[5 * LINE + t] >> 2 * j & 3) << 4);
            } else if (layout.numbers == FIVE_BITS || layout.numbers == THREE_BITS) {
                int bit = layout.numbers == FIVE_BITS ? 4 : 2;
                *low |= (uint8_t)((words[LINE * bit + t] >> j & 1) << bit);
                *high |= (uint8_t)((words[LINE * bit + t] >> (4 + j) & 1) << bit);
            }
            if (layout.table) {
                *low = layout.table[*low];
                *high = layout.table[*high];
            }
        }
}

// w = d (q - zero) + m of each 16 inputs of block `i` of a group.
typedef struct half_factors {
    float d[2], m[2];
} half_factors;

static half_factors read_scales(scale_layout layout, const uint8_t *head, size_t i, size_t lane) {
    const uint8_t *words = head + LINE + 4 * lane, *pair = words + LINE * (i / 2) + 2 * (i % 2);
    float d = half_at(head, layout == SCALES ? i : layout == HALF_SCALES ? i / 8 : 0, lane), m = 0;
    switch (layout) {
    case SCALES: break;
    case MINIMUMS: m = half_at(head, 1, lane); break;
    case SUPER_SCALES: {
        uint16_t upper;
        memcpy(&upper, head + 32 + 2 * lane, 2);
        d *= (float)((int)((word_at(words) >> 4 * i & 15) | (uint32_t)(upper >> 2 * i & 3) << 4) - 32);
        break;
    }
    case SUPER_MINIMUMS: {
        super_field s = scale_field(i), u = minimum_field(i);
        uint32_t last = word_at(words) >> 30 | word_at(words + LINE) >> 30 << 2 | word_at(words + 2 * LINE) >> 30 << 4;
        uint32_t minimum = i < 7 ? word_at(words + LINE * u.word) >> u.shift & 63 : last;
        d *= (float)(word_at(words + LINE * s.word) >> s.shift & 63);
        m = -half_at(head, 1, lane) * (float)minimum;
        break;
    }
    case HALF_SCALES: return (half_factors){{d * (float)(int8_t)pair[0], d * (float)(int8_t)pair[1]}, {0, 0}};
    case HALF_MINIMUMS:
        m = -half_at(head, 1, lane);
        return (half_factors){
            {d * (float)(pair[0] & 15), d * (float)(pair[1] & 15)}, {m * (float)(pair[0] >> 4), m * (float)(pair[1] >> 4)}};
    }
    return (half_factors){{d, d}, {m, m}};
}

void ck_unpack_row(const ck_packed *weights, size_t output, size_t inputs, float *y) {
    form_layout layout = layout_of(weights->form);
    size_t whole = group_blocks(layout.scales), block_bytes = LINE * block_lines(layout.numbers), lane = output % PANEL;
    const uint8_t *head = weights->data + output / PANEL * weights->panel_bytes;
    for (size_t first = 0; first < weights->blocks; first += whole) {
        size_t count = weights->blocks - first < whole ? weights->blocks - first : whole;
        const uint8_t *words = head + LINE * head_lines(layout.scales, count);
        for (size_t i = 0; i < count; i++, words += block_bytes) {
            uint8_t q[BLOCK];
            read_numbers(layout, words + 4 * lane, q);
            half_factors f = read_scales(layout.scales, head, i, lane);
            size_t start = BLOCK * (first + i), left = start < inputs ? inputs - start : 0;
            for (size_t k = 0; k < BLOCK && k < left; k++) y[start + k] = f.d[k / 16] * (float)(q[k] - layout.zero) + f.m[k / 16];
        }
        head = words;
    }
}
