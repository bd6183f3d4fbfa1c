// See include/packed.h. Included once an implementation, after quantize.inc.h; it defines TILE_ROWS: the rows whose sums stay in
// registers.
#include "fetch.inc.h"
#include "panel.inc.h"
#include "row_pairs.inc.h"

// A few rows are multiplied with the panels as they lie. For more, a slice of a panel is opened and stays in the first-level cache while
// up to KEPT_ROWS rows pass by; their sums are kept in between. All panels go past a part of the rows' blocks that stays in the
// second-level cache, before the next part; y keeps the sums in between.
enum { SLICE_BLOCKS = MOST_GROUP_BLOCKS, FEW_ROWS = 2 * TILE_ROWS, KEPT_ROWS = 256 };

// One block or half a block of one row: acc = fma(isum, d * scale, acc).
CK_INLINE f32x16 add_block(f32x16 acc, i32x16 isum, f32x16 d, const ck_row_block *x) {
    return fma16(float_of(isum), d * splat(x->scale), acc);
}

// -32 sum(q) of the first 16 numbers of a row's block, and of the others.
typedef struct half_biases {
    i32x16 of[2];
} half_biases;

CK_INLINE half_biases biases_of(const ck_row_block *x) {
    i32x16 first = (i32x16)(x->first_bias);
    return (half_biases){{first, ((i32x16)(x->bias) >> 2) - first}};
}

// Block `i` of the factors and `b` of the rows; `lines` are its numbers, as they lie or as bytes (`opened`). Sums of all rows grow side by
// side: chains of products of one row would fill the scheduler. `layout` and `rows` are constants where this is inlined.
CK_INLINE void block_products(
    form_layout layout, bool opened, const uint8_t *lines, const block_factors *f, size_t i, const ck_row_block *const *x, size_t b, int rows,
    f32x16 *acc
) {
    const bool halves = has_halves(layout.scales), wide = layout.zero == 128;
    i32x16 sum[2][TILE_ROWS];
    // They begin with -zero sum(q_x).
    for (int r = 0; r < rows; r++) {
        const ck_row_block *at = x[r] + b;
        sum[0][r] = sum[1][r] = (i32x16)0;
        if (wide) sum[0][r] = wide_start(at);
        else if (layout.zero == 16) sum[0][r] = (i32x16)(at->bias) >> 3;
        else if (layout.zero == 8) sum[0][r] = (i32x16)(at->bias) >> 4;
        else if (layout.zero) {
            half_biases biases = biases_of(at);
            for (int half = 0; half < 2; half++) sum[half][r] = layout.zero == 4 ? biases.of[half] >> 3 : biases.of[half];
        }
    }
#if defined(CK_I8MM)
    if (opened) add_opened_products(lines, halves, x, b, rows, sum);
    else
#endif
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
        weights64 four[2];
        if (opened) four[0] = load_bytes(lines + LINE * j), four[1] = load_bytes(lines + LINE * (j + 4));
        else open_numbers(layout, lines, j, four, four + 1);
#pragma clang loop unroll(full)
        for (int half = 0; half < 2; half++)
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) {
                spread64 q = spread(x[r][b].q + 16 * half + 4 * j, 1);
                i32x16 *isum = &sum[halves ? half : 0][r];
                *isum = wide ? dot4_biased(*isum, four[half], q) : dot4_spread(*isum, four[half], q);
            }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        const ck_row_block *at = x[r] + b;
        acc[r] = add_block(acc[r], sum[0][r], f->d[i][0], at);
        if (halves) acc[r] = add_block(acc[r], sum[1][r], f->d[i][1], at);
        if (layout.scales == HALF_MINIMUMS)
            for (int half = 0; half < 2; half++) acc[r] = add_block(acc[r], biases_of(at).of[half], f->m[i][half], at);
        else if (has_minimums(layout.scales)) acc[r] = fma16(f->m[i][0], splat(at->scaled_sum), acc[r]);
    }
}

// The sums of a panel: rows of y lie `stride` apart.
CK_INLINE void store_sums(float *y, size_t stride, const f32x16 *acc, int rows, size_t width) {
    for (int r = 0; r < rows; r++, y += stride) {
        if (width == LANES) store(y, acc[r]);
        else store_part(y, acc[r], width);
    }
}

