// The CUDA driver: runs one cell over time, forwards and backwards. A thread owns N adjacent columns and loops over the
// steps; what it reads is asked for DEPTH steps before it is used, so that memory latency is hidden at small batches too.
// NVRTC compiles it once for each variant: CELL, KERNEL (forward or backward), VARIANT and BOUNDS come from the options.
//
// Shapes (row-major): u (L, B, k, D), x (L, B, D), v (2, D) or (L, B, 2, D), b (2, D), c0 and mask (B, D),
// padding (L, B), states (L + 1, B, D) in scan order, that is in the order in which a column visits its steps: columns
// from `reversed_from` on begin at the last step.
#include "recurrence.cuh"

#define STRING(name) #name
#define HEADER(name) STRING(cells/name.h)
#include HEADER(CELL)

// What one step of N columns reads. Backward reads the last two as well.
template <class V> struct Raw {
    Words<typename V::U, V::N> u[V::k];
    Words<typename V::X, V::N> x;
    Words<typename V::T, V::N> v[2];
    unsigned char padded;  // tested where it is used, as a test here would wait for it
    Words<typename V::U, V::N> grad_h;
    Words<typename V::T, V::N> before;
};

// Reads step after step, forwards or backwards in time. Pointers move by bytes known before the loop.
template <class V, bool BACKWARD> struct Reader {
    using T = typename V::T;
    using U = typename V::U;
    using X = typename V::X;
    const char *u, *x, *v, *padding, *grad_h, *before;
    i64 D, rows, plane;  // rows: from one step to the next, in batch rows; negative where time runs down

    DEVICE Reader(const Call& a, const Column<V::N>& c) : D(a.D), plane(a.B * a.D) {
        const bool down = c.reversed != BACKWARD;
        const i64 row = (down ? a.L - 1 : 0) * a.B + c.b, at = row * D + c.j;
        rows = down ? -a.B : a.B;
        u = start<U>(a.u, row * V::k * D + c.j);
        x = start<X>(a.x, at);
        v = start<T>(a.v, row * 2 * D + c.j);
        padding = start<char>(a.padding, row);
        grad_h = start<U>(a.grad_h, at);
        before = start<T>(a.states, (a.L - 1) * plane + c.at);
    }
    template <class S> DEVICE static const char* start(const void* array, i64 index) {
        return static_cast<const char*>(array) + index * i64(sizeof(S));
    }

    DEVICE Raw<V> next() {
        constexpr int N = V::N;
        const i64 on = rows * D;
        Raw<V> got;
#pragma unroll
        for (int i = 0; i < V::k; ++i) got.u[i] = fetch<U, N>(u + i * D * i64(sizeof(U)));
        u += on * i64(V::k * sizeof(U));
        if constexpr (V::SKIP == INPUT) got.x = fetch<X, N>(x), x += on * i64(sizeof(X));
        if constexpr (V::PER_STEP) {
            got.v[0] = fetch<T, N>(v), got.v[1] = fetch<T, N>(v + D * i64(sizeof(T)));
            v += on * i64(2 * sizeof(T));
        }
        if constexpr (V::PADDED) got.padded = __ldg(reinterpret_cast<const unsigned char*>(padding)), padding += rows;
        if constexpr (BACKWARD) {
            got.grad_h = fetch<U, N>(grad_h), grad_h += on * i64(sizeof(U));
            got.before = fetch<T, N>(before), before -= plane * i64(sizeof(T));
        }
        return got;
    }
};

