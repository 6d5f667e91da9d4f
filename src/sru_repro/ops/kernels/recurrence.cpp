// The CPU driver: runs one cell over time, forwards and backwards, as vector code over features and on several threads
// over batch and features. Compiled once for each cell and types: CELL, U_TYPE and X_TYPE come from the command line.
//
// Shapes (row-major): u (L, B, k, D), x (L, B, D), v (2, D) or (L, B, 2, D), b (2, D), c0 and mask (B, D),
// padding (L, B), states (L + 1, B, D) in scan order, that is in the order in which a column visits its steps: the second
// half of the columns begins at the last step when there are two directions.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#define STRING(name) #name
#define HEADER(name) STRING(cells/name.h)
#include HEADER(CELL)

using Cell = CELL;
using U = U_TYPE;
using X = X_TYPE;  // of the skip input
using T = Work<U>;

// Arguments of a call; ops/cpp.py packs them in this order. Pointers to what was not given, or is not wanted, are null.
struct Call {
    int64_t L, B, k, D, bidirectional, tanh, per_step, threads;
    double skip_scale;
    const U* u;
    const X* x;
    const T *v, *b, *c0, *mask;
    const bool* padding;
    U* h;
    T *c_n, *states;  // no states in inference
    // Only backward:
    const U* grad_h;
    const T* grad_c_n;
    U* grad_u;
    X* grad_x;
    T *grad_v, *grad_b, *grad_c0;
};

namespace {

// The columns that one thread runs from their first step to their last.
struct Part {
    int64_t b0, b1, j0, j1;
    bool reversed;
};

// Parts of about equal size, at least one a thread: over the batch first, then over features, in whole vectors.
std::vector<Part> split(const Call& a) {
    if (!a.B || !a.D) return {};
    const int64_t directions = a.bidirectional ? 2 : 1, size = a.D / directions;
    const int64_t rows = std::min(a.B, a.threads), wanted = (a.threads + rows - 1) / rows;
    const int64_t pieces = std::max<int64_t>(1, std::min(wanted, size / 64));
    const int64_t width = ((size + pieces - 1) / pieces + 15) / 16 * 16;
    std::vector<Part> parts;
    for (int64_t d = 0; d < directions; ++d)
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t j = 0; j < size; j += width)
                parts.push_back({a.B * r / rows, a.B * (r + 1) / rows, d * size + j,
                                 d * size + std::min(size, j + width), d == 1});
    return parts;
}

// Where the values of one step of one batch row lie. What is not given points to constants.
struct Row {
    const U* u;
    int64_t D;
    const X* skip;
    T scale;
    const T *v_f, *v_r, *b_f, *b_r, *mask;

    HD Step<T> at(int64_t j) const {
        Step<T> s;
        for (int i = 0; i < Cell::gates; ++i) s.u[i] = load(u[i * D + j]);
        s.skip = s.v_f = s.v_r = s.b_f = s.b_r = 0;
        s.mask = 1;
        if constexpr (Cell::highway) s.skip = load(skip[j]) * scale, s.mask = mask[j];
        if constexpr (Cell::peephole) s.v_f = v_f[j], s.v_r = v_r[j];
        if constexpr (Cell::biased) s.b_f = b_f[j], s.b_r = b_r[j];
        return s;
    }
};

struct Rows {
    const Call& a;
    std::vector<T> ones;
    std::vector<X> zeros;
    explicit Rows(const Call& call) : a(call) {
        if (Cell::highway && !a.mask) ones.assign(a.D, 1);
        if (Cell::highway && !a.x && a.k == Cell::gates) std::memset((zeros.resize(a.D), zeros.data()), 0, a.D * sizeof(X));
    }
    Row at(int64_t t, int64_t b) const {
        const int64_t n = t * a.B + b;
        Row row{a.u + n * a.k * a.D, a.D, nullptr, 1, nullptr, nullptr, nullptr, nullptr, nullptr};
        if (a.x) row.skip = a.x + n * a.D, row.scale = T(a.skip_scale);
        else if (a.k > Cell::gates) row.skip = reinterpret_cast<const X*>(row.u + Cell::gates * a.D);
        else row.skip = zeros.data();
        row.mask = a.mask ? a.mask + b * a.D : ones.data();
        const T* v = a.per_step ? a.v + n * 2 * a.D : a.v;
        row.v_f = v, row.v_r = v + a.D;
        row.b_f = a.b, row.b_r = a.b + a.D;
        return row;
    }
};

