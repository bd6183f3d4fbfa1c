// The addresses that a product fetches meanwhile. See include/fetch.h.
#include "include/packed.h"
#include "lanes.h"

// Bytes of weights that are fetched ahead of their use: measured, 8 KiB is a third faster than 1 KiB for one row.
enum { AHEAD = 8192 };

// In order: the product's own weights AHEAD of their use, then the next product's; and for each block of each tile `lines` lines of what
// else is read next.
typedef struct fetcher {
    const uint8_t *limit, *after;
    const ck_fetch_range *range;
    size_t ranges, at, lines;
    bool near;  // to the first-level cache, not the second
    // Weights that are fetched evenly over many blocks: the next line, the lines left, those for each block.
    const uint8_t *planned;
    size_t planned_lines, planned_step;
} fetcher;

// For a product with panels up to `end`, which calls fetch_ranges `turns` times.
CK_INLINE fetcher start_fetching(const ck_packed *weights, size_t end, bool near, size_t turns, const ck_fetch *fetch) {
    fetcher f = {.limit = weights->data + end * weights->panel_bytes, .near = near};
    if (!fetch) return f;
    f.after = fetch->after;
    f.range = fetch->ranges;
    f.ranges = fetch->count;
    f.lines = (fetch->lines + turns - 1) / turns;
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

// The weights that lie AHEAD of `lines` lines at `bytes`.
CK_INLINE void fetch_weights(fetcher *f, const uint8_t *bytes, size_t lines) {
    const uint8_t *ahead = bytes + AHEAD;
    if (ahead >= f->limit) ahead = f->after ? f->after + (ahead - f->limit) : bytes;
    if (f->near) for (size_t line = 0; line < lines; line++) __builtin_prefetch(ahead + 64 * line, 0, 3);
    else for (size_t line = 0; line < lines; line++) __builtin_prefetch(ahead + 64 * line, 0, 2);
}

// As many bytes of weights as were just read are fetched from `next` on, during `blocks` calls of fetch_planned.
CK_INLINE void plan_weights(fetcher *f, const uint8_t *next, size_t bytes, size_t blocks) {
    if (next >= f->limit) next = f->after;
    f->planned = next;
    f->planned_lines = next ? bytes / 64 : 0;
    f->planned_step = (f->planned_lines + blocks - 1) / blocks;
}

CK_INLINE void fetch_planned(fetcher *f) {
    for (size_t i = 0; i < f->planned_step && f->planned_lines; i++, f->planned_lines--, f->planned += 64)
        __builtin_prefetch(f->planned, 0, 3);
}