// What is the same at all steps, in registers.
template <class V> struct Constants {
    using T = typename V::T;
    static constexpr int N = V::N;
    Words<T, N> v_f, v_r, b_f, b_r, mask;
    bool masked;
    T scale;

    DEVICE Constants(const Call& a, const Column<N>& c) : masked(a.mask), scale(T(a.skip_scale)) {
        const T *v = static_cast<const T*>(a.v) + c.j, *b = static_cast<const T*>(a.b) + c.j;
        if constexpr (V::Cell::peephole && !V::PER_STEP) v_f = fetch<T, N>(v), v_r = fetch<T, N>(v + a.D);
        if constexpr (V::Cell::biased) b_f = fetch<T, N>(b), b_r = fetch<T, N>(b + a.D);
        if constexpr (V::Cell::highway) {
#pragma unroll
            for (int i = 0; i < N; ++i) mask.set(i, 1);
            if (masked) mask = fetch<T, N>(static_cast<const T*>(a.mask) + c.at);
        }
    }

    DEVICE Step<T> step(const Raw<V>& raw, int i) const {
        Step<T> s;
#pragma unroll
        for (int gate = 0; gate < V::Cell::gates; ++gate) s.u[gate] = load(raw.u[gate][i]);
        s.skip = s.v_f = s.v_r = s.b_f = s.b_r = 0;
        s.mask = 1;
        if constexpr (V::SKIP == INPUT) s.skip = load(raw.x[i]) * scale;
        if constexpr (V::SKIP == MATRIX) s.skip = load(raw.u[V::k - 1][i]);
        if constexpr (V::Cell::peephole) s.v_f = V::PER_STEP ? raw.v[0][i] : v_f[i], s.v_r = V::PER_STEP ? raw.v[1][i] : v_r[i];
        if constexpr (V::Cell::biased) s.b_f = b_f[i], s.b_r = b_r[i];
        if constexpr (V::Cell::highway) s.mask = mask[i];
        return s;
    }
};

// `body(raw)` for every step, in the order of `Reader`; `rest()` after every DEPTH of them and at the end.
template <class V, bool BACKWARD, class Body, class Rest>
DEVICE void over_time(const Call& a, const Column<V::N>& column, Body body, Rest rest) {
    constexpr int DEPTH = V::DEPTH;
    Reader<V, BACKWARD> reader(a, column);
    Raw<V> ring[DEPTH];
    int left = int(a.L);
#pragma unroll
    for (int i = 0; i < DEPTH; ++i)
        if (i < left) ring[i] = reader.next();
    // As long as each step has one to read ahead, nothing is tested.
#pragma unroll 1
    for (; left >= 2 * DEPTH; left -= DEPTH) {
#pragma unroll
        for (int i = 0; i < DEPTH; ++i) {
            body(ring[i]);
            ring[i] = reader.next();
        }
        rest();
    }
#pragma unroll 1
    for (; left > 0; left -= DEPTH) {
#pragma unroll
        for (int i = 0; i < DEPTH; ++i) {
            if (i < left) body(ring[i]);
            if (i + DEPTH < left) ring[i] = reader.next();
        }
        rest();
    }
}

// The state before the first step, or its gradient behind the last: zeros where none was given.
template <class T, int N> DEVICE void begin(T (&values)[N], const void* given, i64 at) {
#pragma unroll
    for (int i = 0; i < N; ++i) values[i] = 0;
    if (!given) return;
    const Words<T, N> first = fetch<T, N>(static_cast<const T*>(given) + at);
#pragma unroll
    for (int i = 0; i < N; ++i) values[i] = first[i];
}

template <class V> DEVICE void forward(const Call& a) {
    using T = typename V::T;
    using U = typename V::U;
    constexpr int N = V::N;
    const Column<N> column(a);
    if (!column.inside) return;
    const Constants<V> constants(a, column);
    const i64 plane = a.B * a.D, on = column.reversed ? -plane : plane;
    U* h_at = static_cast<U*>(a.h) + (column.reversed ? (a.L - 1) * plane : 0) + column.at;
    T* state_at = static_cast<T*>(a.states) + column.at;
    const bool keep = a.states;
    T c[N], h[N];
    begin<T, N>(c, a.c0, column.at);
    if (keep) put<T, N>(state_at, c);
    over_time<V, false>(a, column, [&](const Raw<V>& raw) {
#pragma unroll
        for (int i = 0; i < N; ++i) {
            T after;
            V::Cell::template forward<typename V::G>(constants.step(raw, i), c[i], after, h[i]);
            // Selected, not multiplied: whatever a padded step holds, NaN too, goes nowhere.
            c[i] = V::PADDED && raw.padded ? c[i] : after;
            h[i] = V::PADDED && raw.padded ? T(0) : h[i];
        }
        put<U, N>(h_at, h);
        h_at += on;
        state_at += plane;
        if (keep) put<T, N>(state_at, c);
    }, [] {});
    put<T, N>(static_cast<T*>(a.c_n) + column.at, c);
}

