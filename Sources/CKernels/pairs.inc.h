// Products of matrices in bf16, two elements to a word of 32 bits. See include/training.h. Included once an implementation, after
// matmul.inc.h; MATMUL_ROWS and MATMUL_VECTORS size the tile that stays in registers.
#include "half.h"
#include "include/packed.h"
#include "lanes.h"

CK_INLINE u32x16 pair_words(f32x16 low, f32x16 high) {
    return __builtin_convertvector(bfloat_of(low), u32x16) | __builtin_convertvector(bfloat_of(high), u32x16) << 16;
}

CK_INLINE f32x16 load_words(const uint32_t *words) {
    f32x16 v;
    memcpy(&v, words, sizeof v);
    return v;
}

CK_INLINE f32x16 splat_word(uint32_t word) {
    float value;
    memcpy(&value, &word, sizeof value);
    return splat(value);
}

// As matmul_tile; a is pairs, too, its rows `a_row` words apart.
CK_INLINE void pairs_tile(
    const uint32_t *a, size_t a_row, const uint32_t *words, size_t word_row, float *c, size_t c_row, int rows, int vectors, size_t last, size_t pairs,
    bool accumulate) {
    f32x16 sum[MATMUL_ROWS][MATMUL_VECTORS];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) {
            const float *from = c + i * c_row + v * LANES;
            sum[i][v] = !accumulate ? splat(0) : v + 1 < vectors || last == LANES ? load(from) : load_part(from, last);
        }
    for (size_t k = 0; k < pairs; k++) {
        f32x16 right[MATMUL_VECTORS];
        for (int v = 0; v < vectors; v++) right[v] = load_words(words + k * word_row + v * LANES);
        for (int i = 0; i < rows; i++) {
            f32x16 left = splat_word(a[i * a_row + k]);
            for (int v = 0; v < vectors; v++) sum[i][v] = dot_pairs(left, right[v], sum[i][v]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) {
            float *to = c + i * c_row + v * LANES;
            if (v + 1 < vectors || last == LANES)
                store(to, sum[i][v]);
            else
                store_part(to, sum[i][v], last);
        }
}

// Some rows, all columns: a's rows are rounded once.
CK_INLINE void pairs_rows(
    const float *a, size_t a_row, const uint32_t *words, size_t word_row, float *c, size_t c_row, int rows, size_t columns, size_t depth,
    bool accumulate) {
    enum { WIDE = MATMUL_VECTORS * LANES };
    uint32_t left[MATMUL_ROWS * CK_PAIRS_DEPTH / 2];
    for (int i = 0; i < rows; i++)
        for (size_t k = 0; k < depth; k += LANES) {
            size_t count = depth - k < LANES ? depth - k : LANES;
            u16x16 rounded = bfloat_of(load_first(a + i * a_row + k, count));
            memcpy(left + i * (CK_PAIRS_DEPTH / 2) + k / 2, &rounded, sizeof rounded);
        }
    size_t pairs = (depth + 1) / 2, j = 0;
    for (; j + WIDE <= columns; j += WIDE)
        pairs_tile(left, CK_PAIRS_DEPTH / 2, words + j, word_row, c + j, c_row, rows, MATMUL_VECTORS, LANES, pairs, accumulate);
    for (; j < columns; j += LANES) {
        size_t last = columns - j < LANES ? columns - j : LANES;
        pairs_tile(left, CK_PAIRS_DEPTH / 2, words + j, word_row, c + j, c_row, rows, 1, last, pairs, accumulate);
    }
}

static void matmul_pairs(
    const float *a, size_t a_row, const uint32_t *words, size_t word_row, float *c, size_t c_row, size_t rows, size_t columns,
    size_t depth, bool accumulate) {
    size_t i = 0;
    for (; i + MATMUL_ROWS <= rows; i += MATMUL_ROWS)
        pairs_rows(a + i * a_row, a_row, words, word_row, c + i * c_row, c_row, MATMUL_ROWS, columns, depth, accumulate);
    for (; i < rows; i++) pairs_rows(a + i * a_row, a_row, words, word_row, c + i * c_row, c_row, 1, columns, depth, accumulate);
}

static void round_pairs(const float *x, size_t columns, size_t count, uint32_t *words) {
    for (size_t k = 0; k < 2 * count; k += LANES) {
        f32x16 v = k < columns ? load_first(x + k, columns - k) : splat(0);
        u16x16 rounded = bfloat_of(v);
        memcpy(words + k / 2, &rounded, sizeof rounded);
    }
}

// The numbers of a panel's block as bytes, and what they are multiplied by and added to, of the first and of the last 16 inputs:
// w = d (q - zero) + m.
typedef struct opened_block {
    _Alignas(64) uint8_t bytes[8 * LINE];
    f32x16 d[2], m[2];
    int zero;
} opened_block;

CK_INLINE void open_block(form_layout layout, const uint8_t *lines, const block_factors *f, size_t i, opened_block *out) {
    for (int j = 0; j < 4; j++) {
        weights64 low, high;
        open_numbers(layout, lines, j, &low, &high);
        store_bytes(out->bytes + LINE * j, low);
        store_bytes(out->bytes + LINE * (j + 4), high);
    }
    out->zero = layout.zero;
    for (int half = 0; half < 2; half++) {
        int own = has_halves(layout.scales) ? half : 0;
        out->d[half] = f->d[i][own];
        out->m[half] = !has_minimums(layout.scales) ? splat(0) : layout.scales == HALF_MINIMUMS ? f->m[i][own] * splat(-32) : f->m[i][own];
    }
}

typedef void (*block_user)(const opened_block *block, size_t b, uint32_t *words, size_t word_row);

// All blocks of a panel, one after the other.
CK_INLINE void each_block_of(
    form_layout layout, const uint8_t *panel, size_t blocks, block_user use, uint32_t *words, size_t word_row
) {
    const size_t whole = group_blocks(layout.scales), lines = block_lines(layout.numbers);
    for (size_t first = 0; first < blocks; first += whole) {
        size_t count = blocks - first < whole ? blocks - first : whole;
        block_factors f;
        open_scales(layout.scales, panel, count, &f, 0);
        panel += LINE * head_lines(layout.scales, count);
        for (size_t i = 0; i < count; i++, panel += LINE * lines) {
            opened_block block;
            open_block(layout, panel, &f, i, &block);
            use(&block, first + i, words, word_row);
        }
    }
}

CK_INLINE void each_block(
    ck_packed_form form, const uint8_t *panel, size_t blocks, block_user use, uint32_t *words, size_t word_row
) {
    switch (form) {
#define CASE(form) case form: each_block_of(layout_of(form), panel, blocks, use, words, word_row); break;
    CASE(CK_PACKED_Q4_0) CASE(CK_PACKED_Q4_1) CASE(CK_PACKED_Q5_0) CASE(CK_PACKED_Q5_1) CASE(CK_PACKED_Q8_0) CASE(CK_PACKED_Q2_K)
    CASE(CK_PACKED_Q3_K) CASE(CK_PACKED_Q4_K) CASE(CK_PACKED_Q5_K) CASE(CK_PACKED_Q6_K) CASE(CK_PACKED_IQ4_NL) CASE(CK_PACKED_IQ4_XS)
    CASE(CK_PACKED_MXFP4)
#undef CASE
    }
}

// Of each output the weight of the input in byte `t` of its word of line `j`.
CK_INLINE f32x16 opened_weights(const opened_block *block, int j, int t) {
    i32x16 q = (load_line(block->bytes + LINE * j) >> 8 * t & 255) - block->zero;
    return block->d[j / 4] * float_of(q) + block->m[j / 4];
}

CK_INLINE void store_words(uint32_t *to, u32x16 words) { memcpy(to, &words, sizeof words); }

// 16 pairs of inputs, 16 outputs each.
static void block_input_pairs(const opened_block *block, size_t b, uint32_t *words, size_t word_row) {
    words += 16 * b * word_row;
    for (int j = 0; j < 8; j++)
        for (int t = 0; t < 4; t += 2)
            store_words(words + (2 * j + t / 2) * word_row, pair_words(opened_weights(block, j, t), opened_weights(block, j, t + 1)));
}

static void unpack_pairs(const ck_packed *weights, size_t begin, size_t end, uint32_t *words, size_t word_row) {
    for (size_t output = begin; output < end; output += LANES, words += LANES) {
        const uint8_t *panel = weights->data + output / LANES * weights->panel_bytes;
        each_block(weights->form, panel, weights->blocks, block_input_pairs, words, word_row);
    }
}

typedef uint32_t u32x8 __attribute__((ext_vector_type(8)));

// Eight rows of eight words, turned.
CK_INLINE void turn_words(const uint32_t *from, uint32_t *to, size_t to_row) {
    u32x8 a[8], b[8];
    for (int i = 0; i < 8; i++) memcpy(&a[i], from + 8 * i, sizeof a[i]);
    for (int i = 0; i < 8; i += 2) {
        b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            a[i + j] = __builtin_shufflevector(b[i + j], b[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            a[i + j + 2] = __builtin_shufflevector(b[i + j], b[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int j = 0; j < 4; j++) {
        b[j] = __builtin_shufflevector(a[j], a[j + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        b[j + 4] = __builtin_shufflevector(a[j], a[j + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (int i = 0; i < 8; i++) memcpy(to + i * to_row, &b[i], sizeof b[i]);
}

// 32 inputs, the outputs as eight pairs.
static void block_output_pairs(const opened_block *block, size_t b, uint32_t *words, size_t word_row) {
    _Alignas(64) uint32_t turned[32 * LANES / 2];
    for (int k = 0; k < 32; k++) {
        u16x16 rounded = bfloat_of(opened_weights(block, k / 4, k % 4));
        memcpy(turned + 8 * k, &rounded, sizeof rounded);
    }
    for (int k = 0; k < 32; k += 8) turn_words(turned + 8 * k, words + 32 * b + k, word_row);
}

static void unpack_output_pairs(const ck_packed *weights, size_t begin, size_t end, uint32_t *words, size_t word_row) {
    for (size_t output = begin; output < end; output += LANES, words += LANES / 2 * word_row) {
        const uint8_t *panel = weights->data + output / LANES * weights->panel_bytes;
        each_block(weights->form, panel, weights->blocks, block_output_pairs, words, word_row);
    }
}

// The columns of one tile, all rows.
CK_INLINE void pairs_columns(
    const uint32_t *a, size_t a_row, const uint32_t *words, size_t word_row, float *c, size_t c_row, size_t rows, int vectors, size_t last,
    size_t pairs) {
    size_t i = 0;
    for (; i + MATMUL_ROWS <= rows; i += MATMUL_ROWS)
        pairs_tile(a + i * a_row, a_row, words, word_row, c + i * c_row, c_row, MATMUL_ROWS, vectors, last, pairs, false);
    for (; i < rows; i++) pairs_tile(a + i * a_row, a_row, words, word_row, c + i * c_row, c_row, 1, vectors, last, pairs, false);
}

static void pairs_product(
    const uint32_t *a, size_t a_row, const uint32_t *words, size_t word_row, float *c, size_t c_row, size_t rows, size_t columns,
    size_t pairs) {
    enum { WIDE = MATMUL_VECTORS * LANES };
    size_t j = 0;
    for (; j + WIDE <= columns; j += WIDE)
        pairs_columns(a, a_row, words + j, word_row, c + j, c_row, rows, MATMUL_VECTORS, LANES, pairs);
    for (; j < columns; j += LANES)
        pairs_columns(a, a_row, words + j, word_row, c + j, c_row, rows, 1, columns - j < LANES ? columns - j : LANES, pairs);
}
