// What kernels/stack.cu takes from CUDA, for a C++ compiler. Its threads wait for each other, within a warp, a block and
// the whole grid: every thread is a coroutine, and all of them take turns on one thread of the host.
#pragma once
#include <ucontext.h>

#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "host_shim.h"

static Index gridDim;

struct Meeting {  // of a warp or of a block
    unsigned size = 0, arrived = 0, round = 0;
};
struct Thread {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    unsigned block, thread, shuffles = 0, round = 0;
    Meeting* waits = nullptr;
    bool done = false;
};
struct Grid {
    ucontext_t home;
    std::vector<Thread> threads;
    std::vector<Meeting> blocks, warps;
    std::vector<float> values;  // two for each lane: a shuffle may begin while another lane still reads the last one's
    std::vector<std::vector<unsigned char>> shared;
    std::function<void()> body;
    Thread* now = nullptr;
};
static Grid grid;

inline void turn() { swapcontext(&grid.now->context, &grid.home); }
inline void meet(Meeting& meeting) {
    if (++meeting.arrived == meeting.size) {
        meeting.arrived = 0, ++meeting.round;
        return;
    }
    grid.now->waits = &meeting, grid.now->round = meeting.round;
    turn();
}
inline void __syncthreads() { meet(grid.blocks[blockIdx.x]); }
inline unsigned warp_of(const Thread& t) { return t.block * (blockDim.x / 32) + t.thread / 32; }
template <class T> T shuffled(T value, unsigned from) {
    static_assert(sizeof(T) == 4, "32 bits");
    const unsigned warp = warp_of(*grid.now), lane = grid.now->thread % 32, side = grid.now->shuffles++ % 2;
    float* at = &grid.values[(warp * 2 + side) * 32];
    memcpy(at + lane, &value, 4);
    meet(grid.warps[warp]);
    memcpy(&value, at + from % 32, 4);
    return value;
}
template <class T> T __shfl_sync(unsigned, T value, unsigned from) { return shuffled(value, from); }
template <class T> T __shfl_xor_sync(unsigned, T value, unsigned mask) {
    return shuffled(value, grid.now->thread % 32 ^ mask);
}

constexpr unsigned char GUARD = 0xa5;
#define SHARED_BYTES(name) unsigned char* name = grid.shared[blockIdx.x].data()
static unsigned long long misses = 0;
template <unsigned N> void look(const unsigned* at, unsigned (&word)[N]) {
    aligned(at, 4 * N);
    memcpy(word, at, 4 * N);
}
inline void tell(unsigned* at, unsigned word) {
    if (*at != 0xffffffffu || word == 0xffffffffu) abort();  // a word is written once, and never as if it were empty
    *at = word;
}
inline void bring(const char* at) { *static_cast<const volatile char*>(at); }  // no address that does not exist
inline void again(unsigned&) { ++misses, turn(); }

static void begin() {
    grid.body();
    grid.now->done = true;
    turn();
}

// Runs all blocks side by side; how often a word was not there yet. The first to run are those that come last.
inline unsigned long long run_grid(unsigned blocks, unsigned threads, unsigned shared, std::function<void()> body) {
    gridDim.x = blocks, blockDim.x = threads, misses = 0;
    grid.body = body;
    grid.threads = std::vector<Thread>(blocks * threads);
    grid.blocks.assign(blocks, Meeting{threads});
    grid.warps.assign(blocks * threads / 32, Meeting{32});
    grid.values.assign(blocks * threads * 2, 0.0f);
    grid.shared.assign(blocks, std::vector<unsigned char>(shared + 64, GUARD));
    for (auto& bytes : grid.shared) memset(bytes.data(), 0xff, shared);  // NaN
    for (unsigned i = 0; i < grid.threads.size(); ++i) {
        Thread& t = grid.threads[i];
        t.block = i / threads, t.thread = i % threads;
        t.stack.reset(new char[64 << 10]);
        getcontext(&t.context);
        t.context.uc_stack.ss_sp = t.stack.get(), t.context.uc_stack.ss_size = 64 << 10, t.context.uc_link = nullptr;
        makecontext(&t.context, begin, 0);
    }
    for (bool left = true; left;) {
        left = false;
        for (unsigned i = grid.threads.size(); i-- > 0;) {
            Thread& t = grid.threads[i];
            if (t.done) continue;
            left = true;
            if (t.waits && t.waits->round == t.round) continue;
            t.waits = nullptr, grid.now = &t, blockIdx.x = t.block, threadIdx.x = t.thread;
            swapcontext(&grid.home, &t.context);
        }
    }
    for (const auto& bytes : grid.shared)
        for (unsigned i = shared; i < bytes.size(); ++i)
            if (bytes[i] != GUARD) abort();  // written beyond what was asked for
    return misses;
}

#define STACK_ON_HOST(name, ...)                                                                                     \
    extern "C" unsigned long long name(const StackCall* call, unsigned blocks, unsigned threads, unsigned shared) {   \
        return run_grid(blocks, threads, shared, [=] { through<__VA_ARGS__>(*call); });                                 \
    }
