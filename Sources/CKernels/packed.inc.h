// See include/packed.h. Included once an implementation, which defines TILE_ROWS: the rows whose sums stay in registers.
#include "half.h"
#include "include/packed.h"
#include "dot.inc.h"

// Bytes of weights that are fetched ahead of their use: measured, 8 KiB is a third faster than 1 KiB for one row.
enum { AHEAD = 8192 };

// Of four vectors, in the order of the vectors: pairs of lanes meet until each vector has one.
#define REDUCE_4(name, JOIN)                                                                                          \
    CK_INLINE i32x4 name(i32x16 a, i32x16 b, i32x16 c, i32x16 d) {                                                   \
        i32x16 ab = JOIN(interleave_low(a, b), interleave_high(a, b)), cd = JOIN(interleave_low(c, d), interleave_high(c, d)); \
        i32x16 abcd = JOIN(interleave_pairs_low(ab, cd), interleave_pairs_high(ab, cd));                              \
        i32x8 half = JOIN(abcd.lo, abcd.hi);                                                                          \
        return JOIN(half.lo, half.hi);                                                                                \
    }
// Within each 128 bits, as the instructions have it.
#define interleave_low(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define interleave_high(a, b) __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define interleave_pairs_low(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define interleave_pairs_high(a, b) __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define JOIN_MAX(a, b) __builtin_elementwise_max(a, b)
#define JOIN_SUM(a, b) ((a) + (b))
REDUCE_4(largest_of_4, JOIN_MAX)
REDUCE_4(sums_of_4, JOIN_SUM)

// Four whole blocks: what is computed once a block is computed for four at once.
CK_INLINE void quantize_4(const float *x, ck_row_block *blocks) {
    f32x16 low[4], high[4];
    i32x16 magnitude[4];
    for (int b = 0; b < 4; b++) {
        low[b] = load(x + 32 * b), high[b] = load(x + 32 * b + 16);
        magnitude[b] = __builtin_elementwise_max(bits_of(low[b]) & 0x7fffffff, bits_of(high[b]) & 0x7fffffff);
    }
    // The largest magnitude as bits: NaN and infinity come out on top.
    i32x4 top = largest_of_4(magnitude[0], magnitude[1], magnitude[2], magnitude[3]);
    f32x4 largest = __builtin_bit_cast(f32x4, top);
    i32x4 finite = top < 0x7f800000, zero = largest < 1e-30f, counts = finite & ~zero;
    f32x4 scale = __builtin_bit_cast(f32x4, __builtin_bit_cast(i32x4, largest / 127.0f) & counts);
    f32x4 inverse = __builtin_bit_cast(f32x4, __builtin_bit_cast(i32x4, 1.0f / scale) & counts);
    scale = __builtin_bit_cast(f32x4, __builtin_bit_cast(i32x4, scale) | (~finite & __builtin_bit_cast(i32x4, (f32x4)NAN)));
    const f32x16 magic = splat(12582912.0f);
    i32x16 sum[4];
    for (int b = 0; b < 4; b++) {
        f32x16 factor = splat(inverse[b]);
        i32x16 keep = (i32x16)(finite[b]);
        i32x16 q = (bits_of(low[b] * factor + magic) - bits_of(magic)) & keep;
        i32x16 r = (bits_of(high[b] * factor + magic) - bits_of(magic)) & keep;
        i8x16 first = __builtin_convertvector(q, i8x16), second = __builtin_convertvector(r, i8x16);
        memcpy(blocks[b].q, &first, 16);
        memcpy(blocks[b].q + 16, &second, 16);
        sum[b] = q + r;
    }
    i32x4 sums = sums_of_4(sum[0], sum[1], sum[2], sum[3]);
    f32x4 scaled = scale * __builtin_convertvector(sums, f32x4);
    i32x4 bias = sums * -128;
    for (int b = 0; b < 4; b++) {
        blocks[b].scale = scale[b];
        blocks[b].scaled_sum = scaled[b];
        blocks[b].bias = bias[b];
        blocks[b].reserved = 0;
    }
}