// A function of a number of rows as one that has a case for each, where it is a constant.
#define ROWS_CASE(n, call) case n: if (n <= TILE_ROWS) { enum { ROWS = n <= TILE_ROWS ? n : 1 }; call; } break;
#define WITH_CONSTANT_ROWS(rows, call)                                                                                                  \
    switch (rows) {                                                                                                                     \
        ROWS_CASE(1, call) ROWS_CASE(2, call) ROWS_CASE(3, call) ROWS_CASE(4, call) ROWS_CASE(5, call) ROWS_CASE(6, call)               \
        ROWS_CASE(7, call) ROWS_CASE(8, call)                                                                                           \
    }

// The rows of a product and where their outputs go.
typedef struct product_rows {
    const ck_row_block *const *x;
    size_t count;
    float *y;
    size_t stride;
} product_rows;

// All inputs of a panel as it lies. `fetch`: it comes from memory; rows after the first tile find it in the caches.
CK_INLINE void tile(
    form_layout layout, size_t blocks, const uint8_t *panel, const ck_row_block *const *x, int rows, float *y, size_t stride, size_t width,
    fetcher *fetch, bool first_tile
) {
    const size_t whole = group_blocks(layout.scales), lines = block_lines(layout.numbers);
    f32x16 acc[TILE_ROWS];
    for (int r = 0; r < rows; r++) acc[r] = splat(0);
    for (size_t first = 0; first < blocks; first += whole) {
        size_t count = blocks - first < whole ? blocks - first : whole, head = head_lines(layout.scales, count);
        block_factors f;
        if (first_tile) fetch_weights(fetch, panel, head);
        open_scales(layout.scales, panel, count, &f, 0);
        panel += LINE * head;
        for (size_t i = 0; i < count; i++, panel += LINE * lines) {
            if (first_tile) fetch_weights(fetch, panel, lines);
            fetch_ranges(fetch);
            block_products(layout, false, panel, &f, i, x, first + i, rows, acc);
        }
    }
    store_sums(y, stride, acc, rows, width);
}

CK_INLINE void multiply_few(form_layout layout, const ck_packed *weights, const product_rows *rows, size_t begin, size_t end, fetcher *fetch) {
    for (size_t output = begin; output < end; output += LANES) {
        const uint8_t *panel = weights->data + output / LANES * weights->panel_bytes;
        size_t width = end - output < LANES ? end - output : LANES;
        for (size_t row = 0; row < rows->count; row += TILE_ROWS) {
            const ck_row_block *const *x = rows->x + row;
            float *y = rows->y + row * rows->stride + output;
            size_t count = rows->count - row < TILE_ROWS ? rows->count - row : TILE_ROWS;
            WITH_CONSTANT_ROWS(count, tile(layout, weights->blocks, panel, x, ROWS, y, rows->stride, width, fetch, row == 0))
        }
    }
}

// Some blocks of a panel, opened: 8 lines of bytes each, with i8mm turned by pair_lines.
typedef struct panel_slice {
    _Alignas(64) uint8_t bytes[SLICE_BLOCKS * 8 * LINE];
    block_factors factors;
    size_t first, count;  // blocks of the panel
    bool continues;       // sums are begun by the slice before; else y has them, unless first is 0
    bool ends;            // sums go to y
} panel_slice;

CK_INLINE bool begins_in_y(const panel_slice *slice) { return slice->first && !slice->continues; }

// Opens the slice's blocks, which begin with a group, and returns where the next ones lie.
CK_INLINE const uint8_t *open_slice(form_layout layout, const uint8_t *panel, panel_slice *slice) {
    const size_t whole = group_blocks(layout.scales), lines = block_lines(layout.numbers);
    for (size_t at = 0; at < slice->count; at += whole) {
        size_t count = slice->count - at < whole ? slice->count - at : whole;
        open_scales(layout.scales, panel, count, &slice->factors, at);
        panel += LINE * head_lines(layout.scales, count);
        for (size_t i = 0; i < count; i++, panel += LINE * lines) {
            uint8_t *bytes = slice->bytes + (at + i) * 8 * LINE;
#pragma clang loop unroll(full)
            for (int j = 0; j < 4; j++) {
                weights64 low, high;
                open_numbers(layout, panel, j, &low, &high);
                store_bytes(bytes + LINE * j, low);
                store_bytes(bytes + LINE * (j + 4), high);
            }
#if defined(CK_I8MM)
            for (int k = 0; k < 4; k++) pair_lines(bytes + 2 * LINE * k);
#endif
        }
    }
    return panel;
}