template <class G> void forward_row(const Row& row, const T* before, T* after, U* h, int64_t j0, int64_t j1) {
#pragma omp simd
    for (int64_t j = j0; j < j1; ++j) {
        T c, out;
        Cell::template forward<G>(row.at(j), before[j], c, out);
        after[j] = c;
        store(h[j], out);
    }
}

// The state before the first step, or its gradient behind the last: zeros where none was given.
void begin(T* to, const T* from, int64_t at, int64_t bytes) {
    from ? std::memcpy(to + at, from + at, bytes) : std::memset(to + at, 0, bytes);
}

template <class G> void forward_part(const Call& a, const Part& part) {
    const Rows rows(a);
    const int64_t j0 = part.j0, j1 = part.j1, bytes = (j1 - j0) * sizeof(T), plane = a.B * a.D;
    T* first = a.states ? a.states : a.c_n;
    for (int64_t b = part.b0; b < part.b1; ++b) begin(first, a.c0, b * a.D + j0, bytes);
    for (int64_t s = 0; s < a.L; ++s) {
        const int64_t t = part.reversed ? a.L - 1 - s : s;
        const T* before = a.states ? a.states + s * plane : a.c_n;
        T* after = a.states ? a.states + (s + 1) * plane : a.c_n;
        for (int64_t b = part.b0; b < part.b1; ++b) {
            U* h = a.h + (t * a.B + b) * a.D;
            if (a.padding && a.padding[t * a.B + b]) {
                std::memset(h + j0, 0, (j1 - j0) * sizeof(U));
                if (a.states) std::memcpy(after + b * a.D + j0, before + b * a.D + j0, bytes);
            } else {
                forward_row<G>(rows.at(t, b), before + b * a.D, after + b * a.D, h, j0, j1);
            }
        }
    }
    if (!a.states) return;
    for (int64_t b = part.b0; b < part.b1; ++b)
        std::memcpy(a.c_n + b * a.D + j0, a.states + a.L * plane + b * a.D + j0, bytes);
}

// Gradients of constant peephole weights and biases: sums over many steps. They are kept in the working precision for
// at most `often` rows and then added up in double, so that rounding does not grow with the length.
struct Sums {
    static constexpr int often = 64;
    std::vector<T> recent;  // (4, D): of v_f, v_r, b_f, b_r
    std::vector<double> total;
    int rows = 0;
    explicit Sums(int64_t D) : recent(4 * D), total(4 * D) {}
    void add_up() {
        for (size_t i = 0; i < total.size(); ++i) total[i] += recent[i], recent[i] = 0;
        rows = 0;
    }
};

template <class G, bool PER_STEP>
void backward_row(const Row& row, const T* before, const U* grad_h, T* carry, U* grad_u, X* grad_skip, T* grad_v,
                  Sums& sums, int64_t j0, int64_t j1) {
    const int64_t D = row.D;
    T *v_f = PER_STEP ? grad_v : sums.recent.data(), *v_r = v_f + D;
    T *b_f = sums.recent.data() + 2 * D, *b_r = b_f + D;
#pragma omp simd
    for (int64_t j = j0; j < j1; ++j) {
        const T p = before[j];
        const Gradient<T> d = Cell::template backward<G>(row.at(j), p, load(grad_h[j]), carry[j]);
        for (int i = 0; i < Cell::gates; ++i) store(grad_u[i * D + j], d.u[i]);
        if constexpr (Cell::highway) store(grad_skip[j], d.skip * row.scale);
        if constexpr (Cell::peephole) {
            v_f[j] = (PER_STEP ? 0 : v_f[j]) + d.u[1] * p;
            v_r[j] = (PER_STEP ? 0 : v_r[j]) + d.u[2] * p;
        }
        if constexpr (Cell::biased) b_f[j] += d.u[1], b_r[j] += d.u[2];
        carry[j] = d.state;
    }
    if constexpr (Cell::peephole || Cell::biased)
        if (++sums.rows == Sums::often) sums.add_up();
}

