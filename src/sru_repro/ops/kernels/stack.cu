// One step of generation through a stack of SRU layers in one launch. All multiprocessors share a layer's product: a
// warp takes a column of the state, adds up the rows of W that make its gates, and runs the recurrence on it at once.
// NVRTC compiles it for each variant; VARIANT and BOUNDS come from the options.
//
// A layer waits for the one before through its outputs themselves: every word of `exchange` is EMPTY before the launch,
// is written once by the warp that computes it, and is looked at by every block until it holds something. So there is no
// barrier, nothing to count and no fence: a word of 32 bits arrives whole. All blocks must be on the GPU at once.
// Weights depend on nothing: those of the next layer are on their way to registers, later ones to the level-2 cache,
// while a block waits.
//
// Shapes (row-major): x (B, D), w (k * H, D) with rows ordered [gate][column], v and b (2, H), c0 and c_n (layers, B, H),
// h (B, H), exchange (layers - 1, ceil(B / PACK), H): a word holds PACK rows of a column.
#include "recurrence.cuh"
#include "cells/sru.h"

constexpr int LAYERS = 32, LANES = 32, WARPS = 8;
constexpr int FAR = 3;  // layers between the one at work and the one that is brought to the level-2 cache
constexpr unsigned EMPTY = 0xffffffffu;  // no number that is stored: as float32 and as two halves a NaN of other bits

// What a layer is; ops/stack.py packs it and `StackCall` in this order. Without peephole weights v is null.
struct StackLayer {
    const void *w, *v, *b;
    i64 D;
    float skip_scale;
    int skip;  // NONE, INPUT or MATRIX
};
struct StackCall {
    i64 layers, B, H;
    const void* x;
    const float* c0;
    float* c_n;
    void* h;
    unsigned* exchange;
    StackLayer layer[LAYERS];
};

// S: type of weights and outputs. ROWS: of the batch, taken at a time. WIDE: rows of W begin at multiples of 16 bytes.
template <class S_, int ROWS_, bool WIDE_, class G_> struct Stack {
    using S = S_;
    using G = G_;
    static constexpr int ROWS = ROWS_, E = 16 / int(sizeof(S)), PACK = 4 / int(sizeof(S));
    static constexpr bool WIDE = WIDE_;
    static constexpr int PIECES = 4;  // of each of three rows of W, read ahead: 16 bytes a lane and piece
};

#if defined(__CUDA_ARCH__)
#define SHARED_BYTES(name) extern __shared__ __align__(16) unsigned char name[]
DEVICE void look(const unsigned* at, unsigned (&word)[4]) {
    asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3]) : "l"(at) : "memory");
}
DEVICE void look(const unsigned* at, unsigned (&word)[1]) {
    asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(word[0]) : "l"(at) : "memory");
}
DEVICE void tell(unsigned* at, unsigned word) {
    asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" : : "l"(at), "r"(word) : "memory");
}
DEVICE void bring(const char* at) { asm volatile("prefetch.global.L2 [%0];" : : "l"(at)); }
DEVICE void again(unsigned& tries) {
    if (++tries == 1u << 26) __trap();  // a block that never came: end with an error instead of never
}
#endif
template <int N> DEVICE bool here(const unsigned (&word)[N]) {
    bool all = true;
#pragma unroll
    for (int i = 0; i < N; ++i) all = all && word[i] != EMPTY;
    return all;
}

// Sums over the lanes of V values each, V a power of two up to 32: lane l is left with value l / (32 / V), in an order of
// additions that is always the same.
template <int V, int OFFSET = LANES / 2, int N> DEVICE float total(float (&value)[N], int lane) {
    if constexpr (OFFSET == 0) {
        return value[0];
    } else if constexpr (V == 1) {
        value[0] += __shfl_xor_sync(~0u, value[0], OFFSET);
        return total<1, OFFSET / 2>(value, lane);
    } else {
        const bool upper = lane & OFFSET;
#pragma unroll
        for (int i = 0; i < V / 2; ++i) {
            const float mine = upper ? value[i + V / 2] : value[i], theirs = upper ? value[i] : value[i + V / 2];
            value[i] = mine + __shfl_xor_sync(~0u, theirs, OFFSET);
        }
        return total<V / 2, OFFSET / 2>(value, lane);
    }
}

