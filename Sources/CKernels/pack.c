// From the files' rows of blocks to panels of 16 interleaved rows. See include/packed.h.
#include "half.h"
#include "source_block.h"

ck_packed_form ck_packed_form_of(ck_source_type type) {
    switch (type) {
    case CK_SOURCE_F32: case CK_SOURCE_F16: case CK_SOURCE_BF16: case CK_SOURCE_Q8_0: return CK_PACKED_Q8_0;
    case CK_SOURCE_Q4_0: return CK_PACKED_Q4_0;
    case CK_SOURCE_Q4_1: return CK_PACKED_Q4_1;
    case CK_SOURCE_Q5_0: return CK_PACKED_Q5_0;
    case CK_SOURCE_Q5_1: return CK_PACKED_Q5_1;
    case CK_SOURCE_Q2_K: return CK_PACKED_Q2_K;
    case CK_SOURCE_Q3_K: return CK_PACKED_Q3_K;
    case CK_SOURCE_Q4_K: return CK_PACKED_Q4_K;
    case CK_SOURCE_Q5_K: return CK_PACKED_Q5_K;
    case CK_SOURCE_Q6_K: return CK_PACKED_Q6_K;
    case CK_SOURCE_IQ4_NL: return CK_PACKED_IQ4_NL;
    case CK_SOURCE_IQ4_XS: return CK_PACKED_IQ4_XS;
    case CK_SOURCE_MXFP4: return CK_PACKED_MXFP4;
    }
    return CK_PACKED_Q8_0;
}

size_t ck_packed_panel_bytes(ck_packed_form form, size_t blocks) { return LINE * panel_lines(layout_of(form), blocks); }

static bool finite_half(uint16_t half) { return (half & 0x7c00) != 0x7c00; }

static void write_word(uint8_t *lines, int line, uint32_t word) { memcpy(lines + LINE * line, &word, 4); }

// `count` words, each `step` bits above the one before.
static uint32_t stacked(const uint32_t *words, int count, int step, int shift, uint32_t mask) {
    uint32_t all = 0;
    for (int j = 0; j < count; j++) all |= (words[j] >> shift & mask * 0x01010101) << step * j;
    return all;
}

// The numbers of a block, one word of this output in each line.
static void write_numbers(number_layout layout, const uint32_t *q, uint8_t *lines) {
    switch (layout) {
    case TWO_BITS: case THREE_BITS:
        for (int half = 0; half < 2; half++) write_word(lines, half, stacked(q + 4 * half, 4, 2, 0, 3));
        if (layout == THREE_BITS) write_word(lines, 2, stacked(q, 8, 1, 2, 1));
        return;
    case FOUR_BITS: case FIVE_BITS: case SIX_BITS:
        for (int j = 0; j < 4; j++) write_word(lines, j, (q[j] & 0x0f0f0f0f) | (q[j + 4] & 0x0f0f0f0f) << 4);
        if (layout == FIVE_BITS) write_word(lines, 4, stacked(q, 8, 1, 4, 1));
        if (layout == SIX_BITS) for (int half = 0; half < 2; half++) write_word(lines, 4 + half, stacked(q + 4 * half, 4, 2, 4, 3));
        return;
    case EIGHT_BITS:
        for (int j = 0; j < 8; j++) write_word(lines, j, q[j]);
    }
}

static void add_bits(uint8_t *word, uint32_t bits) {
    uint32_t value;
    memcpy(&value, word, 4);
    value |= bits;
    memcpy(word, &value, 4);
}

static void write_half(uint8_t *head, int i, size_t lane, uint16_t half) { memcpy(head + 32 * i + 2 * lane, &half, 2); }