// The blocks of a slice for some rows.
CK_INLINE void slice_tile(
    form_layout layout, const panel_slice *slice, const ck_row_block *const *x, int rows, float *sums, float *y, size_t stride, size_t width,
    fetcher *fetch
) {
    f32x16 acc[TILE_ROWS];
    for (int r = 0; r < rows; r++)
        acc[r] = slice->continues ? load(sums + LANES * r) : begins_in_y(slice) ? load_first(y + r * stride, width) : splat(0);
    for (size_t i = 0; i < slice->count; i++) {
        fetch_planned(fetch);
        fetch_ranges(fetch);
        block_products(layout, true, slice->bytes + i * 8 * LINE, &slice->factors, i, x, slice->first + i, rows, acc);
    }
    if (slice->ends) store_sums(y, stride, acc, rows, width);
    else store_sums(sums, LANES, acc, rows, LANES);
}

typedef void (*slice_multiplier)(
    const panel_slice *slice, const ck_row_block *const *x, size_t rows, float *sums, float *y, size_t stride, size_t width, fetcher *fetch);

// Open slices differ in their scales and zero only.
#define SLICE_MULTIPLIER(name, scales, zero)                                                                                            \
    static void name(                                                                                                                   \
        const panel_slice *slice, const ck_row_block *const *x, size_t rows, float *sums, float *y, size_t stride, size_t width,        \
        fetcher *fetch) {                                                                                                               \
        const form_layout layout = {EIGHT_BITS, scales, zero, false};                                                                   \
        WITH_CONSTANT_ROWS(rows, slice_tile(layout, slice, x, ROWS, sums, y, stride, width, fetch))                                     \
    }
SLICE_MULTIPLIER(slice_of_scales_8, SCALES, 8)
SLICE_MULTIPLIER(slice_of_scales_16, SCALES, 16)
SLICE_MULTIPLIER(slice_of_scales_128, SCALES, 128)
SLICE_MULTIPLIER(slice_of_minimums, MINIMUMS, 0)
SLICE_MULTIPLIER(slice_of_half_scales_4, HALF_SCALES, 4)
SLICE_MULTIPLIER(slice_of_half_scales_32, HALF_SCALES, 32)
SLICE_MULTIPLIER(slice_of_half_minimums, HALF_MINIMUMS, 0)

CK_INLINE slice_multiplier slice_multiplier_of(form_layout layout) {
    switch (layout.scales) {
    case MINIMUMS: case SUPER_MINIMUMS: return slice_of_minimums;
    case HALF_MINIMUMS: return slice_of_half_minimums;
    case HALF_SCALES: return layout.zero == 4 ? slice_of_half_scales_4 : slice_of_half_scales_32;
    case SCALES: case SUPER_SCALES: break;
    }
    return layout.zero == 8 ? slice_of_scales_8 : layout.zero == 16 ? slice_of_scales_16 : slice_of_scales_128;
}

// The lines of the next tile's sums in y, which lie far apart: waiting for them took 5 to 10 % of a prompt's products.
CK_INLINE void fetch_sums(const product_rows *rows, size_t row, size_t output) {
    for (size_t r = row; r < rows->count && r < row + TILE_ROWS; r++) __builtin_prefetch(rows->y + r * rows->stride + output, 1, 3);
}

