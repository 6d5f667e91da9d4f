// Adds up what `recurrence.cu` leaves of the gradients of v and b, a sum for each row of the batch: both in one launch,
// in double and always in the same order, as each of GROUPS threads of a column takes every GROUPS-th row and their sums
// follow one another. Compiled once for each WORK, the type of the sums.
#include "types.h"

#define DEVICE __device__ __forceinline__

using i64 = long long;
using T = WORK;
constexpr int GROUPS = 8, WIDE = 32;  // threads of a block: WIDE columns, side by side in memory

// Arguments of a call; ops/cuda.py packs them in this order.
struct Call {
    i64 rows, width;          // of each array: (rows, width), to be added up to (width)
    const T *first, *second;  // the second is null where there is one only
    T *of_first, *of_second;
};

using Shared = double[GROUPS][WIDE];

// The column of a thread, counted through both arrays.
DEVICE i64 column() { return i64(blockIdx.x) * WIDE + threadIdx.x % WIDE; }
DEVICE bool inside(const Call& a) { return column() < (a.second ? 2 : 1) * a.width; }

DEVICE void add_rows(const Call& a, Shared& sums) {
    double sum = 0;
    if (inside(a)) {
        const T* at = column() < a.width ? a.first + column() : a.second + (column() - a.width);
#pragma unroll 8
        for (i64 row = threadIdx.x / WIDE; row < a.rows; row += GROUPS) sum += double(at[row * a.width]);
    }
    sums[threadIdx.x / WIDE][threadIdx.x % WIDE] = sum;
}

DEVICE void add_groups(const Call& a, const Shared& sums) {
    if (threadIdx.x >= WIDE || !inside(a)) return;
    double sum = 0;
    for (int group = 0; group < GROUPS; ++group) sum += sums[group][threadIdx.x];
    T* out = column() < a.width ? a.of_first + column() : a.of_second + (column() - a.width);
    *out = T(sum);
}

#if defined(__CUDACC__)
extern "C" __global__ void __launch_bounds__(GROUPS * WIDE) sums(const __grid_constant__ Call a) {
    __shared__ Shared shared;
    add_rows(a, shared);
    __syncthreads();
    add_groups(a, shared);
}
#endif
