// Digests of what the kernels of one instruction set make of seeded numbers, a line a kernel and shape. The same on every machine
// and for every instruction set: `scripts/check-neon` compares those of an emulated ARM with this machine's.
// Usage: digests NAME, of ck_kernels_named; without NAME it prints that of the kernels that this machine would use.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

static const ck_kernels *kernels;
static uint64_t state;

static uint64_t bits(void) {  // SplitMix64
    uint64_t z = (state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static float *floats(size_t count, float scale) {
    float *x = malloc((count + 1) * sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = (float)(int32_t)(bits() >> 32) / 0x1p31f * scale;
    return x;
}

static void *zeros(size_t bytes) {
    size_t room = (bytes + 127) / 64 * 64;
    return memset(aligned_alloc(64, room), 0, room);
}

static void line(const char *name, const void *bytes, size_t count, size_t a, size_t b, size_t c) {
    uint8_t digest[CK_HASH_BYTES];
    ck_hash(&kernels->hash, bytes, count, digest);
    printf("%s %zu %zu %zu ", name, a, b, c);
    for (int i = 0; i < 16; i++) printf("%02x", digest[i]);
    putchar('\n');
}

static void elementwise(size_t n) {
    float *x = floats(n, 8), *z = floats(n, 2), *w = floats(n, 1), *y = zeros(4 * n);
    const ck_elementwise *e = &kernels->elementwise;
    e->rms_norm(x, w, 1e-5f, n, y), line("rms_norm", y, 4 * n, n, 0, 0);
    e->layer_norm(x, w, z, 1e-5f, n, y), line("layer_norm", y, 4 * n, n, 0, 0);
    e->add(x, y, n), e->multiply(z, y, n), e->scale(y, 0.3f, n), line("add multiply scale", y, 4 * n, n, 0, 0);
    e->silu_multiply(x, z, n, y), line("silu_multiply", y, 4 * n, n, 0, 0);
    e->gelu_tanh_multiply(x, z, n, y), line("gelu_tanh_multiply", y, 4 * n, n, 0, 0);
    memcpy(y, x, 4 * n), e->gelu(y, n), line("gelu", y, 4 * n, n, 0, 0);
    memcpy(y, x, 4 * n), e->gelu_tanh(y, n), line("gelu_tanh", y, 4 * n, n, 0, 0);
    memcpy(y, x, 4 * n), e->softmax(y, n), line("softmax", y, 4 * n, n, 0, 0);
    memcpy(y, x, 4 * n), e->rotate_halves(y, 1, n / 2 * 2, w, z), line("rotate_halves", y, 4 * n, n, 0, 0);
    size_t index = e->maximum_index(x, n);
    line("maximum_index", &index, sizeof index, n, 0, 0);
    y[0] = e->dot(x, z, n), line("dot", y, 4, n, 0, 0);
    float *rows = floats(7 * n, 1), sums[7];
    e->dots(x, rows, 7, n, sums), line("dots", sums, sizeof sums, n, 0, 0);
    float above = n > 3 ? x[3] : -1;
    y[0] = kernels->sampling.exp_sum(x, n, 8, 0.7f, above), line("exp_sum", y, 4, n, 0, 0);
    uint32_t *chosen = zeros(4 * n);
    size_t count = kernels->sampling.select(x, n, above, chosen);
    line("select", chosen, 4 * n, n, count, 0);
    memcpy(y, x, 4 * n), kernels->sampling.exp_scaled(y, n, 8, 0.7f), line("exp_scaled", y, 4 * n, n, 0, 0);
    free(x), free(z), free(w), free(y), free(rows), free(chosen);
}

// Random bytes of a file's blocks, their f16 scales finite.
static uint8_t *stored(ck_source_type type, size_t elements, size_t *bytes) {
    // In the order of ck_source_type, with where the f16 scales lie in a block; the second is 0 where there is one.
    static const size_t block[] = {1, 1, 1, 32, 32, 32, 32, 32, 256, 256, 256, 256, 256, 32, 256};
    static const size_t size[] = {4, 2, 2, 18, 20, 22, 24, 34, 84, 110, 144, 176, 210, 18, 136};
    static const size_t halves[][2] = {
        {0}, {0}, {0}, {0}, {0, 2}, {0}, {0, 2}, {0}, {80, 82}, {108}, {0, 2}, {0, 2}, {208}, {0}, {0},
    };
    *bytes = elements / block[type] * size[type];
    uint8_t *data = malloc(*bytes);
    if (type == CK_SOURCE_F32) {
        float *x = floats(elements, 1);
        memcpy(data, x, *bytes), free(x);
        return data;
    }
    for (size_t i = 0; i < *bytes; i++) data[i] = (uint8_t)(bits() >> 40);
    for (size_t b = 0; b < *bytes; b += size[type])
        for (size_t s = 0; s < (halves[type][1] ? 2 : 1); s++) {
            uint8_t *upper = data + b + halves[type][s] + 1;
            *upper = (*upper & 0x83) | 0x20;
        }
    return data;
}

static void packed(ck_source_type type, size_t outputs, size_t inputs, size_t rows) {
    size_t bytes, blocks = (inputs + 31) / 32, panels = (outputs + 15) / 16;
    uint8_t *source = stored(type, outputs * inputs, &bytes);
    ck_packed w = {.outputs = outputs, .blocks = blocks, .form = ck_packed_form_of(type)};
    w.panel_bytes = ck_packed_panel_bytes(w.form, blocks);
    uint8_t *data = zeros(panels * w.panel_bytes);
    if (ck_pack(type, source, bytes / outputs, NULL, outputs, inputs, 0, panels, data) != CK_PACK_DONE) puts("not finite");
    w.data = data;
    line("pack", data, panels * w.panel_bytes, type, outputs, inputs);
    float *x = floats(rows * inputs, 3), *weight = floats(inputs, 1), *y = zeros(4 * rows * outputs);
    ck_row_block *q = zeros(rows * blocks * sizeof *q);
    for (size_t r = 0; r < rows; r++) kernels->packed.norm_quantize(x + r * inputs, weight, 1e-5f, inputs, blocks, q + r * blocks, NULL);
    line("norm_quantize", q, rows * blocks * sizeof *q, inputs, rows, 0);
    for (size_t r = 0; r < rows; r++) kernels->packed.quantize(x + r * inputs, inputs, blocks, q + r * blocks);
    line("quantize", q, rows * blocks * sizeof *q, inputs, rows, 0);
    kernels->packed.multiply(&w, q, blocks, NULL, 0, rows, 0, outputs, y, outputs, NULL);
    line("multiply", y, 4 * rows * outputs, type, outputs, rows);
    uint32_t *words = zeros(4 * 16 * blocks * 16 * panels);  // as many pairs whichever way they lie
    kernels->training.unpack_pairs(&w, 0, outputs, words, 16 * panels), line("unpack_pairs", words, 4 * 16 * blocks * 16 * panels, type, outputs, inputs);
    kernels->training.unpack_output_pairs(&w, 0, outputs, words, 32 * blocks);
    line("unpack_output_pairs", words, 4 * 16 * blocks * 16 * panels, type, outputs, inputs);
    free(words);
    free(source), free(data), free(x), free(weight), free(y), free(q);
}

static void low_rank(size_t rank, size_t inputs, size_t outputs, size_t rows) {
    float *a = floats(rank * inputs, 1), *b = floats(outputs * rank, 1), *x = floats(rows * inputs, 2), *f = floats(outputs + rank, 1);
    float *h = zeros(4 * rows * rank), *y = zeros(4 * rows * outputs);
    for (int e = CK_LOW_RANK_F32; e <= CK_LOW_RANK_BF16; e++) {  // bf16: both halves of the floats' bits, finite
        if (e == CK_LOW_RANK_BF16)
            for (size_t i = 0; i < rank * inputs || i < rank * outputs; i++) {
                if (i < rank * inputs) ((uint32_t *)a)[i] &= 0xffffbfff;
                if (i < rank * outputs) ((uint32_t *)b)[i] &= 0xffffbfff;
            }
        kernels->low_rank.shrink(x, inputs, rows, a, (ck_low_rank_element)e, f, rank, inputs, 0.5f, h, rank);
        line("shrink", h, 4 * rows * rank, rank, inputs, rows);
        kernels->low_rank.expand(h, rank, rows, b, (ck_low_rank_element)e, f, rank, 0, outputs, outputs, y, outputs);
        line("expand", y, 4 * rows * outputs, rank, outputs, rows);
    }
    size_t in_blocks = (inputs + 31) / 32, rank_blocks = (rank + 31) / 32;
    ck_int8_matrix am = {.outputs = rank, .inputs = inputs, .lanes = rank <= 4 ? 4 : rank <= 8 ? 8 : 16, .factors = f};
    ck_int8_matrix bm = {.outputs = outputs, .inputs = rank, .lanes = 16, .factors = f};
    uint8_t *ad = zeros(ck_int8_bytes(&am)), *bd = zeros(ck_int8_bytes(&bm));
    float *a8 = floats(rank * inputs, 1), *b8 = floats(outputs * rank, 1);
    kernels->low_rank_int8.pack(&am, CK_SOURCE_F32, a8, ad), kernels->low_rank_int8.pack(&bm, CK_SOURCE_F32, b8, bd);
    am.data = ad, bm.data = bd;
    line("int8 pack a", ad, ck_int8_bytes(&am), rank, inputs, 0);
    line("int8 pack b", bd, ck_int8_bytes(&bm), outputs, rank, 0);
    ck_row_block *q = zeros(rows * in_blocks * sizeof *q), *hq = zeros(rows * rank_blocks * sizeof *hq);
    for (size_t r = 0; r < rows; r++) kernels->packed.quantize(x + r * inputs, inputs, in_blocks, q + r * in_blocks);
    kernels->low_rank_int8.shrink(q, in_blocks, NULL, rows, &am, NULL, 0.5f, hq, rank_blocks, NULL);
    line("int8 shrink", hq, rows * rank_blocks * sizeof *hq, rank, inputs, rows);
    memset(y, 0, 4 * rows * outputs);
    kernels->low_rank_int8.expand(hq, rank_blocks, NULL, rows, &bm, NULL, 0, outputs, y, outputs, NULL);
    line("int8 expand", y, 4 * rows * outputs, rank, outputs, rows);
    free(a), free(b), free(x), free(f), free(h), free(y), free(ad), free(bd), free(a8), free(b8), free(q), free(hq);
}

static void attention(ck_kv_element element, size_t heads, size_t kv_heads, size_t dimension, size_t rows, size_t window) {
    size_t blocks = (rows + 15) / 16, bytes = ck_kv_block_bytes(element, kv_heads, dimension), width = heads * dimension;
    uint8_t *kv = zeros(blocks * bytes);
    int32_t *table = malloc(blocks * sizeof *table);
    for (size_t b = 0; b < blocks; b++) table[b] = (int32_t)(blocks - 1 - b);
    for (size_t p = 0; p < rows; p++) {
        float *k = floats(kv_heads * dimension, 2), *v = floats(kv_heads * dimension, 1);
        uint8_t *block = kv + (size_t)table[p / 16] * bytes;
        kernels->attention.store_keys(k, kv_heads, dimension, 0, kv_heads, p % 16, block, element);
        kernels->attention.store_values(v, kv_heads, dimension, 0, kv_heads, p % 16, block, element);
        free(k), free(v);
    }
    line("store", kv, blocks * bytes, element, dimension, rows);
    float *q = floats(rows * width, 2), *scratch = malloc(4 * ck_attention_scratch(rows, dimension)), *y = zeros(4 * rows * width);
    kernels->attention.causal(&(ck_attention){
        .queries = q, .query_stride = width, .rows = rows, .heads = heads, .kv_heads = kv_heads, .head_dimension = dimension,
        .head_end = heads, .scale = 0.3f, .window = window, .element = element, .blocks = kv, .block_bytes = bytes, .table = table,
        .scratch = scratch, .output = y, .output_stride = width});
    line("causal", y, 4 * rows * width, element, dimension, window);
    float *both = floats(3 * rows * width, 1), *room = malloc(4 * ck_bidirectional_attention_scratch(rows, dimension));
    kernels->attention.bidirectional(&(ck_bidirectional_attention){
        .queries = both, .keys = both + rows * width, .values = both + 2 * rows * width, .stride = width, .tokens = rows,
        .head_dimension = dimension, .head_end = heads, .scale = 0.3f, .scratch = room, .output = y, .output_stride = width});
    line("bidirectional", y, 4 * rows * width, heads, dimension, rows);
    free(kv), free(table), free(q), free(scratch), free(y), free(both), free(room);
}

static void hashes(size_t count) {
    uint8_t *x = malloc(count + 1), digest[CK_HASH_BYTES];
    for (size_t i = 0; i < count; i++) x[i] = (uint8_t)(bits() >> 40);
    ck_hash(&kernels->hash, x, count, digest);
    line("hash", digest, sizeof digest, count, 0, 0);
    free(x);
}

static void training(size_t n) {
    const ck_training_kernels *t = &kernels->training;
    float *x = floats(n, 4), *z = floats(n, 1), *w = floats(n, 1), *y = zeros(4 * n), *u = zeros(4 * n);
    t->rms_norm_gradient(x, w, z, 1e-5f, n, y), line("rms_norm_gradient", y, 4 * n, n, 0, 0);
    t->silu_multiply_gradient(x, w, z, n, y, u), t->add_product(x, u, y, n), line("silu_gradient", y, 4 * n, n, 0, 0);
    t->gelu_tanh_multiply_gradient(x, w, z, n, y, u), t->add_product(x, u, y, n), line("gelu_tanh_gradient", y, 4 * n, n, 0, 0);
    memcpy(y, x, 4 * n), u[0] = t->softmax_logsumexp(y, 0.7f, n), line("softmax_logsumexp", y, 4 * n, n, 0, 0);
    t->softmax_gradient(x, z, 0.3f, 0.5f, n, y), line("softmax_gradient", y, 4 * n, n, 0, 0);
    memcpy(y, x, 4 * n), t->exp_minus(y, 0.7f, 2, n), line("exp_minus", y, 4 * n, n, 0, 0);
    memcpy(y, x, 4 * n), u[0] = t->exp_shifted(y, 4, n), line("exp_shifted", y, 4 * n, n, 0, 0), line("exp_shifted sum", u, 4, n, 0, 0);
    uint16_t *halves = zeros(2 * n);
    x[n / 2] = 0x1p-60f;
    t->round_bfloats(x, n, halves), line("round_bfloats", halves, 2 * n, n, 0, 0);
    t->widen_bfloats(halves, n, y), line("widen_bfloats", y, 4 * n, n, 0, 0);
    free(halves);
    free(x), free(z), free(w), free(y), free(u);
}

static void products(size_t rows, size_t columns, size_t depth) {
    const ck_training_kernels *t = &kernels->training;
    size_t stride = (columns + 15) / 16 * 16;
    float *a = floats(rows * depth, 1), *b = floats(depth * columns, 1), *c = zeros(4 * rows * columns);
    size_t pairs = (depth + 1) / 2, word_row = (pairs + 7) / 8 * 8;
    uint32_t *words = zeros(pairs * stride * 4), *left = zeros(rows * word_row * 4);
    t->matmul(a, depth, 1, b, columns, c, columns, rows, columns, depth, false);
    t->matmul(a, 1, rows, b, columns, c, columns, rows, columns, depth, true);
    line("matmul", c, 4 * rows * columns, rows, columns, depth);
    for (size_t k = 0; k < pairs; k++)
        for (size_t j = 0; j < columns; j++) {
            float two[2] = {b[2 * k * columns + j], 2 * k + 1 < depth ? b[(2 * k + 1) * columns + j] : 0};
            uint32_t both[8];
            t->round_pairs(two, 2, 8, both);
            words[k * stride + j] = both[0];
        }
    t->matmul_pairs(a, depth, words, stride, c, columns, rows, columns, depth, true);
    line("matmul_pairs", c, 4 * rows * columns, rows, columns, depth);
    for (size_t r = 0; r < rows; r++) t->round_pairs(a + r * depth, depth, word_row, left + r * word_row);
    line("round_pairs", left, 4 * rows * word_row, rows, depth, 0);
    t->pairs_product(left, word_row, words, stride, c, columns, rows, columns, pairs);
    line("pairs_product", c, 4 * rows * columns, rows, columns, depth);
    free(a), free(b), free(c), free(words), free(left);
}

static void nearest(size_t words, size_t count) {
    uint64_t *rows = zeros(8 * words * (count + 1));
    for (size_t i = 0; i < words * (count + 1); i++) rows[i] = bits();
    uint16_t *distances = zeros(2 * count);
    kernels->nearest.hamming(rows + words * count, rows, count, words, distances), line("hamming", distances, 2 * count, words, count, 0);
    int32_t sum = kernels->nearest.dot((const int8_t *)rows, (const int8_t *)(rows + words) + 1, 8 * words - 3);
    line("dot int8", &sum, sizeof sum, words, 0, 0);
    free(rows), free(distances);
}

static void encode(size_t n) {
    const ck_encode_kernels *e = &kernels->encode;
    ck_encode *const all[] = {e->f32, e->f16, e->bf16, e->q4_0, e->q4_1, e->q5_0, e->q5_1, e->q8_0, e->q4_K, e->q5_K, e->q6_K};
    static const char *const names[] = {"f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_K", "q5_K", "q6_K"};
    float *x = floats(n, 70000);  // beyond f16
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (n % (i < 3 ? 1 : i < 8 ? 32 : 256)) continue;
        uint8_t *out = zeros(4 * n);
        ck_encoding_loss loss = {0};
        all[i](x, n, out, &loss), line(names[i], out, 4 * n, n, loss.overflows, loss.not_finite);
        free(out);
    }
    free(x);
}

int main(int count, char **arguments) {
    if (count == 1) return puts(ck_kernels_chosen()->name), 0;
    kernels = count == 2 ? ck_kernels_named(arguments[1]) : NULL;
    if (!kernels) return fputs("usage: digests [NAME], kernels that this machine has\n", stderr), 2;
    for (size_t n = 1; n <= 33; n++) elementwise(n);
    elementwise(576), elementwise(1000);
    for (int type = CK_SOURCE_F32; type <= CK_SOURCE_IQ4_XS; type++) {
        if (type == CK_SOURCE_F16 || type == CK_SOURCE_BF16) continue;  // packed like f32, by code of no instruction set
        for (size_t rows = 1; rows <= 33; rows += rows < 9 ? 1 : 8) packed((ck_source_type)type, 40, 512, rows);
    }
    static const size_t ranks[] = {1, 4, 5, 8, 16, 33, 64};
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
        for (size_t rows = 1; rows <= 9; rows += 2) low_rank(ranks[i], 80, 48, rows), low_rank(ranks[i], 576, 192, rows);
    for (int element = CK_KV_F16; element <= CK_KV_BF16; element++)
        for (size_t window = 0; window <= 9; window += 9) {
            attention((ck_kv_element)element, 9, 3, 64, 37, window), attention((ck_kv_element)element, 4, 1, 20, 70, window);
            attention((ck_kv_element)element, 2, 2, 256, 17, window), attention((ck_kv_element)element, 1, 1, 1, 5, window);
        }
    for (size_t n = 0; n <= 70000; n = 3 * n + 1) hashes(n);
    for (size_t n = 1; n <= 600; n = n < 33 ? n + 1 : 3 * n) training(n);
    for (size_t rows = 1; rows <= 17; rows += 4) products(rows, 5, 3), products(rows, 48, 128), products(rows, 101, 77);
    for (size_t words = 1; words <= 13; words++) nearest(words, 37);
    for (size_t n = 1; n <= 33; n++) encode(n);
    encode(256), encode(1280), encode(8192 + 32);
    return 0;
}
