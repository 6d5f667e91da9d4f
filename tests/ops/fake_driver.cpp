// A CUDA driver for machines without a GPU, as far as ops/cuda_driver.py uses one: it keeps what it is told, and hands
// every launch to a function of the test's. Loaded as libcuda.so.1 by the real bindings.
#include <cstdint>
#include <cstring>

extern "C" {
using Launched = void (*)(int function, unsigned blocks, unsigned threads, void* stream, const void* call);
static Launched launched = nullptr;
static int granted = 48 << 10;  // bytes of shared memory that a block may have
static int loaded = 0, capture_mode = 0, context = 0, refused = 0;

void fake_on_launch(Launched function) { launched = function; }
int fake_loaded() { return loaded; }
void fake_refuse(int times) { refused = times; }
int fake_capture_mode() { return capture_mode; }

int cuInit(unsigned) { return 0; }
int cuDriverGetVersion(int* version) { return *version = 13000, 0; }
int cuDeviceGet(int* device, int index) { return *device = index, index ? 101 : 0; }
int cuDevicePrimaryCtxRetain(void** found, int) { return *found = &context, 0; }
int cuCtxSetCurrent(void* wanted) { return wanted == &context ? 0 : 201; }
int cuThreadExchangeStreamCaptureMode(int* mode) {
    const int before = capture_mode;
    capture_mode = *mode;
    *mode = before;
    return 0;
}
int cuModuleLoadData(void** module, const void* image) {
    if (memcmp(image, "\177ELF", 4)) return 200;
    if (capture_mode != 2) return 900;  // while a graph is recorded, only the relaxed mode may load
    *module = reinterpret_cast<void*>(intptr_t(++loaded));
    return 0;
}
int cuModuleGetFunction(void** function, void* module, const char* name) {
    *function = module;
    return strcmp(name, "recurrence") && strcmp(name, "sums") && strcmp(name, "stack") ? 500 : 0;
}
int cuFuncLoad(void*) { return 0; }
int cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned ty, unsigned tz,
                   unsigned shared, void* stream, void** arguments, void** extra) {
    if (refused && refused--) return 201;
    if (y != 1 || z != 1 || ty != 1 || tz != 1 || shared || extra || !x || !threads) return 1;
    launched(int(reinterpret_cast<intptr_t>(function)), x, threads, stream, arguments[0]);
    return 0;
}
int cuFuncSetAttribute(void* function, int attribute, int value) { return granted = value, attribute == 8 ? 0 : 1; }
int cuLaunchCooperativeKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned ty,
                              unsigned tz, unsigned shared, void* stream, void** arguments) {
    if (refused && refused--) return 201;
    if (y != 1 || z != 1 || ty != 1 || tz != 1 || shared > unsigned(granted) || !x || !threads) return 1;
    launched(-int(shared), x, threads, stream, arguments[0]);
    return 0;
}

#define KNOWN(name) if (!strcmp(symbol, #name)) return *found = reinterpret_cast<void*>(name), 0;
int cuGetProcAddress_v2(const char* symbol, void** found, int, unsigned long long, int* status) {
    if (status) *status = 0;
    KNOWN(cuInit) KNOWN(cuDriverGetVersion) KNOWN(cuDeviceGet) KNOWN(cuDevicePrimaryCtxRetain) KNOWN(cuCtxSetCurrent)
    KNOWN(cuThreadExchangeStreamCaptureMode) KNOWN(cuModuleLoadData) KNOWN(cuModuleGetFunction) KNOWN(cuFuncLoad)
    KNOWN(cuLaunchKernel) KNOWN(cuLaunchCooperativeKernel) KNOWN(cuFuncSetAttribute) KNOWN(cuGetProcAddress_v2)
    if (status) *status = 1;
    *found = nullptr;
    return 500;
}
int cuGetProcAddress(const char* symbol, void** found, int version, unsigned long long flags) {
    return cuGetProcAddress_v2(symbol, found, version, flags, nullptr);
}
}
