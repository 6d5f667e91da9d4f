// Number types and the few functions that cells are written in, for host and device, without any header of PyTorch
// or CUDA. Values are stored as float, double, bf16 or f16 and computed in float, or in double where stored so.
#pragma once

#if defined(__CUDACC__)
#define HD __host__ __device__ __forceinline__
#else
#include <math.h>
#include <string.h>
#define HD inline __attribute__((always_inline))
#endif

using f32 = float;
using f64 = double;
struct bf16 { unsigned short bits; };
struct f16 { unsigned short bits; };

template <class Stored> struct WorkOf { using type = float; };
template <> struct WorkOf<double> { using type = double; };
template <class Stored> using Work = typename WorkOf<Stored>::type;

HD unsigned bits_of(float value) {
    unsigned bits;
    memcpy(&bits, &value, 4);
    return bits;
}
HD float float_of(unsigned bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

HD float load(float value) { return value; }
HD double load(double value) { return value; }
HD float load(bf16 value) { return float_of(unsigned(value.bits) << 16); }
HD float load(f16 value) {
#if defined(__CUDA_ARCH__)
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
    return result;
#else
    const unsigned magnitude = unsigned(value.bits & 0x7fff) << 13;
    // 2^112 moves the exponent from a bias of 15 to one of 127, for subnormal numbers too.
    unsigned bits = bits_of(float_of(magnitude) * float_of(0x77800000u));
    bits = magnitude >= 0x0f800000u ? bits | 0x7f800000u : bits;  // infinity and NaN
    return float_of(bits | unsigned(value.bits & 0x8000) << 16);
#endif
}

HD void store(float& at, float value) { at = value; }
HD void store(double& at, double value) { at = value; }
HD void store(bf16& at, float value) {
#if __CUDA_ARCH__ >= 800
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(at.bits) : "f"(value));
#else
    const unsigned bits = bits_of(value), rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    at.bits = (unsigned short)((bits & 0x7fffffff) > 0x7f800000u ? 0x7fc0u : rounded);
#endif
}
HD void store(f16& at, float value) {
#if defined(__CUDA_ARCH__)
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(at.bits) : "f"(value));
#else
    const unsigned bits = bits_of(value), magnitude = bits & 0x7fffffff;
    unsigned half = (magnitude - 0x38000000u + 0xfff + (magnitude >> 13 & 1)) >> 13;
    // Below 2^-14 the sum with 0.5 rounds to multiples of 2^-24, the smallest half.
    half = magnitude < 0x38800000u ? bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u : half;
    half = magnitude >= 0x477ff000u ? 0x7c00u : half;
    half = magnitude > 0x7f800000u ? 0x7e00u : half;
    at.bits = (unsigned short)(half | (bits >> 16 & 0x8000));
#endif
}

#if defined(__CUDA_ARCH__)
// One instruction of the special function unit each, within about 2 units in the last place.
HD float exponential(float x) { return __expf(x); }
HD float reciprocal(float x) {
    float result;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}
#else
// e^x = 2^n e^r with n the integer nearest to x / ln 2 and |r| <= ln 2 / 2, without branches, so that loops over it
// become vector code whatever mathematical library there is. Exactly 0 below -87, infinite above 88.
HD float exponential(float x) {
    const float clamped = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    const float shifted = clamped * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: the low bits hold n
    const float n = shifted - 12582912.0f;
    const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts; n times the first is exact
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = (p * r) * r + r;
    const float power = float_of((bits_of(shifted) + 127) << 23);
    const float result = (p + 1.0f) * power;
    return x < -87.0f ? 0.0f : x > 88.0f ? INFINITY : result;
}
HD float reciprocal(float x) { return 1.0f / x; }
#endif
HD float sigmoid(float x) { return reciprocal(1.0f + exponential(-x)); }
HD float hyperbolic_tangent(float x) {
    const float size = x < 0 ? -x : x, square = x * x;
    const float large = 1.0f - 2.0f * reciprocal(exponential(2.0f * size) + 1.0f);
    // Below 0.625 that difference loses digits: x + x^3 P(x^2) there, P fitted to (tanh(x) / x - 1) / x^2.
    float p = -5.679563723e-3f;
    p = p * square + 2.061835232e-2f;
    p = p * square - 5.373406940e-2f;
    p = p * square + 1.333138446e-1f;
    p = p * square - 3.333328025e-1f;
    const float small = x + x * square * p;
    return size < 0.625f ? small : x < 0 ? -large : x != x ? x : large;
}
HD double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
HD double hyperbolic_tangent(double x) { return tanh(x); }