// 16 bytes of a row of D values from `from` on; zeros beyond its end.
template <class K> DEVICE Words<typename K::S, K::E> piece(const typename K::S* row, int from, int D) {
    using S = typename K::S;
    if constexpr (K::WIDE) {
        return fetch<S, K::E>(row + from);
    } else {
        Words<S, K::E> got;
#pragma unroll
        for (int i = 0; i < K::E; ++i) got.set(i, from + i < D ? fetch<S, 1>(row + from + i)[0] : S{});
        return got;
    }
}

// What a warp needs of a column beside the layer's input.
template <class K> struct Own {
    using S = typename K::S;
    Words<S, K::E> w[K::PIECES][3];
    // As they lie in memory: a conversion would wait for them here, and not where they are used.
    Words<S, 1> v_f, v_r, b_f, b_r;

    // The first PIECES of the rows of its gates, and its vectors.
    DEVICE void ask(const StackLayer& layer, i64 H, int j, int lane) {
        const S* w_at = static_cast<const S*>(layer.w) + j * layer.D;
        const int D = int(layer.D);
#pragma unroll
        for (int p = 0; p < K::PIECES; ++p) {
            const int from = (p * LANES + lane) * K::E;
            if (from < D) {
#pragma unroll
                for (int gate = 0; gate < 3; ++gate) w[p][gate] = piece<K>(w_at + gate * H * layer.D, from, D);
            }
        }
        const S *v = static_cast<const S*>(layer.v), *b = static_cast<const S*>(layer.b);
        v_f.word[0] = v_r.word[0] = 0;
        if (v) v_f = fetch<S, 1>(v + j), v_r = fetch<S, 1>(v + H + j);
        b_f = fetch<S, 1>(b + j), b_r = fetch<S, 1>(b + H + j);
    }
};

// The rows of a column's gates, to the level-2 cache.
template <class K> DEVICE void bring_column(const StackLayer& layer, i64 H, int j, int lane) {
    const i64 bytes = layer.D * i64(sizeof(typename K::S));
    for (int gate = 0; gate < (layer.skip == MATRIX ? 4 : 3); ++gate) {
        const char* row = static_cast<const char*>(layer.w) + (gate * H + j) * bytes;
        for (i64 at = lane * 32; at < bytes; at += LANES * 32) bring(row + at);
    }
}

// Of N words the numbers that begin at a bit, N adjacent ones.
template <class S, int N> DEVICE void keep(S* to, const unsigned (&word)[N], int bit = 0) {
    Words<S, N> out;
#pragma unroll
    for (int i = 0; i < N; ++i) {
        S value;
        const unsigned bits = word[i] >> bit;
        if constexpr (sizeof(S) == 2) {
            const unsigned short half = (unsigned short)(bits & 0xffffu);
            memcpy(&value, &half, 2);
        } else {
            memcpy(&value, &bits, 4);
        }
        out.set(i, value);
    }
    if constexpr (out.bytes == 16) {
        *reinterpret_cast<uint4*>(to) = uint4{out.word[0], out.word[1], out.word[2], out.word[3]};
    } else if constexpr (out.bytes == 8) {
        *reinterpret_cast<uint2*>(to) = uint2{out.word[0], out.word[1]};
    } else {
        *to = out[0];
    }
}

