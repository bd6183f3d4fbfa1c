// See include/packed.h. Included once an implementation, after quantize.inc.h; it defines TILE_ROWS: the rows whose sums stay in
// registers.

// Bytes of weights that are fetched ahead of their use: measured, 8 KiB is a third faster than 1 KiB for one row.
enum { AHEAD = 8192 };

// One block of one row: acc = fma(m, scaled_sum, fma(isum, d * scale, acc)).
CK_INLINE f32x16 add_block(f32x16 acc, i32x16 isum, f32x16 d, const ck_row_block *x) {
    return fma16(__builtin_convertvector(isum, f32x16), d * splat(x->scale), acc);
}

// The addresses that a product fetches, in order: its own weights AHEAD of their use, then the next product's, and in each block `lines`
// lines of what else is read next, spread over the tiles of all rows.
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

// `fetch`: the panel comes from memory. It is null for the rows after the first tile, which find the panel in the first-level cache;
// they fetch `ranges`, unless that is null, too.
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
    // Rows that stay in the second-level cache while all panels are read.
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
