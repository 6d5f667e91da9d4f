// How a thread of the CUDA driver reaches its columns: types of a variant, memory accesses, and the order of steps.
// Free of headers of CUDA and PyTorch, so that NVRTC needs nothing but this folder, and g++ a shim of a few lines.
#pragma once
#include "step.h"

#define DEVICE __device__ __forceinline__

using i64 = long long;
enum Skip { NONE, INPUT, MATRIX };

// Arguments of a call; ops/cuda.py packs them in this order. Pointers to what was not given, or is not wanted, are null.
struct Call {
    i64 L, B, D;
    i64 reversed_from;  // the first column that runs backwards in time; D where none does
    double skip_scale;
    const void *u, *x, *v, *b, *c0, *mask, *padding;
    void *h, *c_n, *states;  // no states in inference; backward reads them
    // Only backward; grad_v is per step, or a partial sum (B, 2, D) as grad_b is:
    const void *grad_h, *grad_c_n;
    void *grad_u, *grad_x, *grad_v, *grad_b, *grad_c0;
};

// What is fixed when a kernel is compiled. One thread runs N adjacent columns and reads DEPTH steps ahead.
template <class Cell_, class U_, class X_, Skip SKIP_, class G_, bool PADDED_, bool PER_STEP_, int N_, int DEPTH_>
struct Variant {
    using Cell = Cell_;
    using U = U_;
    using X = X_;  // of the skip input
    using G = G_;
    using T = Work<U>;
    static constexpr Skip SKIP = SKIP_;
    static constexpr bool PADDED = PADDED_, PER_STEP = PER_STEP_;
    static constexpr int N = N_, DEPTH = DEPTH_, k = Cell::gates + (SKIP == MATRIX);
};

// N adjacent values as they lie in memory, in 32-bit words: what waits in registers stays as narrow as it is stored.
template <class S, int N> struct Words {
    static constexpr int bytes = N * int(sizeof(S)), count = (bytes + 3) / 4;
    unsigned word[count];

    DEVICE S operator[](int i) const {
        S value;
        if constexpr (sizeof(S) == 2) {
            const unsigned short bits = (unsigned short)(word[i / 2] >> 16 * (i % 2));
            memcpy(&value, &bits, 2);
        } else {
            memcpy(&value, &word[i * sizeof(S) / 4], sizeof(S));
        }
        return value;
    }
    DEVICE void set(int i, S value) {
        if constexpr (sizeof(S) == 2) {
            unsigned short bits;
            memcpy(&bits, &value, 2);
            word[i / 2] = i % 2 ? word[i / 2] | unsigned(bits) << 16 : bits;
        } else {
            memcpy(&word[i * sizeof(S) / 4], &value, sizeof(S));
        }
    }
};

// Accesses of 2 to 16 bytes. Everything read is written by nobody while the kernel runs.
template <class S, int N> DEVICE Words<S, N> fetch(const void* at) {
    Words<S, N> got;
    if constexpr (got.bytes % 16 == 0) {
#pragma unroll
        for (int i = 0; i < got.bytes / 16; ++i) {
            const uint4 four = __ldg(reinterpret_cast<const uint4*>(at) + i);
            got.word[4 * i] = four.x, got.word[4 * i + 1] = four.y;
            got.word[4 * i + 2] = four.z, got.word[4 * i + 3] = four.w;
        }
    } else if constexpr (got.bytes == 8) {
        const uint2 two = __ldg(reinterpret_cast<const uint2*>(at));
        got.word[0] = two.x, got.word[1] = two.y;
    } else if constexpr (got.bytes == 4) {
        got.word[0] = __ldg(reinterpret_cast<const unsigned*>(at));
    } else {
        static_assert(got.bytes == 2, "no access of this width");
        got.word[0] = __ldg(reinterpret_cast<const unsigned short*>(at));
    }
    return got;
}

template <class S, int N> DEVICE void put(S* at, const Work<S> (&values)[N]) {
    Words<S, N> out;
#pragma unroll
    for (int i = 0; i < N; ++i) {
        S value;
        store(value, values[i]);
        out.set(i, value);
    }
    if constexpr (out.bytes % 16 == 0) {
#pragma unroll
        for (int i = 0; i < out.bytes / 16; ++i)
            reinterpret_cast<uint4*>(at)[i] =
                uint4{out.word[4 * i], out.word[4 * i + 1], out.word[4 * i + 2], out.word[4 * i + 3]};
    } else if constexpr (out.bytes == 8) {
        *reinterpret_cast<uint2*>(at) = uint2{out.word[0], out.word[1]};
    } else if constexpr (out.bytes == 4) {
        *reinterpret_cast<unsigned*>(at) = out.word[0];
    } else {
        *reinterpret_cast<unsigned short*>(at) = (unsigned short)out.word[0];
    }
}

// The columns of this thread: batch row b, columns j to j + N - 1, which lie at `at` in a plane (B, D).
template <int N> struct Column {
    i64 at, b, j;
    bool inside, reversed;

    DEVICE explicit Column(const Call& a) {
        // Below 2^31, as the launch makes sure: 32-bit division. All that follows counts in 64 bits.
        const unsigned n = blockIdx.x * blockDim.x + threadIdx.x, row = unsigned(a.D / N);
        inside = n < unsigned(a.B) * row;
        b = n / row;
        j = i64(n % row) * N;
        at = b * a.D + j;
        reversed = j >= a.reversed_from;
    }
};
