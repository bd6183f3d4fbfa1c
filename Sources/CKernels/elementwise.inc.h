// See include/elementwise.h. Included once an implementation.
#include "lanes.h"

// Runs `full` for each whole vector at i and `tail` for the last `left` elements.
#define EACH_VECTOR(count, full, tail)                 \
    do {                                               \
        size_t i = 0;                                  \
        for (; i + LANES <= (count); i += LANES) full; \
        size_t left = (count)-i;                       \
        if (left) tail;                                \
    } while (0)

static float dot(const float *x, const float *y, size_t count) {
    f32x16 sum = splat(0);
    EACH_VECTOR(count, sum = fma16(load(x + i), load(y + i), sum), sum = fma16(load_part(x + i, left), load_part(y + i, left), sum));
    return sum_lanes(sum);
}

// Four rows at a time: a single sum would wait for its own latency.
static void dots(const float *x, const float *rows, size_t row_count, size_t count, float *y) {
    enum { ROWS = 4 };
    size_t r = 0;
    for (; r + ROWS <= row_count; r += ROWS) {
        const float *row = rows + r * count;
        f32x16 sum[ROWS] = {splat(0), splat(0), splat(0), splat(0)};
        EACH_VECTOR(
            count,
            {
                f32x16 v = load(x + i);
                for (int k = 0; k < ROWS; k++) sum[k] = fma16(v, load(row + k * count + i), sum[k]);
            },
            {
                f32x16 v = load_part(x + i, left);
                for (int k = 0; k < ROWS; k++) sum[k] = fma16(v, load_part(row + k * count + i, left), sum[k]);
            });
        for (int k = 0; k < ROWS; k++) y[r + k] = sum_lanes(sum[k]);
    }
    for (; r < row_count; r++) y[r] = dot(x, rows + r * count, count);
}

// 1 / sqrt(mean(x²) + epsilon)
CK_INLINE f32x16 rms_factor(const float *x, float epsilon, size_t count) {
    return splat(1.0f / sqrtf(dot(x, x, count) / (float)count + epsilon));
}

static void rms_norm(const float *x, const float *weight, float epsilon, size_t count, float *y) {
    f32x16 factor = rms_factor(x, epsilon, count);
    EACH_VECTOR(
        count, store(y + i, load(x + i) * factor * load(weight + i)),
        store_part(y + i, load_part(x + i, left) * factor * load_part(weight + i, left), left));
}

static void layer_norm(const float *x, const float *weight, const float *bias, float epsilon, size_t count, float *y) {
    f32x16 sum = splat(0), squares = splat(0);
    EACH_VECTOR(count, sum += load(x + i), sum += load_part(x + i, left));
    float mean = sum_lanes(sum) / (float)count;
    f32x16 center = splat(mean);
    EACH_VECTOR(
        count, { f32x16 v = load(x + i) - center; squares = fma16(v, v, squares); },
        {
            // Lanes past the end must not count: their difference is taken from the mean itself.
            float lanes[LANES];
            store(lanes, center);
            for (size_t k = 0; k < left; k++) lanes[k] = x[i + k];
            f32x16 v = load(lanes) - center;
            squares = fma16(v, v, squares);
        });
    f32x16 factor = splat(1.0f / sqrtf(sum_lanes(squares) / (float)count + epsilon));
    EACH_VECTOR(
        count, store(y + i, fma16((load(x + i) - center) * factor, load(weight + i), load(bias + i))),
        store_part(
            y + i, fma16((load_part(x + i, left) - center) * factor, load_part(weight + i, left), load_part(bias + i, left)), left));
}

static void add(const float *x, float *y, size_t count) {
    EACH_VECTOR(count, store(y + i, load(y + i) + load(x + i)), store_part(y + i, load_part(y + i, left) + load_part(x + i, left), left));
}

static void multiply_elements(const float *x, float *y, size_t count) {
    EACH_VECTOR(count, store(y + i, load(y + i) * load(x + i)), store_part(y + i, load_part(y + i, left) * load_part(x + i, left), left));
}

static void scale(float *x, float factor, size_t count) {
    EACH_VECTOR(count, store(x + i, load(x + i) * splat(factor)), store_part(x + i, load_part(x + i, left) * splat(factor), left));
}

CK_INLINE f32x16 silu16(f32x16 x) { return x / (splat(1.0f) + exp16(-x)); }

// x / 2 * (1 + tanh(u)) = x / (1 + exp(-2 u))
CK_INLINE f32x16 gelu_tanh16(f32x16 x) {
    f32x16 u = x * fma16(x * x, splat(0.044715f), splat(1.0f));
    return x / (splat(1.0f) + exp16(u * splat(-1.5957691216f)));
}

