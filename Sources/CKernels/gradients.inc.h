// See include/training.h. Included once an implementation, after elementwise.inc.h.
#include "half.h"
#include "lanes.h"

// Three products: the sum over lanes of h x, for h = weight dy.
CK_INLINE float weighted_dot(const float *x, const float *weight, const float *dy, size_t count) {
    f32x16 sum = splat(0);
    EACH_VECTOR(
        count, sum = fma16(load(weight + i) * load(dy + i), load(x + i), sum),
        sum = fma16(load_part(weight + i, left) * load_part(dy + i, left), load_part(x + i, left), sum));
    return sum_lanes(sum);
}

static void rms_norm_gradient(const float *x, const float *weight, const float *dy, float epsilon, size_t count, float *dx) {
    float r = 1.0f / sqrtf(dot(x, x, count) / (float)count + epsilon);
    f32x16 factor = splat(r), back = splat(-r * r * r * (weighted_dot(x, weight, dy, count) / (float)count));
    EACH_VECTOR(
        count, store(dx + i, fma16(load(x + i), back, fma16(load(weight + i) * load(dy + i), factor, load(dx + i)))),
        store_part(
            dx + i,
            fma16(load_part(x + i, left), back, fma16(load_part(weight + i, left) * load_part(dy + i, left), factor, load_part(dx + i, left))),
            left));
}

typedef struct activation_gradient {
    f32x16 gate, up;
} activation_gradient;

CK_INLINE activation_gradient silu_gradient16(f32x16 gate, f32x16 up, f32x16 dy) {
    f32x16 s = splat(1.0f) / (splat(1.0f) + exp16(-gate));
    f32x16 slope = s * fma16(gate, splat(1.0f) - s, splat(1.0f));
    return (activation_gradient){dy * up * slope, dy * gate * s};
}

// gelu_tanh(g) = g s(2 u) with u = sqrt(2 / pi) (g + 0.044715 g³) and s the sigmoid, so its slope is s + g s (1 - s) 2 u'.
CK_INLINE activation_gradient gelu_tanh_gradient16(f32x16 gate, f32x16 up, f32x16 dy) {
    f32x16 square = gate * gate;
    f32x16 twice = gate * fma16(square, splat(0.044715f), splat(1.0f)) * splat(1.5957691216f);
    f32x16 s = splat(1.0f) / (splat(1.0f) + exp16(-twice));
    f32x16 inner = fma16(square, splat(0.134145f), splat(1.0f)) * splat(1.5957691216f);
    f32x16 slope = fma16(gate * s * (splat(1.0f) - s), inner, s);
    return (activation_gradient){dy * up * slope, dy * gate * s};
}

CK_INLINE void multiply_gradient(
    bool is_gelu, const float *gate, const float *up, const float *dy, size_t count, float *gate_gradient, float *up_gradient) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i < LANES ? count - i : LANES;
        f32x16 g = load_first(gate + i, left), u = load_first(up + i, left), d = load_first(dy + i, left);
        activation_gradient result = is_gelu ? gelu_tanh_gradient16(g, u, d) : silu_gradient16(g, u, d);
        if (left == LANES) {
            store(gate_gradient + i, result.gate);
            store(up_gradient + i, result.up);
        } else {
            store_part(gate_gradient + i, result.gate, left);
            store_part(up_gradient + i, result.up, left);
        }
    }
}

static void silu_multiply_gradient(
    const float *gate, const float *up, const float *dy, size_t count, float *gate_gradient, float *up_gradient) {
    multiply_gradient(false, gate, up, dy, count, gate_gradient, up_gradient);
}

static void gelu_tanh_multiply_gradient(
    const float *gate, const float *up, const float *dy, size_t count, float *gate_gradient, float *up_gradient) {
    multiply_gradient(true, gate, up, dy, count, gate_gradient, up_gradient);
}

static void round_bfloats(const float *x, size_t count, uint16_t *y) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i < LANES ? count - i : LANES;
        u16x16 rounded = bfloat_of(load_first(x + i, left));
        memcpy(y + i, &rounded, left * sizeof *y);
    }
}

static void widen_bfloats(const uint16_t *x, size_t count, float *y) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) store(y + i, load_bfloat(x + i));
    for (; i < count; i++) y[i] = bfloat_to_float(x[i]);
}

static float exp_shifted(float *x, float most, size_t count) {
    f32x16 sum = splat(0);
    EACH_VECTOR(
        count,
        {
            f32x16 e = exp16(load(x + i) - splat(most));
            store(x + i, e);
            sum += e;
        },
        {
            float lanes[LANES] = {0};
            store_part(x + i, exp16(load_part(x + i, left) - splat(most)), left);
            memcpy(lanes, x + i, left * sizeof *lanes);
            sum += load(lanes);
        });
    return sum_lanes(sum);
}

static void exp_minus(float *x, float scale, float logsumexp, size_t count) {
    EACH_VECTOR(
        count, store(x + i, exp16(fma16(load(x + i), splat(scale), splat(-logsumexp)))),
        store_part(x + i, exp16(fma16(load_part(x + i, left), splat(scale), splat(-logsumexp))), left));
}

static float softmax_logsumexp(float *x, float scale, size_t count) {
    if (count == 0) return -INFINITY;
    float most = scale * x[maximum_index(x, count)];
    f32x16 sum = splat(0);
    EACH_VECTOR(count, sum += exp16(fma16(load(x + i), splat(scale), splat(-most))), {
        float lanes[LANES] = {0};
        store(lanes, exp16(fma16(load_part(x + i, left), splat(scale), splat(-most))));
        for (size_t k = left; k < LANES; k++) lanes[k] = 0;
        sum += load(lanes);
    });
    float logsumexp = most + logf(sum_lanes(sum));
    exp_minus(x, scale, logsumexp, count);
    return logsumexp;
}

static void softmax_gradient(const float *p, const float *dp, float delta, float scale, size_t count, float *ds) {
    EACH_VECTOR(
        count, store(ds + i, load(p + i) * (load(dp + i) - splat(delta)) * splat(scale)),
        store_part(ds + i, load_part(p + i, left) * (load_part(dp + i, left) - splat(delta)) * splat(scale), left));
}

static void add_product(const float *a, const float *b, float *y, size_t count) {
    EACH_VECTOR(
        count, store(y + i, fma16(load(a + i), load(b + i), load(y + i))),
        store_part(y + i, fma16(load_part(a + i, left), load_part(b + i, left), load_part(y + i, left)), left));
}
