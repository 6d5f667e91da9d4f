// What kernels/recurrence.cu takes from CUDA, for a C++ compiler: the kernel runs on the host, one thread after another.
#pragma once
#include <cstdint>
#include <cstdlib>

#define __device__
#define __host__
#define __global__
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(threads)

struct Index {
    unsigned x;
};
static Index threadIdx, blockIdx, blockDim;

// A GPU refuses a wide access that is not a multiple of its width away from zero.
inline void aligned(const void* at, unsigned bytes) {
    if (reinterpret_cast<uintptr_t>(at) % bytes) abort();
}
struct uint2 {
    unsigned x, y;
    uint2& operator=(const uint2& from) { return aligned(this, 8), x = from.x, y = from.y, *this; }
};
struct uint4 {
    unsigned x, y, z, w;
    uint4& operator=(const uint4& from) {
        return aligned(this, 16), x = from.x, y = from.y, z = from.z, w = from.w, *this;
    }
};
template <class S> const S& __ldg(const S* at) { return aligned(at, sizeof(S)), *at; }

// `name` runs the blocks from `first` to `last` of a launch of the kernel that follows.
#define ON_HOST(name, kernel, ...)                                                                          \
    extern "C" void name(const Call* call, unsigned first, unsigned last, unsigned threads) {               \
        blockDim.x = threads;                                                                               \
        for (blockIdx.x = first; blockIdx.x < last; ++blockIdx.x)                                           \
            for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) kernel<__VA_ARGS__>(*call);         \
    }

// The same of a kernel whose threads meet once: all of a block do `first`, and then all of them `second`.
#define TOGETHER_ON_HOST(name, Call, Shared, first, second)                                                 \
    extern "C" void name(const Call* call, unsigned from, unsigned to, unsigned threads) {                  \
        blockDim.x = threads;                                                                               \
        for (blockIdx.x = from; blockIdx.x < to; ++blockIdx.x) {                                            \
            Shared shared;                                                                                  \
            for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) first(*call, shared);               \
            for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) second(*call, shared);              \
        }                                                                                                   \
    }