// erfc by Abramowitz and Stegun 7.1.26, absolute error 1.5e-7.
CK_INLINE f32x16 gelu16(f32x16 x) {
    f32x16 z = of_bits(bits_of(x) & 0x7fffffff) * splat(0.70710678118f);
    f32x16 t = splat(1.0f) / fma16(z, splat(0.3275911f), splat(1.0f));
    f32x16 p = splat(1.061405429f);
    p = fma16(p, t, splat(-1.453152027f));
    p = fma16(p, t, splat(1.421413741f));
    p = fma16(p, t, splat(-0.284496736f));
    p = fma16(p, t, splat(0.254829592f));
    f32x16 complement = p * t * exp16(-(z * z)) * splat(0.5f);  // (1 - erf(z)) / 2
    f32x16 result = x * choose(x < splat(0), complement, splat(1.0f) - complement);
    return choose(x == splat(-INFINITY), splat(0), result);
}

static void silu_multiply(const float *gate, const float *up, size_t count, float *y) {
    EACH_VECTOR(
        count, store(y + i, silu16(load(gate + i)) * load(up + i)),
        store_part(y + i, silu16(load_part(gate + i, left)) * load_part(up + i, left), left));
}

CK_INLINE f32x16 clamped16(f32x16 gate, f32x16 up, float slope, float limit) {
    f32x16 most = splat(limit), g = choose(gate > most, most, gate), u = choose(up > most, most, choose(up < -most, -most, up));
    return g / (splat(1.0f) + exp16(g * splat(-slope))) * (u + splat(1.0f));
}

static void clamped_multiply(const float *gate, const float *up, float slope, float limit, size_t count, float *y) {
    EACH_VECTOR(
        count, store(y + i, clamped16(load(gate + i), load(up + i), slope, limit)),
        store_part(y + i, clamped16(load_part(gate + i, left), load_part(up + i, left), slope, limit), left));
}

static void gelu_tanh_multiply(const float *gate, const float *up, size_t count, float *y) {
    EACH_VECTOR(
        count, store(y + i, gelu_tanh16(load(gate + i)) * load(up + i)),
        store_part(y + i, gelu_tanh16(load_part(gate + i, left)) * load_part(up + i, left), left));
}

static void gelu(float *x, size_t count) {
    EACH_VECTOR(count, store(x + i, gelu16(load(x + i))), store_part(x + i, gelu16(load_part(x + i, left)), left));
}

static void gelu_tanh(float *x, size_t count) {
    EACH_VECTOR(count, store(x + i, gelu_tanh16(load(x + i))), store_part(x + i, gelu_tanh16(load_part(x + i, left)), left));
}

// (a, b) rotated by the angle of cosine c and sine s.
CK_INLINE f32x16 turned_low(f32x16 a, f32x16 b, f32x16 c, f32x16 s) { return a * c - b * s; }
CK_INLINE f32x16 turned_high(f32x16 a, f32x16 b, f32x16 c, f32x16 s) { return b * c + a * s; }

static void rotate_halves(float *x, size_t heads, size_t dimension, const float *cosines, const float *sines) {
    size_t half = dimension / 2;
    for (size_t head = 0; head < heads; head++) {
        float *low = x + head * dimension, *high = low + half;
        size_t i = 0;
        for (; i + LANES <= half; i += LANES) {
            f32x16 a = load(low + i), b = load(high + i), c = load(cosines + i), s = load(sines + i);
            store(low + i, turned_low(a, b, c, s));
            store(high + i, turned_high(a, b, c, s));
        }
        if (i < half) {
            f32x16 a = load_part(low + i, half - i), b = load_part(high + i, half - i);
            f32x16 c = load_part(cosines + i, half - i), s = load_part(sines + i, half - i);
            store_part(low + i, turned_low(a, b, c, s), half - i);
            store_part(high + i, turned_high(a, b, c, s), half - i);
        }
    }
}

static float maximum(const float *x, size_t count) {
    f32x16 top[4] = {splat(-INFINITY), splat(-INFINITY), splat(-INFINITY), splat(-INFINITY)};
    size_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES)
        for (int v = 0; v < 4; v++) top[v] = larger(load(x + i + v * LANES), top[v]);
    for (; i + LANES <= count; i += LANES) top[0] = larger(load(x + i), top[0]);
    float result = max_lanes(larger(larger(top[0], top[1]), larger(top[2], top[3])));
    for (; i < count; i++) result = x[i] > result ? x[i] : result;
    return result;
}

static void softmax(float *x, size_t count) {
    f32x16 center = splat(maximum(x, count)), sum = splat(0);
    EACH_VECTOR(
        count, { f32x16 e = exp16(load(x + i) - center); store(x + i, e); sum += e; },
        {
            store_part(x + i, exp16(load_part(x + i, left) - center), left);
            sum += load_part(x + i, left);
        });
    scale(x, 1.0f / sum_lanes(sum), count);
}

static size_t maximum_index(const float *x, size_t count) {
    f32x16 top = splat(maximum(x, count));
    size_t i = 0;
    while (i + LANES <= count && !__builtin_reduce_or(load(x + i) == top)) i += LANES;
    for (; i < count; i++)
        if (x[i] == top[0]) return i;
    return 0;
}