// At most KEPT_ROWS rows; blocks first..<last, which begin with a slice.
CK_INLINE void multiply_many(
    form_layout layout, const ck_packed *weights, const product_rows *rows, size_t first, size_t last, size_t begin, size_t end, fetcher *fetch
) {
    _Alignas(64) float sums[KEPT_ROWS * LANES];
    const slice_multiplier multiply = slice_multiplier_of(layout);
    const size_t tiles = (rows->count + TILE_ROWS - 1) / TILE_ROWS;
    const size_t offset = panel_lines(layout, first) * LINE;
    panel_slice slice;
    for (size_t output = begin; output < end; output += LANES) {
        const uint8_t *panel = weights->data + output / LANES * weights->panel_bytes + offset, *panel_after = panel + weights->panel_bytes;
        size_t width = end - output < LANES ? end - output : LANES;
        for (slice.first = first; slice.first < last; slice.first += SLICE_BLOCKS) {
            slice.count = last - slice.first < SLICE_BLOCKS ? last - slice.first : SLICE_BLOCKS;
            slice.continues = slice.first > first;
            slice.ends = slice.first + SLICE_BLOCKS >= last;
            const uint8_t *next = open_slice(layout, panel, &slice);
            plan_weights(fetch, slice.ends ? panel_after : next, (size_t)(next - panel), tiles * slice.count);
            panel = next;
            for (size_t row = 0; row < rows->count; row += TILE_ROWS) {
                size_t count = rows->count - row < TILE_ROWS ? rows->count - row : TILE_ROWS;
                if (slice.ends || begins_in_y(&slice)) fetch_sums(rows, row + count, output);
                multiply(
                    &slice, rows->x + row, count, sums + row * LANES, rows->y + row * rows->stride + output, rows->stride, width, fetch);
            }
        }
    }
}

// Blocks of `rows` rows that stay in the second-level cache while all panels are read: whole slices.
CK_INLINE size_t part_blocks(size_t rows) {
    size_t blocks = (size_t)(384 << 10) / (rows * sizeof(ck_row_block)) / SLICE_BLOCKS * SLICE_BLOCKS;
    return blocks < SLICE_BLOCKS ? SLICE_BLOCKS : blocks;
}

CK_INLINE void multiply_layout(
    form_layout layout, const ck_packed *weights, const ck_row_block *x, size_t row_blocks, const int32_t *indices, size_t first, size_t count,
    size_t begin, size_t end, float *y, size_t stride, const ck_fetch *fetch
) {
    const size_t panels = (end - begin + LANES - 1) / LANES, tiles = (count + TILE_ROWS - 1) / TILE_ROWS;
    fetcher walk = start_fetching(weights, begin / LANES + panels, count == 1, weights->blocks * panels * tiles, fetch);
    for (size_t row = 0; row < count; row += KEPT_ROWS) {
        const ck_row_block *found[KEPT_ROWS];
        product_rows rows = {found, count - row < KEPT_ROWS ? count - row : KEPT_ROWS, y + row * stride, stride};
#pragma clang loop vectorize(disable)
        for (size_t r = 0; r < rows.count; r++) found[r] = x + (indices ? (size_t)indices[row + r] : first + row + r) * row_blocks;
        if (count <= FEW_ROWS) {
            multiply_few(layout, weights, &rows, begin, end, &walk);
            continue;
        }
        const size_t part = part_blocks(rows.count);
        for (size_t at = 0; at < weights->blocks; at += part) {
            size_t last = at + part < weights->blocks ? at + part : weights->blocks;
            multiply_many(layout, weights, &rows, at, last, begin, end, &walk);
        }
    }
}

static void multiply_packed(
    const ck_packed *weights, const ck_row_block *x, size_t row_blocks, const int32_t *indices, size_t first, size_t count,
    size_t begin, size_t end, float *y, size_t stride, const ck_fetch *fetch
) {
    switch (weights->form) {
#define CASE(form) \
    case form: multiply_layout(layout_of(form), weights, x, row_blocks, indices, first, count, begin, end, y, stride, fetch); break;
    CASE(CK_PACKED_Q4_0) CASE(CK_PACKED_Q4_1) CASE(CK_PACKED_Q5_0) CASE(CK_PACKED_Q5_1) CASE(CK_PACKED_Q8_0) CASE(CK_PACKED_Q2_K)
    CASE(CK_PACKED_Q3_K) CASE(CK_PACKED_Q4_K) CASE(CK_PACKED_Q5_K) CASE(CK_PACKED_Q6_K) CASE(CK_PACKED_IQ4_NL) CASE(CK_PACKED_IQ4_XS)
    CASE(CK_PACKED_MXFP4)
#undef CASE
    }
}