static void quantize(const float *x, size_t columns, size_t block_count, ck_row_block *blocks) {
    size_t fours = columns / 128 * 4 < block_count ? columns / 128 * 4 : block_count / 4 * 4;
    for (size_t b = 0; b < fours; b += 4) quantize_4(x + 32 * b, blocks + b);
    for (size_t b = fours; b < block_count; b++) {
        size_t begin = b * 32, left = columns > begin ? columns - begin : 0;
        f32x16 low = splat(0), high = splat(0);
        if (left >= 32) {
            low = load(x + begin);
            high = load(x + begin + 16);
        } else if (left) {
            low = left >= 16 ? load(x + begin) : load_part(x + begin, left);
            if (left > 16) high = load_part(x + begin + 16, left - 16);
        }
        // The largest magnitude as bits: NaN and infinity come out on top.
        i32x16 m = bits_of(low) & 0x7fffffff, n = bits_of(high) & 0x7fffffff;
        int32_t top = __builtin_reduce_max(__builtin_elementwise_max(m, n));
        float largest = __builtin_bit_cast(float, top);
        bool finite = top < 0x7f800000, zero = largest < 1e-30f;
        float scale = !finite ? NAN : zero ? 0.0f : largest / 127.0f;
        f32x16 inverse = splat(!finite || zero ? 0.0f : 1.0f / scale);
        const f32x16 magic = splat(12582912.0f);
        i32x16 keep = (i32x16)(finite ? -1 : 0);
        i32x16 q = (bits_of(low * inverse + magic) - bits_of(magic)) & keep;
        i32x16 r = (bits_of(high * inverse + magic) - bits_of(magic)) & keep;
        i8x16 first = __builtin_convertvector(q, i8x16), second = __builtin_convertvector(r, i8x16);
        memcpy(blocks[b].q, &first, 16);
        memcpy(blocks[b].q + 16, &second, 16);
        int32_t sum = __builtin_reduce_add(q + r);
        blocks[b].scale = scale;
        blocks[b].scaled_sum = scale * (float)sum;
        blocks[b].bias = -128 * sum;
        blocks[b].reserved = 0;
    }
}

// One block of one row: acc = fma(m, scaled_sum, fma(isum, d * scale, acc)).
CK_INLINE f32x16 add_block(f32x16 acc, i32x16 isum, f32x16 d, const ck_row_block *x) {
    return fma16(__builtin_convertvector(isum, f32x16), d * splat(x->scale), acc);
}

// A walk through what is fetched in a product: of its own weights AHEAD of their use, past their end of the next product's, and
// `lines` a block of what else is read next, spread over the tiles of all rows.
typedef struct fetcher {
    const uint8_t *limit, *after;
    const ck_fetch_range *range;
    size_t ranges, at, lines;
} fetcher;

CK_INLINE fetcher start_fetching(const ck_packed *weights, size_t begin, size_t end, size_t tiles, const ck_fetch *fetch) {
    size_t panels = (end - begin + LANES - 1) / LANES, blocks = panels * weights->blocks * tiles;
    fetcher f = {.limit = weights->data + (begin / LANES + panels) * weights->panel_bytes};
    if (!fetch) return f;
    f.after = fetch->after;
    f.range = fetch->ranges;
    f.ranges = fetch->count;
    f.lines = (fetch->lines + blocks - 1) / blocks;
    return f;
}

CK_INLINE void fetch_ranges(fetcher *f) {
    for (size_t i = 0; i < f->lines && f->ranges; i++) {
        __builtin_prefetch(f->range->start + f->at, 0, 2);
        f->at += 64;
        if (f->at < f->range->bytes) continue;
        f->range++;
        f->ranges--;
        f->at = 0;
    }
}

CK_INLINE void fetch_block(fetcher *f, const uint8_t *bytes, int lines) {
    const uint8_t *ahead = bytes + AHEAD;
    if (ahead >= f->limit) ahead = f->after ? f->after + (ahead - f->limit) : bytes;
    for (int line = 0; line < lines; line++) __builtin_prefetch(ahead + 64 * line);
    fetch_ranges(f);
}

// Sums of all rows grow side by side: chains of products of one row would fill the scheduler. `rows` is a constant where this
// is inlined.
CK_INLINE void tile_4(const uint8_t *panel, size_t blocks, const ck_row_block *const *x, int rows, f32x16 *acc, fetcher *fetch, fetcher *ranges) {
    for (size_t b = 0; b < blocks; b++, panel += 320) {
        i32x16 isum[TILE_ROWS];
        if (fetch) fetch_block(fetch, panel, 5);
        else if (ranges) fetch_ranges(ranges);
        for (int r = 0; r < rows; r++) isum[r] = (i32x16)0;
#pragma clang loop unroll(full)
        for (int j = 0; j < 4; j++) {
            weights64 low, high;
            unpack_nibbles(panel + 64 * j, &low, &high);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) isum[r] = dot4(isum[r], low, x[r][b].q + 4 * j);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) isum[r] = dot4(isum[r], high, x[r][b].q + 4 * (j + 4));
        }
        f32x16 d = load_half((const uint16_t *)(panel + 256)), m = load_half((const uint16_t *)(panel + 288));
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            acc[r] = add_block(acc[r], isum[r], d, x[r] + b);
            acc[r] = fma16(m, splat(x[r][b].scaled_sum), acc[r]);
        }
    }
}