// A sum over all steps: DEPTH of them plainly, those sums with what rounding lost (Kahan), so that the error does not
// grow with the length.
template <class T, int N> struct Sum {
    T recent[N], total[N], lost[N];
    DEVICE Sum() {
#pragma unroll
        for (int i = 0; i < N; ++i) recent[i] = total[i] = lost[i] = 0;
    }
    DEVICE void add_up() {
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const T exact = recent[i] - lost[i], sum = total[i] + exact;
            lost[i] = (sum - total[i]) - exact;
            total[i] = sum;
            recent[i] = 0;
        }
    }
};

template <class V> DEVICE void backward(const Call& a) {
    using T = typename V::T;
    using U = typename V::U;
    using X = typename V::X;
    constexpr int N = V::N, gates = V::Cell::gates;
    constexpr bool sum_v = V::Cell::peephole && !V::PER_STEP, sum_b = V::Cell::biased;
    const Column<N> column(a);
    if (!column.inside) return;
    const Constants<V> constants(a, column);
    const i64 D = a.D, row = (column.reversed ? 0 : a.L - 1) * a.B + column.b, rows = column.reversed ? a.B : -a.B;
    U* grad_u = static_cast<U*>(a.grad_u) + row * V::k * D + column.j;
    X* grad_x = static_cast<X*>(a.grad_x) + row * D + column.j;
    T* grad_v = static_cast<T*>(a.grad_v) + row * 2 * D + column.j;
    const bool through_skip = a.grad_x;
    T carry[N];
    begin<T, N>(carry, a.grad_c_n, column.at);
    Sum<T, N> v_f, v_r, b_f, b_r;
    over_time<V, true>(a, column, [&](const Raw<V>& raw) {
        T u[gates + 1][N], per_step[2][N];
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const bool padded = V::PADDED && raw.padded;
            const T before = raw.before[i];
            const Gradient<T> d = V::Cell::template backward<typename V::G>(
                constants.step(raw, i), before, load(raw.grad_h[i]), carry[i]);
#pragma unroll
            for (int gate = 0; gate < gates; ++gate) u[gate][i] = padded ? T(0) : d.u[gate];
            if constexpr (V::SKIP != NONE) u[gates][i] = padded ? T(0) : d.skip;
            if constexpr (V::SKIP == INPUT) u[gates][i] *= constants.scale;
            if constexpr (V::PER_STEP) per_step[0][i] = u[1][i] * before, per_step[1][i] = u[2][i] * before;
            if constexpr (sum_v) v_f.recent[i] += u[1][i] * before, v_r.recent[i] += u[2][i] * before;
            if constexpr (sum_b) b_f.recent[i] += u[1][i], b_r.recent[i] += u[2][i];
            carry[i] = padded ? carry[i] : d.state;
        }
#pragma unroll
        for (int i = 0; i < V::k; ++i) put<U, N>(grad_u + i * D, u[i]);
        grad_u += rows * V::k * D;
        if constexpr (V::SKIP == INPUT) {
            if (through_skip) put<X, N>(grad_x, u[gates]);
            grad_x += rows * D;
        }
        if constexpr (V::PER_STEP) {
            put<T, N>(grad_v, per_step[0]), put<T, N>(grad_v + D, per_step[1]);
            grad_v += rows * 2 * D;
        }
    }, [&] {
        if constexpr (sum_v) v_f.add_up(), v_r.add_up();
        if constexpr (sum_b) b_f.add_up(), b_r.add_up();
    });
    if (a.grad_c0) put<T, N>(static_cast<T*>(a.grad_c0) + column.at, carry);
    const i64 partial = column.b * 2 * D + column.j;
    if constexpr (sum_v) {
        T* out = static_cast<T*>(a.grad_v) + partial;
        if (a.grad_v) put<T, N>(out, v_f.total), put<T, N>(out + D, v_r.total);
    }
    if constexpr (sum_b) {
        T* out = static_cast<T*>(a.grad_b) + partial;
        if (a.grad_b) put<T, N>(out, b_f.total), put<T, N>(out + D, b_r.total);
    }
}

#if defined(KERNEL)
extern "C" __global__ void __launch_bounds__(BOUNDS) recurrence(const __grid_constant__ Call a) { KERNEL<VARIANT>(a); }
#endif