template <class G> void backward_part(const Call& a, T* carry, const Part& part, Sums& sums) {
    const Rows rows(a);
    std::vector<X> unread(Cell::highway ? a.D : 0);
    const int64_t j0 = part.j0, j1 = part.j1, width = j1 - j0, plane = a.B * a.D;
    for (int64_t b = part.b0; b < part.b1; ++b) begin(carry, a.grad_c_n, b * a.D + j0, width * sizeof(T));
    for (int64_t s = a.L - 1; s >= 0; --s) {
        const int64_t t = part.reversed ? a.L - 1 - s : s;
        for (int64_t b = part.b0; b < part.b1; ++b) {
            const int64_t n = t * a.B + b;
            U* grad_u = a.grad_u + n * a.k * a.D;
            X* grad_x = a.grad_x ? a.grad_x + n * a.D : nullptr;
            T* grad_v = a.per_step ? a.grad_v + n * 2 * a.D : nullptr;
            if (a.padding && a.padding[n]) {
                for (int64_t i = 0; i < a.k; ++i) std::memset(grad_u + i * a.D + j0, 0, width * sizeof(U));
                if (grad_x) std::memset(grad_x + j0, 0, width * sizeof(X));
                if (grad_v) std::memset(grad_v + j0, 0, width * sizeof(T)), std::memset(grad_v + a.D + j0, 0, width * sizeof(T));
                continue;
            }
            X* matrix = a.k > Cell::gates ? reinterpret_cast<X*>(grad_u + Cell::gates * a.D) : unread.data();
            auto run = a.per_step ? backward_row<G, true> : backward_row<G, false>;
            run(rows.at(t, b), a.states + s * plane + b * a.D, a.grad_h + n * a.D, carry + b * a.D, grad_u,
                grad_x ? grad_x : matrix, grad_v, sums, j0, j1);
        }
    }
    sums.add_up();
}

template <class G> void forward_all(const Call& a) {
    const std::vector<Part> parts = split(a);
#pragma omp parallel for num_threads(a.threads) schedule(static)
    for (size_t i = 0; i < parts.size(); ++i) forward_part<G>(a, parts[i]);
}

template <class G> void backward_all(const Call& a) {
    const std::vector<Part> parts = split(a);
    std::vector<Sums> sums;
    for (size_t i = 0; i < parts.size(); ++i) sums.emplace_back(a.D);
    std::vector<T> unwanted(a.grad_c0 ? 0 : a.B * a.D);
    T* carry = a.grad_c0 ? a.grad_c0 : unwanted.data();
#pragma omp parallel for num_threads(a.threads) schedule(static)
    for (size_t i = 0; i < parts.size(); ++i) backward_part<G>(a, carry, parts[i], sums[i]);
    // Parts of the same columns add up in one order, whichever thread was first.
    std::vector<double> total(4 * a.D);
    for (const Sums& part : sums)
        for (int64_t i = 0; i < 4 * a.D; ++i) total[i] += part.total[i];
    if (a.grad_v && !a.per_step) std::copy(total.begin(), total.begin() + 2 * a.D, a.grad_v);
    if (a.grad_b) std::copy(total.begin() + 2 * a.D, total.end(), a.grad_b);
}

}  // namespace

extern "C" void forward(const Call* a) { a->tanh ? forward_all<Tanh>(*a) : forward_all<Identity>(*a); }
extern "C" void backward(const Call* a) { a->tanh ? backward_all<Tanh>(*a) : backward_all<Identity>(*a); }