// Rows b0 to b0 + ROWS of a layer's input to shared memory, (ROWS, stride) with zeros from D to the stride.
template <class K>
DEVICE void stage(const StackCall& a, int l, i64 b0, int D, int stride, typename K::S* into) {
    using S = typename K::S;
    const int rows = int(a.B - b0 < K::ROWS ? a.B - b0 : K::ROWS), threads = int(blockDim.x);
    // The last warps first: where there are few columns they have none, and no weights on their way that a look at the
    // exchange would have to wait for, too.
    const int t = threads - 1 - int(threadIdx.x);
    if (!K::WIDE && stride > D)
        for (int i = t; i < rows * (stride - D); i += threads)
            into[i / (stride - D) * stride + D + i % (stride - D)] = S{};
    if (l == 0) {
        const S* x = static_cast<const S*>(a.x) + b0 * D;
        if constexpr (K::WIDE) {
            for (int i = t * K::E; i < rows * D; i += threads * K::E)
                *reinterpret_cast<uint4*>(into + i) = __ldg(reinterpret_cast<const uint4*>(x + i));
        } else {
            for (int i = t; i < rows * D; i += threads) into[i / D * stride + i % D] = fetch<S, 1>(x + i)[0];
        }
        return;
    }
    const i64 all = (a.B + K::PACK - 1) / K::PACK;
    const unsigned* words = a.exchange + ((l - 1) * all + b0 / K::PACK) * D;
    const int count = (rows + K::PACK - 1) / K::PACK * D;
    constexpr int N = K::WIDE ? 4 : 1, AT_ONCE = 4;  // words of a look, looks on their way
    unsigned tries = 0;
    for (int first = t * N; first < count; first += AT_ONCE * threads * N) {
        unsigned word[AT_ONCE][N];
#pragma unroll
        for (int n = 0; n < AT_ONCE; ++n)
            if (first + n * threads * N < count) look(words + first + n * threads * N, word[n]);
#pragma unroll
        for (int n = 0; n < AT_ONCE; ++n) {
            const int i = first + n * threads * N;
            if (i >= count) break;
            while (!here(word[n])) again(tries), look(words + i, word[n]);
            const int row = K::ROWS <= K::PACK ? 0 : i / D;
            S* to = into + row * K::PACK * stride + (i - row * D);
            keep<S, N>(to, word[n]);
            if (K::PACK == 2 && row * K::PACK + 1 < rows) keep<S, N>(to + stride, word[n], 16);
        }
    }
}

// Adds a piece of the input's rows times the pieces of up to four rows of W.
template <class K>
DEVICE void multiply(float (&sum)[4 * K::ROWS], const Words<typename K::S, K::E>* w, int gates, int first,
                     const typename K::S* x, int stride, int from) {
    using S = typename K::S;
#pragma unroll
    for (int row = 0; row < K::ROWS; ++row) {
        Words<S, K::E> part;
        const uint4 four = *reinterpret_cast<const uint4*>(x + row * stride + from);
        part.word[0] = four.x, part.word[1] = four.y, part.word[2] = four.z, part.word[3] = four.w;
#pragma unroll
        for (int i = 0; i < K::E; ++i) {
            const float value = load(part[i]);
#pragma unroll
            for (int gate = 0; gate < 4; ++gate)
                if (gate < gates) sum[(first + gate) * K::ROWS + row] += load(w[gate][i]) * value;
        }
    }
}