// Block `i` of a group. The words of a head begin as zeros.
static void write_scales(scale_layout layout, const source_block *block, size_t i, size_t lane, uint8_t *head) {
    uint8_t *words = head + LINE + 4 * lane;
    switch (layout) {
    case SCALES: write_half(head, (int)i, lane, block->half[0]); break;
    case MINIMUMS:
        write_half(head, 0, lane, block->half[0]);
        write_half(head, 1, lane, block->half[1]);
        break;
    case SUPER_SCALES: {
        write_half(head, 0, lane, block->half[0]);
        uint16_t upper;
        memcpy(&upper, head + 32 + 2 * lane, 2);
        write_half(head, 1, lane, (uint16_t)(upper | (block->scale[0] >> 4) << 2 * i));
        add_bits(words, (uint32_t)(block->scale[0] & 15) << 4 * i);
        break;
    }
    case SUPER_MINIMUMS: {
        write_half(head, 0, lane, block->half[0]);
        write_half(head, 1, lane, block->half[1]);
        super_field s = scale_field(i), u = minimum_field(i);
        uint32_t minimum = block->minimum[0];
        add_bits(words + LINE * s.word, (uint32_t)block->scale[0] << s.shift);
        if (i < 7) add_bits(words + LINE * u.word, minimum << u.shift);
        else for (int word = 0; word < 3; word++) add_bits(words + LINE * word, (minimum >> 2 * word & 3) << 30);
        break;
    }
    case HALF_SCALES:
        write_half(head, (int)(i / 8), lane, block->half[0]);
        memcpy(words + LINE * (i / 2) + 2 * (i % 2), block->scale, 2);
        break;
    case HALF_MINIMUMS:
        write_half(head, 0, lane, block->half[0]);
        write_half(head, 1, lane, block->half[1]);
        for (int half = 0; half < 2; half++)
            words[LINE * (i / 2) + 2 * (i % 2) + (size_t)half] = (uint8_t)(block->scale[half] | block->minimum[half] << 4);
        break;
    }
}

// Packs one group of up to 16 rows; rows that are null are zero.
static bool pack_group(
    form_layout layout, source_reader read, const uint8_t *const *rows, size_t first, size_t blocks, size_t inputs, uint8_t *group
) {
    size_t head = LINE * head_lines(layout.scales, blocks), block_bytes = LINE * block_lines(layout.numbers);
    bool finite = true;
    memset(group, 0, head + blocks * block_bytes);
    for (size_t lane = 0; lane < PANEL; lane++) {
        if (!rows[lane]) continue;
        for (size_t i = 0; i < blocks; i++) {
            source_block block = {.half = {0, 0}};
            read(rows[lane], first + i, inputs, &block);
            finite = finite && finite_half(block.half[0]) && finite_half(block.half[1]);
            uint8_t *words = group + head + i * block_bytes + 4 * lane;
            write_numbers(layout.numbers, block.numbers, words);
            write_scales(layout.scales, &block, i, lane, group);
        }
    }
    return finite;
}

ck_pack_result ck_pack(
    ck_source_type type, const uint8_t *source, size_t row_bytes, const int64_t *row_order, size_t outputs, size_t inputs,
    size_t begin, size_t end, uint8_t *destination
) {
    source_reader read = ck_source_reader(type);
    ck_packed_form form = ck_packed_form_of(type);
    form_layout layout = layout_of(form);
    size_t blocks = (inputs + BLOCK - 1) / BLOCK, panel_bytes = ck_packed_panel_bytes(form, blocks), whole = group_blocks(layout.scales);
    bool finite = true;
    for (size_t panel = begin; panel < end; panel++) {
        const uint8_t *rows[PANEL];
        for (size_t lane = 0; lane < PANEL; lane++) {
            size_t output = panel * PANEL + lane;
            rows[lane] = output < outputs ? source + (row_order ? (size_t)row_order[output] : output) * row_bytes : NULL;
        }
        uint8_t *group = destination + panel * panel_bytes;
        for (size_t first = 0; first < blocks; first += whole) {
            size_t count = blocks - first < whole ? blocks - first : whole;
            finite = pack_group(layout, read, rows, first, count, inputs, group) && finite;
            group += LINE * panel_lines(layout, count);
        }
    }
    return finite ? CK_PACK_DONE : CK_PACK_NOT_FINITE;
}
