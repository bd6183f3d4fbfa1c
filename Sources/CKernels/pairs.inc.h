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

// Of each lane the numbers in two neighbouring bytes of its word, times d, plus m. `mask` takes 4 or 8 bits, `zero` is the number 0.
CK_INLINE u32x16 unpack_pair(i32x16 bytes, int shift, int mask, int zero, f32x16 d, f32x16 m) {
    f32x16 low = __builtin_convertvector((bytes >> shift & mask) - zero, f32x16);
    f32x16 high = __builtin_convertvector((bytes >> (shift + 8) & mask) - zero, f32x16);
    return pair_words(d * low + m, d * high + m);
}

CK_INLINE void store_words(uint32_t *to, u32x16 words) { memcpy(to, &words, sizeof words); }

// One block of one panel: 16 pairs of inputs, 16 outputs each.
CK_INLINE void unpack_block_4(const uint8_t *panel, uint32_t *words, size_t word_row) {
    f32x16 d = load_half((const uint16_t *)(panel + 256)), m = load_half((const uint16_t *)(panel + 288));
    for (int j = 0; j < 4; j++) {
        i32x16 bytes;
        memcpy(&bytes, panel + 64 * j, sizeof bytes);
        store_words(words + (2 * j) * word_row, unpack_pair(bytes, 0, 15, 0, d, m));
        store_words(words + (2 * j + 1) * word_row, unpack_pair(bytes, 16, 15, 0, d, m));
        store_words(words + (2 * j + 8) * word_row, unpack_pair(bytes, 4, 15, 0, d, m));
        store_words(words + (2 * j + 9) * word_row, unpack_pair(bytes, 20, 15, 0, d, m));
    }
}

CK_INLINE void unpack_block_8(const uint8_t *panel, f32x16 d, f32x16 m, int zero, uint32_t *words, size_t word_row) {
    for (int j = 0; j < 8; j++) {
        i32x16 bytes;
        memcpy(&bytes, panel + 64 * j, sizeof bytes);
        store_words(words + (2 * j) * word_row, unpack_pair(bytes, 0, 255, zero, d, m));
        store_words(words + (2 * j + 1) * word_row, unpack_pair(bytes, 16, 255, zero, d, m));
    }
}

static void unpack_pairs(const ck_packed *weights, size_t begin, size_t end, uint32_t *words, size_t word_row) {
    for (size_t output = begin; output < end; output += LANES, words += LANES) {
        const uint8_t *panel = weights->data + output / LANES * weights->panel_bytes;
        const uint16_t *scales = (const uint16_t *)(panel + weights->blocks * 512), *minimums = scales + weights->blocks * LANES;
        for (size_t b = 0; b < weights->blocks; b++) {
            uint32_t *to = words + 16 * b * word_row;
            switch (weights->form) {
            case CK_PACKED_4: unpack_block_4(panel + 320 * b, to, word_row); break;
            case CK_PACKED_8: unpack_block_8(panel + 512 * b, load_half(scales + LANES * b), splat(0), 128, to, word_row); break;
            case CK_PACKED_8_MINIMUM:
                unpack_block_8(panel + 512 * b, load_half(scales + LANES * b), load_half(minimums + LANES * b), 0, to, word_row);
                break;
            }
        }
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

// The number of one input in sixteen outputs, as bf16: eight pairs of outputs.
CK_INLINE void unpack_input(i32x16 bytes, int shift, int mask, int zero, f32x16 d, f32x16 m, uint32_t *words) {
    u16x16 rounded = bfloat_of(d * __builtin_convertvector((bytes >> shift & mask) - zero, f32x16) + m);
    memcpy(words, &rounded, sizeof rounded);
}

static void unpack_output_pairs(const ck_packed *weights, size_t begin, size_t end, uint32_t *words, size_t word_row) {
    for (size_t output = begin; output < end; output += LANES, words += LANES / 2 * word_row) {
        const uint8_t *panel = weights->data + output / LANES * weights->panel_bytes;
        const uint16_t *scales = (const uint16_t *)(panel + weights->blocks * 512), *minimums = scales + weights->blocks * LANES;
        for (size_t b = 0; b < weights->blocks; b++) {
            _Alignas(64) uint32_t turned[32 * LANES / 2];
            if (weights->form == CK_PACKED_4) {
                const uint8_t *block = panel + 320 * b;
                f32x16 d = load_half((const uint16_t *)(block + 256)), m = load_half((const uint16_t *)(block + 288));
                for (int k = 0; k < 16; k++) {
                    i32x16 bytes;
                    memcpy(&bytes, block + 64 * (k / 4), sizeof bytes);
                    unpack_input(bytes, 8 * (k % 4), 15, 0, d, m, turned + 8 * k);
                    unpack_input(bytes, 8 * (k % 4) + 4, 15, 0, d, m, turned + 8 * (k + 16));
                }
            } else {
                const uint8_t *block = panel + 512 * b;
                bool minimum = weights->form == CK_PACKED_8_MINIMUM;
                f32x16 d = load_half(scales + LANES * b), m = minimum ? load_half(minimums + LANES * b) : splat(0);
                for (int k = 0; k < 32; k++) {
                    i32x16 bytes;
                    memcpy(&bytes, block + 64 * (k / 4), sizeof bytes);
                    unpack_input(bytes, 8 * (k % 4), 255, minimum ? 0 : 128, d, m, turned + 8 * k);
                }
            }
            for (int k = 0; k < 32; k += 8) turn_words(turned + 8 * k, words + 32 * b + k, word_row);
        }
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