template <class K> DEVICE void through(const StackCall& a) {
    using S = typename K::S;
    constexpr int ROWS = K::ROWS, E = K::E, PIECES = K::PIECES;
    SHARED_BYTES(memory);  // two stages of the input
    const int lane = int(threadIdx.x) % LANES, warp = int(threadIdx.x) / LANES;
    const int blocks = int(gridDim.x), H = int(a.H), layers = int(a.layers), mine = warp * blocks + int(blockIdx.x);
    int widest = H;
    if (a.layer[0].D > widest) widest = int(a.layer[0].D);
    const int room = ROWS * ((widest + E - 1) / E * E);
    int turn = 0;
    Own<K> ahead;
    if (mine < H) {
        ahead.ask(a.layer[0], H, mine, lane);
        for (int l = 1; l < FAR && l < layers; ++l) bring_column<K>(a.layer[l], H, mine, lane);
    }
#pragma unroll 1
    for (int l = 0; l < layers; ++l) {
        const StackLayer& layer = a.layer[l];
        const int D = int(layer.D), stride = (D + E - 1) / E * E;
        const bool matrix = layer.skip == MATRIX;
        if (mine < H && l + FAR < layers) bring_column<K>(a.layer[l + FAR], H, mine, lane);
#pragma unroll 1
        for (i64 b0 = 0; b0 < a.B; b0 += ROWS, turn ^= 1) {
            const i64 b = b0 + lane % ROWS;
            const bool inside = lane < ROWS && b < a.B;
            S* x = reinterpret_cast<S*>(memory) + turn * room;
            float before = 0;
            if (inside && mine < H) before = a.c0[(l * a.B + b) * H + mine];
            stage<K>(a, l, b0, D, stride, x);
            __syncthreads();  // one is enough: whoever fills this stage again has met all others in between
#pragma unroll 1
            for (int j = mine; j < H; j += WARPS * blocks) {
                float sum[4 * ROWS];
#pragma unroll
                for (int i = 0; i < 4 * ROWS; ++i) sum[i] = 0;
                if (j != mine) {
                    ahead.ask(layer, H, j, lane);
                    if (inside) before = a.c0[(l * a.B + b) * H + j];
                }
                const S* w_at = static_cast<const S*>(layer.w) + i64(j) * D;
                const i64 gate = i64(H) * D;
#pragma unroll
                for (int p = 0; p < PIECES; ++p) {
                    const int from = (p * LANES + lane) * E;
                    if (from < D) multiply<K>(sum, ahead.w[p], 3, 0, x, stride, from);
                }
#pragma unroll 1
                for (int from = (PIECES * LANES + lane) * E; from < D; from += LANES * E) {
                    Words<S, E> w[3];
#pragma unroll
                    for (int i = 0; i < 3; ++i) w[i] = piece<K>(w_at + i * gate, from, D);
                    multiply<K>(sum, w, 3, 0, x, stride, from);
                }
                if (matrix) {
#pragma unroll 1
                    for (int from = lane * E; from < D; from += LANES * E) {
                        const Words<S, E> w = piece<K>(w_at + 3 * gate, from, D);
                        multiply<K>(sum, &w, 1, 3, x, stride, from);
                    }
                }
                Step<float> s;
                s.v_f = load(ahead.v_f[0]), s.v_r = load(ahead.v_r[0]);
                s.b_f = load(ahead.b_f[0]), s.b_r = load(ahead.b_r[0]);
                // The column is needed again for the next rows of the batch; else the next layer's is asked for.
                const bool last_rows = b0 + ROWS >= a.B;
                if (j + WARPS * blocks >= H) {
                    if (!last_rows && j != mine) ahead.ask(layer, H, mine, lane);
                    if (last_rows && l + 1 < layers) ahead.ask(a.layer[l + 1], H, mine, lane);
                }
                s.skip = 0;
                if (layer.skip == INPUT) s.skip = load(x[lane % ROWS * stride + j]) * layer.skip_scale;
                const float added = total<4 * ROWS>(sum, lane);
#pragma unroll
                for (int i = 0; i < 3; ++i) s.u[i] = __shfl_sync(~0u, added, i * 8 + lane % ROWS);
                const float skip = __shfl_sync(~0u, added, 3 * 8 + lane % ROWS);
                if (matrix) s.skip = skip;
                s.mask = 1;
                float c, h;
                sru::forward<typename K::G>(s, before, c, h);
                if (inside) a.c_n[(l * a.B + b) * H + j] = c;
                S out;
                store(out, h);
                if (l + 1 == layers) {
                    if (inside) static_cast<S*>(a.h)[b * H + j] = out;
                    continue;
                }
                unsigned word = 0;
                memcpy(&word, &out, sizeof(S));
                if constexpr (K::PACK == 2) {
                    const unsigned other = __shfl_xor_sync(~0u, word, 1);
                    if (ROWS > 1 && b + 1 < a.B) word |= other << 16;
                } else {
                    word = (word & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : word;
                }
                const i64 all = (a.B + K::PACK - 1) / K::PACK;
                if (inside && b % K::PACK == 0) tell(a.exchange + (l * all + b / K::PACK) * H + j, word);
            }
        }
    }
}

#if defined(VARIANT)
extern "C" __global__ void __launch_bounds__(BOUNDS) stack(const __grid_constant__ StackCall a) { through<VARIANT>(a); }
#endif