CK_INLINE void tile_8(
    const uint8_t *panel, size_t blocks, const ck_row_block *const *x, int rows, f32x16 *acc, fetcher *fetch, fetcher *ranges, bool minimum
) {
    const uint16_t *scales = (const uint16_t *)(panel + blocks * 512), *minimums = scales + blocks * 16;
    for (size_t b = 0; b < blocks; b++, panel += 512) {
        i32x16 isum[TILE_ROWS];
        if (fetch) fetch_block(fetch, panel, 8);
        else if (ranges) fetch_ranges(ranges);
        for (int r = 0; r < rows; r++) isum[r] = minimum ? (i32x16)0 : wide_start(x[r] + b);
#pragma clang loop unroll(full)
        for (int j = 0; j < 8; j++) {
            weights64 w = load_bytes(panel + 64 * j);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) {
                const int8_t *q = x[r][b].q + 4 * j;
                isum[r] = minimum ? dot4(isum[r], w, q) : dot4_biased(isum[r], w, spread(q, 1));
            }
        }
        f32x16 d = load_half(scales + 16 * b), m = splat(0);
        if (minimum) m = load_half(minimums + 16 * b);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            acc[r] = add_block(acc[r], isum[r], d, x[r] + b);
            if (minimum) acc[r] = fma16(m, splat(x[r][b].scaled_sum), acc[r]);
        }
    }
}

// `fetch`: the panel comes from memory; null for the rows after the first tile, who find it in the first-level cache and fetch
// `ranges`, unless that is null, too.
CK_INLINE void tile(
    const ck_packed *weights, const uint8_t *panel, const ck_row_block *const *x, int rows, float *const *y, size_t width, fetcher *fetch,
    fetcher *ranges
) {
    f32x16 acc[TILE_ROWS];
    for (int r = 0; r < rows; r++) acc[r] = splat(0);
    switch (weights->form) {
    case CK_PACKED_4: tile_4(panel, weights->blocks, x, rows, acc, fetch, ranges); break;
    case CK_PACKED_8: tile_8(panel, weights->blocks, x, rows, acc, fetch, ranges, false); break;
    case CK_PACKED_8_MINIMUM: tile_8(panel, weights->blocks, x, rows, acc, fetch, ranges, true); break;
    }
    for (int r = 0; r < rows; r++) {
        if (width == LANES) store(y[r], acc[r]);
        else store_part(y[r], acc[r], width);
    }
}

static void tile_of(
    const ck_packed *weights, const uint8_t *panel, const ck_row_block *const *x, size_t rows, float *const *y, size_t width,
    fetcher *fetch, fetcher *ranges
) {
    switch (rows) {
#define CASE(n) case n: if (n <= TILE_ROWS) tile(weights, panel, x, n <= TILE_ROWS ? n : 1, y, width, fetch, ranges); break;
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#undef CASE
    }
}

static void multiply_packed(
    const ck_packed *weights, const ck_row_block *x, size_t row_blocks, const int32_t *indices, size_t first, size_t rows,
    size_t begin, size_t end, float *y, size_t stride, const ck_fetch *fetch
) {
    fetcher walk = start_fetching(weights, begin, end, (rows + TILE_ROWS - 1) / TILE_ROWS, fetch);
    // Rows that stay in the second-level cache while all panels pass by.
    size_t chunk = (size_t)(384 << 10) / (weights->blocks * sizeof(ck_row_block) + 1) / TILE_ROWS * TILE_ROWS;
    if (chunk < TILE_ROWS) chunk = TILE_ROWS;
    for (size_t row = 0; row < rows; row += chunk) {
        size_t chunk_end = row + chunk < rows ? row + chunk : rows;
        for (size_t output = begin; output < end; output += LANES) {
            const uint8_t *panel = weights->data + output / LANES * weights->panel_bytes;
            size_t width = end - output < LANES ? end - output : LANES;
            for (size_t t = row; t < chunk_end; t += TILE_ROWS) {
                size_t count = chunk_end - t < TILE_ROWS ? chunk_end - t : TILE_ROWS;
                const ck_row_block *sources[TILE_ROWS];
                float *targets[TILE_ROWS];
                for (size_t r = 0; r < count; r++) {
                    sources[r] = x + (indices ? (size_t)indices[t + r] : first + t + r) * row_blocks;
                    targets[r] = y + (t + r) * stride + output;
                }
                tile_of(weights, panel, sources, count, targets, width, t == row ? &walk : 0, walk.ranges ? &walk : 0);
            }
        }
    }
}
